import { CrierError, closeError } from './errors.js';
import type { Command, Link, LinkEvents, Push, Socket } from './types.js';

export const subprotocol = 'crier.v1.json';

export function webSocketLink(socket: Socket, url: string, { push, heard, lost }: LinkEvents): Link {
  let spoke = false;
  socket.onmessage = ({ data }) => {
    let message: Push | undefined;
    try {
      message = JSON.parse(data as string) as Push;
    } catch {
      // Judged below.
    }
    if (!message?.op || !(spoke ||= message.op === 'welcome')) {
      lost(new CrierError('not_a_crier_server', `${url} does not speak Crier: check it`, { final: true }));
    } else {
      heard();
      push(message);
    }
  };
  socket.onclose = ({ code, reason, error }) =>
    lost(error ?? (spoke || code !== 1006 ? closeError(code, reason) : undefined));
  return {
    transport: 'websocket',
    send: (_command: Command, text: string) => socket.send(text),
    close: () => {
      socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}
