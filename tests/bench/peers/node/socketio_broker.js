// socket.io, WebSocket transport only; a channel is a room.
//
// perMessageDeflate is off (its default), bufferutil is installed, the backlog holds a storm of connections.
// Nothing is sent volatile, so nothing is dropped.
const http = require('http').createServer();
const { Server } = require('socket.io');

const io = new Server(http, {
  path: '/message', transports: ['websocket'], serveClient: false, perMessageDeflate: false, maxHttpBufferSize: 1 << 20,
});
io.on('connection', (socket) => {
  socket.on('message', (command) => {
    if (command.op === 'subscribe') {
      socket.join(command.channel);
      socket.emit('message', { op: 'subscribed', channel: command.channel });
    } else if (command.op === 'publish') {
      io.to(command.channel).emit('message', { channel: command.channel, data: command.data });
    }
  });
});
http.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 });
