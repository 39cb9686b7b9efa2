// Drives Debian's Chromium: reads a job as JSON from its argument, prints one JSON line.
'use strict';
const http = require('node:http');
const { once } = require('node:events');
const { chromium } = require('playwright-core');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

// Publishes in one pane of one page, and waits for it in the other page.
async function demo(browser, job) {
  const faults = [];
  const open = async (options) => {
    const page = await (await browser.newContext(options)).newPage();
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()); });
    page.on('requestfailed', (request) => faults.push(`failed: ${request.url()}`));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(job.url) && !/^(data|ws):/.test(url)) faults.push(`external: ${url}`);
    });
    await page.goto(job.url);
    return page;
  };
  const one = await open({});
  const other = await open({ viewport: { width: 390, height: 844 } });
  const pane = (page, side) => page.getByTestId(`pane-${side}`);
  const part = (page, side, name) => pane(page, side).getByTestId(name);
  const subscribe = async (page, side, channel) => {
    await part(page, side, 'channels').evaluate((details) => { details.open = true; });
    await part(page, side, 'channel').fill(channel);
    await part(page, side, 'subscribe').click();
    await part(page, side, 'subscriptions').filter({ hasText: channel }).waitFor();
  };
  for (const side of ['left', 'right']) {
    await subscribe(one, side, 'room.one');
    await subscribe(other, side, 'room.one');
  }
  await part(one, 'left', 'data').fill('hello from one page');
  await part(one, 'left', 'publish').click();
  for (const [page, side] of [[one, 'left'], [one, 'right'], [other, 'left'], [other, 'right']]) {
    await part(page, side, 'message').filter({ hasText: 'hello from one page' }).first().waitFor();
  }
  await part(other, 'right', 'data').fill('and back');
  await part(other, 'right', 'publish').click();
  await part(one, 'left', 'message').filter({ hasText: 'and back' }).first().waitFor();

  const received = async (page, side) => Number(await part(page, side, 'received').textContent());
  const before = await received(one, 'right');
  await part(other, 'left', 'burst').click();
  while (await received(one, 'right') < before + 100) await one.waitForTimeout(20);
  const latency = await part(other, 'left', 'latency').textContent();

  await part(other, 'left', 'unsubscribe').click();
  await part(other, 'left', 'subscriptions').filter({ hasNotText: 'room.one' }).waitFor();
  await part(one, 'left', 'data').fill('after leaving');
  await part(one, 'left', 'publish').click();
  await part(other, 'right', 'message').filter({ hasText: 'after leaving' }).first().waitFor();
  const stayed = await part(other, 'left', 'message').filter({ hasText: 'after leaving' }).count();

  await part(one, 'left', 'channel').fill('no spaces here');
  await part(one, 'left', 'subscribe').click();
  await part(one, 'left', 'error').filter({ hasText: /channel/i }).waitFor();
  const wide = await other.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  return { faults, latency, stayed, wide };
}

// A page on the broker's own origin that uses the browser's WebSocket without any library.
async function direct(browser, job) {
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  await page.goto(job.url);
  return page.evaluate(({ channel, bytes }) => new Promise((done) => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/message?channel=${channel}`);
    const text = 'compressible '.repeat(bytes / 13);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.op === 'subscribed') socket.send(JSON.stringify({ op: 'publish', channel, data: text }));
      if (message.op === 'message') {
        socket.close(1000);
        const { extensions } = socket;
        socket.onclose = ({ code, wasClean }) => done({ extensions, same: message.data === text, code, wasClean });
      }
    };
    socket.onerror = () => done({ failed: true });
  }), job);
}

// A page of somebody else: by its own origin, and by a name of its own for our address (DNS rebinding).
async function evil(browser, job) {
  const server = http.createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html').end('<!doctype html><title>evil</title>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const page = await browser.newPage();
  await page.goto(`http://evil.test:${server.address().port}/`);
  const result = await page.evaluate(async ({ port, channel }) => {
    const attempt = (url) => new Promise((done) => {
      const socket = new WebSocket(url);
      socket.onopen = () => done('open');
      socket.onerror = () => done('refused');
    });
    const post = (host) => fetch(`http://${host}:${port}/message`, {
      method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' },
      body: JSON.stringify({ op: 'publish', channel, data: 'from evil' }) }).then(() => 'sent', () => 'sent');
    return {
      foreign_origin: await attempt(`ws://127.0.0.1:${port}/message`),
      rebound_name: await attempt(`ws://evil.test:${port}/message`),
      posted: [await post('127.0.0.1'), await post('evil.test')],
    };
  }, job);
  server.close();
  return result;
}

async function main(job) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags, timeout: 60_000 });
  try {
    return await { demo, direct, evil }[job.job](browser, job);
  } finally {
    await browser.close();
  }
}

main(JSON.parse(process.argv[2])).then(
  (result) => { console.log(JSON.stringify(result)); process.exit(0); },
  (error) => { console.error(error); process.exit(1); });
