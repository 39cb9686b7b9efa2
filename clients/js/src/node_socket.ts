// A WebSocket (RFC 6455) over node:http: Node 18 and 20 have none, and no Node's own tells why an upgrade was refused.

import { createHash, randomBytes } from 'node:crypto';
import type { ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { CrierError, type Answer } from './errors.js';
import { answerOf, errorOver, request } from './node_http.js';
import { refusal } from './refusal.js';
import type { ConnectOptions, Socket } from './types.js';
import { subprotocol } from './websocket_link.js';

const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 };
const final = 0x80;
const masked = 0x80;
/** More than any broker sends; a peer that announces more is no broker. */
const messageBytesMax = 64 * 1024 * 1024;
/** A peer that does not answer our close frame must not hold the socket for ever. */
const closeTimeoutMs = 1000;
const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

export class NodeSocket implements Socket {
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  private readonly request_: ClientRequest;
  private stream_: Duplex | undefined;
  /** Read, and not yet a whole frame. */
  private chunks_: Uint8Array[] = [];
  private buffered_ = 0;
  private wanted_ = 2;
  private parts_: Uint8Array[] = [];
  private partBytes_ = 0;
  private ended_ = false;

  constructor(url: string, options: ConnectOptions) {
    const key = randomBytes(16).toString('base64');
    this.request_ = request(url.replace(/^ws/, 'http'), options, { headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': subprotocol,
    } });
    this.request_.on('error', (cause) => {
      const error = errorOver(url, cause);
      // Whoever only wants no upgrades answers other requests.
      this.end_({ code: 1006, reason: '', ...(error.final && { error }) });
    });
    this.request_.on('response', (response) => void this.refused_(url, answerOf(response)));
    this.request_.on('upgrade', ({ headers }, stream, head) => {
      // RFC 6455 4.1: proof that the other side has understood.
      const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      stream.on('error', () => this.end_({ code: 1006, reason: '' }));
      if (this.ended_ || headers['sec-websocket-accept'] !== proof ||
        headers['sec-websocket-protocol'] !== subprotocol) {
        stream.destroy();
        return this.end_({ code: 1006, reason: '' });
      }
      this.stream_ = stream;
      stream.on('data', (chunk) => this.read_(chunk));
      stream.on('close', () => this.end_({ code: 1006, reason: '' }));
      stream.on('end', () => stream.destroy());
      if (head.length) this.read_(head);
    });
    this.request_.end();
  }

  send(text: string): void {
    this.write_(opcodes.text, encoder.encode(text));
  }

  close(code = 1000): void {
    this.ended_ = true;
    const stream = this.stream_;
    if (!stream) return this.request_.destroy();
    this.write_(opcodes.close, new Uint8Array([code >> 8, code & 0xff]));
    stream.end();
    const timer: unknown = setTimeout(() => stream.destroy(), closeTimeoutMs);
    (timer as { unref(): void }).unref();
    stream.on('close', () => clearTimeout(timer as number));
  }

  /** Somebody on the way may refuse an upgrade, and let other requests pass: only the broker's word counts. */
  private async refused_(url: string, answer: Answer): Promise<void> {
    const text = await answer.text().catch(() => '');
    const ours = text.includes('"request_id"') || answer.headers.get('retry-after');
    this.end_({ code: 1006, reason: '', ...(ours && text &&
      { error: refusal((...error) => new CrierError(...error), answer, url, text) }) });
  }

  private end_(event: Parameters<NonNullable<Socket['onclose']>>[0]): void {
    if (this.ended_) return;
    this.ended_ = true;
    this.stream_?.destroy();
    this.onclose?.(event);
  }

  private fail_(code: number, reason: string): void {
    if (this.ended_) return;
    this.write_(opcodes.close, new Uint8Array([code >> 8, code & 0xff]));
    this.stream_?.end();
    this.end_({ code, reason });
  }

  private write_(opcode: number, payload: Uint8Array): void {
    const { length } = payload;
    const wide = length > 0xffff ? 8 : length > 125 ? 2 : 0;
    const frame = new Uint8Array(2 + wide + 4 + length);
    const view = new DataView(frame.buffer);
    frame[0] = final | opcode;
    frame[1] = masked | (wide === 8 ? 127 : wide === 2 ? 126 : length);
    if (wide === 2) view.setUint16(2, length);
    if (wide === 8) view.setBigUint64(2, BigInt(length));
    const mask = randomBytes(4);
    frame.set(mask, 2 + wide);
    for (let i = 0; i < length; i++) frame[6 + wide + i] = payload[i]! ^ mask[i & 3]!;
    this.stream_?.write(frame);
  }

  private read_(chunk: Uint8Array): void {
    this.chunks_.push(chunk);
    this.buffered_ += chunk.length;
    while (!this.ended_ && this.buffered_ >= this.wanted_) {
      const bytes = this.chunks_.length > 1 ? join(this.chunks_, this.buffered_) : this.chunks_[0]!;
      const used = this.frame_(bytes);
      this.chunks_ = [bytes.subarray(used)];
      this.buffered_ -= used;
      if (!used) return;
    }
  }

  /** Takes one frame from the front: its length, or 0 and how many bytes it takes. */
  private frame_(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const first = bytes[0]!;
    const short = bytes[1]!;
    const wide = short === 127 ? 8 : short === 126 ? 2 : 0;
    this.wanted_ = 2 + wide;
    if (bytes.length < this.wanted_) return 0;
    const length = wide === 8 ? Number(view.getBigUint64(2)) : wide === 2 ? view.getUint16(2) : short;
    // No extension was negotiated, and servers do not mask (RFC 6455 5.1, 5.2).
    if (first & 0x70 || short & masked || length > messageBytesMax) {
      this.fail_(1002, 'the server broke the protocol');
      return 0;
    }
    this.wanted_ += length;
    if (bytes.length < this.wanted_) return 0;
    const used = this.wanted_;
    this.wanted_ = 2;
    this.payload_(first & 0x0f, !!(first & final), bytes.subarray(2 + wide, used));
    return used;
  }

  private payload_(opcode: number, last: boolean, payload: Uint8Array): void {
    if (opcode === opcodes.ping) {
      this.write_(opcodes.pong, payload);
    } else if (opcode === opcodes.close) {
      const code = payload.length > 1 ? (payload[0]! << 8) | payload[1]! : 1005;
      this.write_(opcodes.close, payload.subarray(0, 2));
      this.stream_?.end();
      this.end_({ code, reason: new TextDecoder().decode(payload.subarray(2)) });
    } else if (opcode === opcodes.text || opcode === opcodes.continuation) {
      this.partBytes_ += payload.length;
      if (this.partBytes_ > messageBytesMax) return this.fail_(1009, 'the message is too long');
      this.parts_.push(payload);
      if (!last) return;
      const whole = this.parts_.length > 1 ? join(this.parts_, this.partBytes_) : payload;
      this.parts_ = [];
      this.partBytes_ = 0;
      let data: string;
      try {
        data = decoder.decode(whole);
      } catch {
        return this.fail_(1007, 'the server sent text that is not UTF-8');
      }
      this.onmessage?.({ data });
    } else if (opcode !== opcodes.pong) {
      this.fail_(1003, 'the server sent what is no text');
    }
  }
}

function join(parts: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
