import { CrierError, closeError, refusal } from './errors.js';
import type { Command, ConnectOptions, Link, LinkEvents, Platform, Push, Socket } from './types.js';

export const subprotocol = 'crier.v1.json';

export class WebSocketLink implements Link {
  readonly transport_ = 'websocket';
  private readonly socket_: Socket;

  constructor(platform: Platform, url: string, options: ConnectOptions, events: LinkEvents) {
    const socket = (this.socket_ = platform.socket_(url, options));
    let spoke = false;
    socket.onmessage = ({ data }) => {
      let push: Push | undefined;
      try {
        push = JSON.parse(data as string) as Push;
      } catch {
        // Judged below.
      }
      if (!push?.op || !(spoke ||= push.op === 'welcome')) {
        this.close_();
        events.lost_(new CrierError('not_a_crier_server', `${url} speaks WebSocket, but not Crier's: check the URL`,
          { final: true }));
        return;
      }
      events.heard_();
      events.push_(push);
    };
    socket.onclose = ({ code, reason, answer, cause }) => {
      if (answer && (answer.headers.get('x-request-id') || answer.headers.get('retry-after'))) {
        refusal(answer, url).then((error) => events.lost_(error), (cause: unknown) => events.lost_(undefined, cause));
      } else {
        events.lost_(spoke || code !== 1006 ? closeError(code, reason) : undefined, cause);
      }
    };
    // `close` follows, and says more.
    socket.onerror = () => {};
  }

  send_(_command: Command, text: string): void {
    this.socket_.send(text);
  }

  close_(): void {
    this.socket_.onmessage = this.socket_.onclose = null;
    this.socket_.close(1000);
  }
}
