// A server that only says `welcome`, and closes as a test wants: for what a broker does once in a year.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

export function frame(payload, opcode = 1) {
  const bytes = Buffer.from(payload);
  const head = bytes.length > 125 ? [0x80 | opcode, 126, bytes.length >> 8, bytes.length & 0xff] :
    [0x80 | opcode, bytes.length];
  return Buffer.concat([Buffer.from(head), bytes]);
}

export class FakeServer {
  static async start(t, options) {
    const server = new FakeServer(options);
    server.http.listen(0, '127.0.0.1');
    await once(server.http, 'listening');
    t.after(() => {
      server.http.close();
      server.sockets.forEach((socket) => socket.destroy());
    });
    return server;
  }

  /** `answer(request, response)` for what is no upgrade; `welcome`: the first message, or none. */
  constructor({ answer = (_, response) => response.writeHead(404).end(), protocol = 'crier.v1.json',
    welcome = '{"op":"welcome","session":"s","version":"0","heartbeat":25,"limits":{}}', upgrade = true } = {}) {
    this.sockets = new Set();
    this.requests = [];
    this.http = http.createServer((request, response) => {
      this.requests.push(request);
      answer(request, response);
    });
    this.http.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    });
    if (upgrade) this.http.on('upgrade', (request, socket) => {
      this.requests.push(request);
      const proof = createHash('sha1').update(request.headers['sec-websocket-key'])
        .update('258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${proof}\r\n` +
        `${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ''}\r\n`);
      socket.upgraded = true;
      if (welcome) socket.write(frame(welcome));
    });
  }

  get url() {
    return `ws://127.0.0.1:${this.http.address().port}/message`;
  }

  send(bytes) {
    for (const socket of this.sockets) if (socket.upgraded) socket.write(bytes);
  }

  closeAll(code, reason) {
    this.send(frame(Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]), 8));
  }
}
