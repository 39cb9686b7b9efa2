// A page with the browser's own EventSource. Reads a job as JSON from its argument; prints one JSON line for each
// event of the stream, and {"op":"open"} and {"op":"broken"} as the stream comes and goes; ends with its input.
'use strict';
const { chromium } = require('playwright-core');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

async function main(job) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags, timeout: 60_000 });
  const page = await browser.newPage();
  await page.exposeFunction('report', (line) => console.log(JSON.stringify(line)));
  await page.goto(job.page);
  await page.evaluate((url) => {
    const source = new EventSource(url);
    source.onopen = () => window.report({ op: 'open' });
    source.onerror = () => window.report({ op: 'broken', for_good: source.readyState === EventSource.CLOSED });
    for (const op of ['welcome', 'subscribed', 'message', 'gap', 'unsubscribed', 'drain']) {
      source.addEventListener(op, ({ data }) => window.report(JSON.parse(data)));
    }
  }, job.stream);
  process.stdin.resume().on('end', async () => {
    await browser.close();
    process.exit(0);
  });
}

main(JSON.parse(process.argv[2])).catch((error) => { console.error(error); process.exit(1); });
