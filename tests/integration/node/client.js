// A client on the npm package ws: reads a job as JSON from its argument, prints one JSON line.
'use strict';
const { once } = require('node:events');
const WebSocket = require('ws');

// Messages as a queue: next() waits for the next one.
function open(job) {
  const socket = new WebSocket(job.url, job.protocols || [], { perMessageDeflate: job.deflate ?? false });
  const queue = [];
  let waiting = null;
  socket.on('message', (data, binary) => {
    const message = binary ? data : JSON.parse(data.toString());
    if (waiting) { waiting(message); waiting = null; } else { queue.push(message); }
  });
  socket.next = () => (queue.length ? Promise.resolve(queue.shift()) : new Promise((done) => { waiting = done; }));
  socket.command = (command) => socket.send(JSON.stringify(command));
  return socket;
}

async function opened(job) {
  const socket = open(job);
  let response = null;
  socket.on('upgrade', (answer) => { response = answer; });
  await once(socket, 'open');
  const welcome = await socket.next();
  return { socket, welcome, offer: response.headers['sec-websocket-extensions'] || '' };
}

const jobs = {
  // Messages of many sizes there and back, on one connection.
  async exchange(job) {
    const { socket, offer } = await opened(job);
    socket.command({ op: 'subscribe', channel: job.channel });
    await socket.next();
    let same = 0;
    for (const size of job.sizes) {
      const varied = Array.from({ length: size }, (_, i) => (i * 7919 % 36).toString(36)).join('');
      for (const text of ['a'.repeat(size), varied]) {
        socket.command({ op: 'publish', channel: job.channel, data: text });
        const message = await socket.next();
        if (message.op === 'message' && message.data === text) same += 1;
      }
    }
    socket.close(1000);
    const [code] = await once(socket, 'close');
    return { offer, same, code };
  },

  async fragments(job) {
    const { socket } = await opened(job);
    const text = JSON.stringify({ op: 'ping', id: 'f'.repeat(60) });
    for (let i = 0; i < text.length; i += 7) socket.send(text.slice(i, i + 7), { fin: i + 7 >= text.length });
    const reply = await socket.next();
    socket.terminate();
    return { id: reply.id.length };
  },

  async ping(job) {
    const { socket } = await opened(job);
    socket.ping('payload');
    const [payload] = await once(socket, 'pong');
    socket.terminate();
    return { payload: payload.toString() };
  },

  async close(job) {
    const { socket } = await opened(job);
    socket.close(job.code, 'reason');
    const [code] = await once(socket, 'close');
    return { code };
  },

  // What does the server say to this message?
  async refused(job) {
    const { socket } = await opened(job);
    socket.send(job.bytes ? Buffer.alloc(job.bytes, 0x20) : Buffer.from([1, 2, 3]), { binary: !job.text });
    const [code, reason] = await once(socket, 'close');
    return { code, reason: reason.toString() };
  },

  async protocol(job) {
    const { socket } = await opened(job);
    const protocol = socket.protocol;
    socket.terminate();
    return { protocol };
  },

  // Many clients on one channel, each with its own way to compress.
  async crowd(job) {
    const forgetful = { clientNoContextTakeover: true, serverNoContextTakeover: true };
    const ways = [false, true, { serverMaxWindowBits: 10 }, forgetful];
    const clients = [];
    for (let i = 0; i < job.clients; i += 1) {
      const { socket } = await opened({ ...job, deflate: ways[i % ways.length] });
      socket.command({ op: 'subscribe', channel: job.channel });
      await socket.next();
      clients.push(socket);
    }
    for (let n = 0; n < job.messages; n += 1) {
      const data = [n, 'z'.repeat(n * 13 % 3000)];
      clients[n % clients.length].command({ op: 'publish', channel: job.channel, data });
    }
    const orders = new Set();
    for (const client of clients) {
      const seen = [];
      for (let n = 0; n < job.messages; n += 1) {
        const { data } = await client.next();
        seen.push(data[1] === 'z'.repeat(data[0] * 13 % 3000) ? data[0] : 'damaged');
      }
      orders.add(seen.join());
      client.terminate();
    }
    return { orders: orders.size, distinct: new Set([...orders][0].split(',')).size };
  },
};

const job = JSON.parse(process.argv[2]);
jobs[job.job](job).then(
  (result) => { console.log(JSON.stringify(result)); process.exit(0); },
  (error) => { console.error(error); process.exit(1); });
