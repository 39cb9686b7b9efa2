// The recipes of README.md, as they stand there.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { Broker, Proxy, connect, eventually, folder, name, secret, soon, token } from './support.mjs';

const readme = readFileSync(path.join(folder, 'README.md'), 'utf8');
const strangers = path.join(folder, '../../tests/integration/node_modules');
const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n';

function recipe(heading, language = 'js') {
  const section = readme.split(`\n### ${heading}\n`)[1];
  assert.ok(section, `README.md has no recipe "${heading}"`);
  return new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(section)[1];
}

/** A folder of an application that has this package, and others, installed. */
function application(t, ...packages) {
  const made = mkdtempSync(path.join(tmpdir(), 'crier-recipe-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  mkdirSync(path.join(made, 'node_modules'));
  symlinkSync(folder, path.join(made, 'node_modules', 'crier-client'));
  for (const each of packages) symlinkSync(path.join(strangers, each), path.join(made, 'node_modules', each));
  writeFileSync(path.join(made, 'package.json'), '{"type":"module"}');
  return made;
}

/** Imports a recipe as a page of the broker's would have it. */
async function imported(t, broker, heading, ...packages) {
  globalThis.location = { href: broker.url.replace('ws', 'http'), assign: () => {} };
  t.after(() => delete globalThis.location);
  const made = application(t, ...packages);
  const file = path.join(made, 'recipe.js');
  writeFileSync(file, recipe(heading));
  const module = await import(pathToFileURL(file));
  t.after(() => module.crier?.close());
  return { ...module, installed: createRequire(path.join(made, 'x.js')) };
}

test('a plain page', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  await broker.publish('news', { text: 'one' }, { text: 'two' });
  // As much of a page as the recipe uses, and a WebSocket that nobody here wrote.
  const { WebSocket: Stranger } = createRequire(path.join(strangers, 'x.js'))('ws');
  class WebSocket extends Stranger {
    constructor(...parameters) {
      super(...parameters);
      // As in browsers, where a failure that nobody listens to is none.
      this.on('error', () => {});
    }
  }
  const elements = {};
  const element = () => ({ textContent: '', children: [],
    append(child) { this.children.push(child); }, replaceChildren() { this.children = []; } });
  const page = vm.createContext({ URL, AbortController, AbortSignal, TextEncoder, setTimeout, clearTimeout, performance,
    fetch,
    WebSocket, console, queueMicrotask, crypto, location: { href: proxy.url.replace('ws', 'http') },
    document: { getElementById: (id) => (elements[id] ??= element()), createElement: element } });
  const scripts = recipe('A plain page', 'html').matchAll(/<script(?: src="([^"]+)")?>(.*?)<\/script>/gs);
  for (const [, source, code] of scripts) {
    vm.runInContext(source ? readFileSync(path.join(folder, 'dist', source), 'utf8') : code, page);
  }
  t.after(() => vm.runInContext('crier.close()', page));
  const shown = () => elements.news?.children.map(({ textContent }) => textContent);
  await eventually(() => shown()?.length === 2);
  assert.equal(elements.state.textContent, 'connected');
  proxy.cut();
  await broker.publish('news', { text: 'three' });
  await eventually(() => shown().length === 3);
  assert.deepEqual(shown(), ['one', 'two', 'three']);
});

test('React', async (t) => {
  const broker = await Broker.start(t, keep);
  const { useChannel, useConnected, crier, installed } =
    await imported(t, broker, 'React', 'react', 'react-test-renderer');
  globalThis.IS_REACT_ACT_ENVIRONMENT = true;
  t.mock.method(console, 'error', () => {});
  const react = installed('react');
  const { act, create } = installed('react-test-renderer');
  const channel = name();
  await broker.publish(channel, 'one', 'two');
  const News = ({ name }) => `${useConnected()}: ${useChannel(name).map(({ data }) => data).join(' ')}`;
  let root;
  await act(async () => {
    root = create(react.createElement(react.StrictMode, null, react.createElement(News, { name: channel })));
  });
  const shown = (text) => eventually(async () => {
    await act(async () => {});
    return root.toJSON() === text;
  }, text);
  await shown('true: one two');
  await broker.publish(channel, 'three');
  await shown('true: one two three');
  const other = name();
  await broker.publish(other, 'else');
  await act(async () => root.update(react.createElement(News, { name: other })));
  await shown('true: else');
  await act(async () => root.unmount());
  await eventually(async () => (await crier.channel(channel).presence()).count === 0);
});

test('Vue', async (t) => {
  const broker = await Broker.start(t, keep);
  const { useChannel, crier, installed } = await imported(t, broker, 'Vue', 'vue');
  const { effectScope, ref } = installed('vue');
  const channel = ref(name());
  await broker.publish(channel.value, 'one', 'two');
  const scope = effectScope();
  const messages = scope.run(() => useChannel(channel));
  const datas = () => messages.value.map(({ data }) => data).join(' ');
  await eventually(() => datas() === 'one two');
  await broker.publish(channel.value, 'three');
  await eventually(() => datas() === 'one two three');
  const other = name();
  await broker.publish(other, 'else');
  channel.value = other;
  await eventually(() => datas() === 'else');
  scope.stop();
  await eventually(async () => (await crier.channel(other).presence()).count === 0);
});

test('A service in Node', async (t) => {
  const broker = await Broker.start(t, keep);
  const made = application(t);
  writeFileSync(path.join(made, 'orders.mjs'), recipe('A service in Node'));
  const service = async () => {
    const child = spawn(process.execPath, ['orders.mjs'], { cwd: made, stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, CRIER_URL: broker.url, CRIER_KEY: '' } });
    t.after(() => child.kill());
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    const [code] = await soon(once(child, 'close'), 'the service ends');
    assert.equal(code, 0);
    return said.trim().split('\n');
  };
  await broker.publish('orders', { number: 1 }, { number: 2, last: true });
  assert.deepEqual(await service(), ['order 1', 'order 2']);
  await broker.publish('orders', { number: 3 }, { number: 4, last: true });
  assert.deepEqual(await service(), ['order 3', 'order 4'], 'it goes on where it was');
  const receipts = (await broker.post({ op: 'history', channel: 'receipts' }))[0].messages;
  assert.deepEqual(receipts.map(({ data }) => data.number), [1, 2, 3, 4]);
});

test('Tokens', async (t) => {
  const broker = await Broker.start(t, `[auth.jwt]\nsecret = "${secret}"\n[server]\nhosts = ["crier.test"]\n`);
  let signedIn = true;
  t.mock.method(globalThis, 'fetch', async (target) => {
    assert.equal(target, '/login/token');
    return signedIn ? new Response(token({ sub: 'alice' })) : new Response('', { status: 401 });
  });
  const { crier } = await imported(t, broker, 'Tokens');
  await soon(crier.ready);
  assert.equal(crier.user, 'alice');
  const left = new Promise((resolve) => (globalThis.location.assign = resolve));
  t.mock.method(console, 'error', () => {});
  signedIn = false;
  await broker.stop('SIGKILL');
  assert.equal(await soon(left), '/login');
});

test('Offline', async (t) => {
  const broker = await Broker.start(t, keep);
  const { send } = await imported(t, broker, 'Offline');
  assert.equal(await soon(send('a', 1)), 'sent');
  const watcher = connect(t, broker.url);
  assert.equal((await watcher.channel('a').history()).messages.length, 1);
  assert.match(await soon(send('no name', 1)), /space/);
});
