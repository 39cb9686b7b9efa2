// Members by the npm package ws: connects `count` clients, each subscribed to all `channels`; the first `watch` of them
// keep an account of who is there. Prints one JSON line when all are subscribed; on the line "leave" everyone but the
// watchers goes, and a second JSON line says what the watchers made of it; ends with its input.
'use strict';
const { once } = require('node:events');
const readline = require('node:readline');
const WebSocket = require('ws');

const OPENING_MAX = 64;

// Keeps the number of members up to date by what is pushed.
class Account {
  constructor() {
    this.sessions = null;
    this.count = 0;
  }

  list(members, count) {
    this.sessions = members ? new Set(members.map(({ session }) => session)) : null;
    this.count = count ?? (members ? members.length : this.count);
  }

  take(message) {
    if (message.op === 'subscribed' || message.op === 'presence') {
      if (message.members || message.count !== undefined) this.list(message.members, message.count);
    } else if (message.op === 'join') {
      this.count += 1;
    } else if (message.op === 'leave') {
      this.count -= 1;
    }
  }
}

async function join(job, number) {
  const socket = new WebSocket(job.url, { perMessageDeflate: false });
  const watches = number < (job.watch ?? 0);
  let missing = job.channels.length;
  socket.account = new Account();
  const ready = new Promise((done, failed) => {
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      if (message.op === 'error') failed(new Error(data.toString()));
      if (watches) {
        socket.account.take(message);
        socket.onaccount?.();
      }
      if (message.op === 'subscribed') missing -= 1;
      if (missing === 0) done(socket);
    });
    socket.on('error', failed);
  });
  await once(socket, 'open');
  for (const channel of job.channels) {
    socket.send(JSON.stringify({ op: 'subscribe', id: 1, channel, presence: watches }));
  }
  return ready;
}

async function joinAll(job) {
  const sockets = [];
  for (let at = 0; at < job.count; at += OPENING_MAX) {
    const numbers = Array.from({ length: Math.min(OPENING_MAX, job.count - at) }, (_, i) => at + i);
    sockets.push(...await Promise.all(numbers.map((number) => join(job, number))));
  }
  return sockets;
}

async function leave(job, sockets) {
  const watchers = sockets.slice(0, job.watch);
  const goers = sockets.slice(job.watch);
  const gone = goers.map((socket) => once(socket, 'close'));
  const settled = watchers.map((socket) => new Promise((done) => {
    socket.onaccount = () => { if (socket.account.count === job.watch) done(); };
    socket.onaccount();
  }));
  for (const socket of goers) socket.close(1000);
  await Promise.all([...gone, ...settled]);
  return { closed: gone.length, count: watchers.map(({ account }) => account.count) };
}

async function main(job) {
  const seconds = (start) => Number(process.hrtime.bigint() - start) / 1e9;
  let start = process.hrtime.bigint();
  const sockets = await joinAll(job);
  console.log(JSON.stringify({ subscribed: sockets.length * job.channels.length, seconds: seconds(start) }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line !== 'leave') continue;
    start = process.hrtime.bigint();
    console.log(JSON.stringify({ ...await leave(job, sockets), seconds: seconds(start) }));
  }
  process.exit(0);
}

main(JSON.parse(process.argv[2])).catch((error) => { console.error(error); process.exit(1); });
