// The broker's demo page, pressed as a stranger would.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, range } from '../../../clients/js/test/support.mjs';
import { openPage } from './chromium.mjs';

// With `away`: cuts last until the test ends them.
async function openDemo(t, broker, options) {
  const page = await openPage(t, broker.url.replace('ws', 'http').replace('/message', '/?away=600'), options);
  const part = (side, name) => page.getByTestId(`pane-${side}`).getByTestId(name);
  await Promise.all(['left', 'right'].map((side) =>
    part(side, 'subscriptions').locator('.chip:not(.pending)').filter({ hasText: 'demo' }).waitFor()));
  return { page, part };
}

const isWide = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

test('a connection that is cut comes back, and what was missed arrives once, marked as recovered', async (t) => {
  const broker = await Broker.start(t);
  const { page, part } = await openDemo(t, broker, { viewport: { width: 1280, height: 900 } });
  await part('left', 'publish').click();
  await part('right', 'message').filter({ hasText: 'Hello from the left!' }).waitFor();
  await page.locator('[data-step="publish"].done').filter({ hasText: /Left → broker → right in [\d.]+ ms/ }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'state').filter({ hasText: 'reconnecting' }).waitFor();
  await part('left', 'countdown').filter({ hasText: /try \d+ in \d\.\d s/ }).waitFor();
  await part('right', 'notice').filter({ hasText: 'Left has left demo' }).waitFor();
  assert.match(await part('right', 'count').textContent(), /^1$/);
  await broker.publish('demo', 'from a service'); // whoever it is from
  await part('left', 'outcome').filter({ hasText: /[2-9] missed so far/ }).waitFor();
  await part('left', 'publish').click(); // waits
  await part('left', 'ack').filter({ hasText: 'Waits' }).waitFor();
  await part('left', 'cut').filter({ hasText: 'Reconnect now' }).click();
  await part('left', 'outcome').filter({ hasText: 'Back after' }).waitFor();
  const [, missed, recovered, lost, twice] = (await part('left', 'outcome').textContent())
    .match(/: (\d+) missed, (\d+) recovered, (\d+) lost, (\d+) duplicated/).map(Number);
  assert.ok(missed >= 2);
  assert.deepEqual([recovered, lost, twice], [missed, 0, 0]);
  await part('left', 'ack').filter({ hasText: 'Accepted' }).waitFor();
  const rows = (await part('left', 'messages').locator('.message.recovered .data').allTextContents()).reverse();
  assert.deepEqual(rows.filter((text) => text.startsWith('While')),
    range(missed - 1, 1).map((n) => `While left was away, no. ${n}`));
  assert.ok(rows.includes('from a service'));
  assert.deepEqual([await part('left', 'recovered').textContent(), await part('left', 'twice').textContent()],
    [`${missed}`, '0']);
  await page.locator('[data-step="cut"].done').waitFor();
  await part('right', 'members').filter({ hasText: 'Left' }).waitFor();
});

test('a page that is opened again begins with the last messages, and sees the other one', async (t) => {
  const broker = await Broker.start(t);
  const first = await openDemo(t, broker);
  await first.part('right', 'data').fill('before the other page');
  await first.part('right', 'publish').click();
  await first.part('left', 'message').filter({ hasText: 'before the other page' }).waitFor();
  const other = await openDemo(t, broker, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  await other.part('left', 'messages').locator('.history').filter({ hasText: 'before the other' }).waitFor();
  assert.equal(await other.part('left', 'received').textContent(), '0');
  await first.part('left', 'count').filter({ hasText: '4' }).waitFor();
  await first.part('left', 'notice').filter({ hasText: /Guest \w{4} is here/ }).first().waitFor();
  await first.page.locator('[data-step="tab"].done').waitFor();
  await other.page.close();
  await first.part('left', 'count').filter({ hasText: '2' }).waitFor();
  assert.equal(await isWide(first.page), false);
});

test('latencies become a chart that says in words what it shows', async (t) => {
  const broker = await Broker.start(t);
  const { page, part } = await openDemo(t, broker, { viewport: { width: 360, height: 740 } });
  assert.match(await page.getByTestId('chart').getAttribute('aria-label'), /No message yet/);
  await part('left', 'burst').click();
  await part('left', 'ack').filter({ hasText: '100 of 100 messages accepted' }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.latency svg circle, .latency svg rect').length === 200);
  assert.match(await page.getByTestId('chart').getAttribute('aria-label'),
    /^Latency of the last 200 messages: half of them within [\d.]+ ms, 99 % within [\d.]+ ms, the slowest [\d.]+ ms$/);
  assert.match(await page.getByTestId('p99').textContent(), /^[\d.]+ ms$/);
  assert.equal(await isWide(page), false);
});

test('without presence and history the page says so, and how presence is switched on', async (t) => {
  const broker = await Broker.start(t, '[namespace.default]\npresence = false\nhistory = { messages = 0 }\n');
  const { page, part } = await openDemo(t, broker);
  await part('left', 'no-presence').filter({ hasText: /presence = true/ }).waitFor();
  await part('left', 'publish').click();
  await part('right', 'message').filter({ hasText: 'Hello from the left!' }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'outcome').filter({ hasText: /[1-9] missed so far/ }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'outcome').filter({ hasText: /Back after .* 0 recovered, [1-9]\d* lost/ }).waitFor();
  await part('left', 'notice').filter({ hasText: 'lost' }).first().waitFor();
  assert.equal(await isWide(page), false);
});

test('everything can be done by keyboard, and has a name', async (t) => {
  const broker = await Broker.start(t);
  const { page, part } = await openDemo(t, broker);
  const left = page.getByRole('region', { name: 'Left pane' });
  for (const name of ['Publish', 'Burst of 100', 'Cut my connection']) {
    await left.getByRole('button', { name, exact: true }).waitFor();
  }
  await left.getByLabel('Message to demo').press('Enter');
  await part('right', 'message').filter({ hasText: 'Hello from the left!' }).waitFor();
  await left.locator('summary').press('Enter');
  await left.getByLabel('Channel, or a pattern').fill('demo.>');
  await page.keyboard.press('Enter');
  await part('left', 'subscriptions').filter({ hasText: 'demo.>' }).waitFor();
  await broker.publish('demo.news', 'by a pattern');
  await part('left', 'message').filter({ hasText: /by a pattern.*via demo\.>/ }).waitFor();
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, a, summary, [tabindex]')]
    .filter((each) => !(each.textContent.trim() || each.getAttribute('aria-label') || each.labels?.length))
    .map((each) => each.outerHTML));
  assert.deepEqual(nameless, []);
});

test('where no WebSocket gets through, the page does the same by event streams', async (t) => {
  const broker = await Broker.start(t);
  const proxy = await Proxy.start(t, broker, { upgrades: false });
  const { page, part } = await openDemo(t, proxy);
  await part('left', 'state').filter({ hasText: 'connected by event stream' }).waitFor();
  await part('left', 'publish').click();
  await part('right', 'message').filter({ hasText: 'Hello from the left!' }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'outcome').filter({ hasText: /[1-9] missed so far/ }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'outcome').filter({ hasText: /Back after .* [1-9]\d* recovered, 0 lost, 0 duplicated/ }).waitFor();
  await page.close();
});

test('without a broker the page says so, and comes back with it', async (t) => {
  const broker = await Broker.start(t);
  const { part } = await openDemo(t, broker);
  await broker.stop();
  await part('left', 'outcome').filter({ hasText: 'The broker cannot be reached' }).waitFor();
  await broker.start();
  await part('left', 'state').filter({ hasText: /^connected$/ }).waitFor();
  await part('left', 'publish').click();
  await part('left', 'message').filter({ hasText: 'Hello from the left!' }).waitFor();
});

// CRIER_TEST_SCREENSHOT=FILE takes the picture of README.md (broker/net/demo/screenshot.png) on top.
if (process.env.CRIER_TEST_SCREENSHOT) test('the picture of README.md is taken', async (t) => {
  const broker = await Broker.start(t);
  const { page, part } = await openDemo(t, broker, { viewport: { width: 1280, height: 1016 } });
  await part('left', 'data').fill('Good morning!');
  await part('left', 'publish').click();
  await part('right', 'message').filter({ hasText: 'Good morning!' }).waitFor();
  await part('right', 'burst').click();
  await part('right', 'ack').filter({ hasText: 'accepted' }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'outcome').filter({ hasText: /1[3-9] missed so far/ }).waitFor();
  await part('left', 'cut').click();
  await part('left', 'outcome').filter({ hasText: 'Back after' }).waitFor();
  await page.mouse.move(0, 0);
  await page.waitForTimeout(1500); // the chart is drawn, and nothing moves any more
  await page.screenshot({ path: process.env.CRIER_TEST_SCREENSHOT });
});
