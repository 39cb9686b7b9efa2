// A page in Debian's Chromium tries all three transports of a broker: reads a job as JSON from its argument, prints one
// JSON line. Every name that ends in .test is this machine.
//
//   page      where the page is, as the browser sees it
//   content   served as that page, whatever listens there: what a name server that changes its answer makes of a name
//   frame     'sandboxed': the attempts are made in a frame without an origin
//   targets   the broker as http://HOST:PORT, once for each attempt
//   channel   to subscribe and to publish to
'use strict';
const { chromium } = require('playwright-core');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
  '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

// Runs in the page. What comes of a WebSocket, an EventSource and of POSTs, one that succeeds and one that does not.
async function attempt({ targets, channel }) {
  const socket = (url) => new Promise((done) => {
    const tried = new WebSocket(url);
    tried.onopen = () => { done('open'); tried.close(); };
    tried.onerror = () => done('refused');
  });
  const stream = (url) => new Promise((done) => {
    const tried = new EventSource(url);
    tried.onopen = () => { done('open'); tried.close(); };
    tried.onerror = () => { done('refused'); tried.close(); };
  });
  const post = async (url, body) => {
    try {
      const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      const { op, code } = await answer.json();
      return { status: answer.status, op, code, id: answer.headers.has('x-request-id') };
    } catch {
      return 'unreadable';
    }
  };
  // No preflight asks about these: no type, a type of forms, and what only listens.
  const blind = (url, options) => fetch(url, { mode: 'no-cors', ...options }).then(() => 'sent', () => 'sent');
  const results = [];
  for (const target of targets) {
    const url = `${target}/message`;
    const command = JSON.stringify({ op: 'publish', channel, data: location.origin });
    results.push({
      socket: await socket(`${url.replace('http', 'ws')}?channel=${channel}`),
      stream: await stream(`${url}?channel=${channel}`),
      post: await post(url, command),
      refused: await post(url, '{"op":"publish"}'),
      blind: [await blind(url, { method: 'POST', body: new Blob([command]) }),
        await blind(url, { method: 'POST', body: command, headers: { 'content-type': 'text/plain' } }),
        await blind(url, { method: 'POST', body: new URLSearchParams([[command, '']]) })],
    });
  }
  return results;
}

// The same in a frame whose origin is opaque. The page gets to know the results by a message.
function attemptInFrame(job) {
  return new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    addEventListener('message', ({ data }) => done(data));
    const script = `(${job.attempt})(${JSON.stringify(job)}).then((data) => parent.postMessage(data, '*'))`;
    frame.srcdoc = `<script>${script}</script>`;
    document.body.append(frame);
  });
}

async function main(job) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags, timeout: 60_000 });
  try {
    const page = await browser.newPage();
    if (job.content) {
      await page.route(job.page, (route) => route.fulfill({ contentType: 'text/html', body: job.content }));
    }
    await page.goto(job.page);
    if (job.frame === 'sandboxed') return await page.evaluate(attemptInFrame, { ...job, attempt: attempt.toString() });
    return await page.evaluate(attempt, job);
  } finally {
    await browser.close();
  }
}

main(JSON.parse(process.argv[2])).then(
  (result) => { console.log(JSON.stringify(result)); process.exit(0); },
  (error) => { console.error(error); process.exit(1); });
