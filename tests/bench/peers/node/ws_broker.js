// A plain broadcast server on ws: a set of sockets for each channel.
//
// perMessageDeflate is off, bufferutil is installed (native unmasking), the backlog holds a storm of connections;
// a subscriber that is 16 MiB behind is cut off.
const { WebSocketServer, WebSocket } = require('ws');

const unsentBytesMax = 16 << 20;
const port = Number(process.argv[2]);
const perMessageDeflate = process.argv[3] === 'deflate';
const channels = new Map();

function subscribe(socket, mine, channel) {
  let subscribers = channels.get(channel);
  if (!subscribers) channels.set(channel, (subscribers = new Set()));
  subscribers.add(socket);
  mine.add(channel);
  socket.send(JSON.stringify({ op: 'subscribed', channel }));
}

function publish(channel, data) {
  const subscribers = channels.get(channel);
  if (!subscribers) return;
  const out = Buffer.from(JSON.stringify({ channel, data }));
  for (const subscriber of subscribers) {
    if (subscriber.readyState !== WebSocket.OPEN) continue;
    if (subscriber.bufferedAmount > unsentBytesMax) {
      subscriber.close(1013);
      subscriber.terminate();
      continue;
    }
    subscriber.send(out, { binary: false });
  }
}

function leave(socket, mine) {
  for (const channel of mine) {
    const subscribers = channels.get(channel);
    subscribers.delete(socket);
    if (!subscribers.size) channels.delete(channel);
  }
}

const server = new WebSocketServer({
  host: '127.0.0.1', port, path: '/message', perMessageDeflate, backlog: 4096, maxPayload: 1 << 20,
});
server.on('connection', (socket) => {
  const mine = new Set();
  socket.on('message', (raw) => {
    const command = JSON.parse(raw);
    if (command.op === 'subscribe') subscribe(socket, mine, command.channel);
    else if (command.op === 'publish') publish(command.channel, command.data);
  });
  socket.on('close', () => leave(socket, mine));
  socket.on('error', () => {});
});
