// The little of Node that node_*.ts use: the package has no dependencies, not even on @types/node.

declare module 'node:stream' {
  export class Readable {
    static toWeb(readable: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array>;
  }
  export interface Duplex {
    on(event: 'data', listener: (chunk: Uint8Array) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'end' | 'close', listener: () => void): this;
    write(bytes: Uint8Array): boolean;
    end(bytes?: Uint8Array): void;
    destroy(): void;
    unref(): void;
  }
}

declare module 'node:http' {
  import type { Duplex } from 'node:stream';
  export interface IncomingMessage extends AsyncIterable<Uint8Array> {
    statusCode: number;
    headers: Record<string, string | string[] | undefined>;
  }
  export interface ClientRequest {
    on(event: 'upgrade', listener: (response: IncomingMessage, socket: Duplex, head: Uint8Array) => void): this;
    on(event: 'response', listener: (response: IncomingMessage) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    end(body?: string): void;
    destroy(): void;
  }
  export interface Options {
    method?: string;
    headers: Record<string, string>;
    signal?: AbortSignal;
    agent?: false;
    [tlsOption: string]: unknown;
  }
  export function request(url: string, options: Options): ClientRequest;
}

declare module 'node:https' {
  export { request } from 'node:http';
}

declare module 'node:crypto' {
  interface Hash {
    update(text: string): Hash;
    digest(encoding: 'base64'): string;
  }
  export interface Bytes extends Uint8Array<ArrayBuffer> {
    toString(encoding?: 'base64' | 'hex'): string;
  }
  export function createHash(name: 'sha1'): Hash;
  export function randomBytes(count: number): Bytes;
}
