// What README.md of the library tells authors of pages, as it stands there, in real pages with real frameworks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Broker, Proxy, eventually, folder, secret, token } from '../../../clients/js/test/support.mjs';
import { openPage, servePages } from './chromium.mjs';

const esbuild = createRequire(`${folder}package.json`)('esbuild');
const here = fileURLToPath(new URL('..', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n';

function recipe(heading, language = 'js', page = `${folder}README.md`) {
  const section = readFileSync(page, 'utf8').split(`\n${heading}\n`)[1];
  assert.ok(section, `${page} has no "${heading}"`);
  return new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(section)[1];
}

/** The recipe as `recipe`, and an application that uses it, as a bundler makes them one file. */
async function bundle(heading, application) {
  const contents = typeof heading === 'string' ? recipe(heading) : heading.text;
  const plugin = { name: 'recipe', setup: (build) => {
    build.onResolve({ filter: /^recipe$/ }, () => ({ path: 'recipe', namespace: 'recipe' }));
    build.onLoad({ filter: /.*/, namespace: 'recipe' }, () => ({ contents, resolveDir: here }));
  } };
  const { outputFiles } = await esbuild.build({ stdin: { contents: application, resolveDir: here }, bundle: true,
    write: false, format: 'esm', alias: { 'crier-client': `${folder}dist/crier.js` }, plugins: [plugin],
    define: { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' } });
  return outputFiles[0].text;
}

const html = '<!doctype html><title>page</title><link rel="icon" href="data:,"><div id="app"></div>' +
  '<script type="module" src="/app.js"></script>';

async function openRecipe(t, broker, heading, application, options = {}) {
  const pages = await servePages(t, { broker, ...options,
    more: { '/': html, '/login': '<title>login</title>', '/app.js': await bundle(heading, application) } });
  return { ...pages, page: await openPage(t, `${pages.origin}/`, options) };
}

const items = (page) => page.locator('li').allTextContents();

test('a plain page shows the last messages, and what came while it was cut off', async (t) => {
  const broker = await Broker.start(t, keep);
  await broker.publish('news', { text: 'one' }, { text: 'two' });
  const { origin, cut } = await servePages(t, { broker, more: { '/': recipe('### A plain page', 'html') } });
  const page = await openPage(t, `${origin}/`);
  await page.locator('#state').filter({ hasText: /^connected$/ }).waitFor();
  await page.locator('li').nth(1).waitFor();
  cut();
  await broker.publish('news', { text: 'three' });
  await page.locator('li').nth(2).waitFor();
  assert.deepEqual(await items(page), ['one', 'two', 'three']);
});

const applications = {
  React: `
    import { StrictMode, createElement, useState } from 'react';
    import { createRoot } from 'react-dom/client';
    import { useChannel, useConnected } from 'recipe';
    function News() {
      const [name, setName] = useState('news');
      const messages = useChannel(name);
      return createElement('main', null,
        createElement('p', { id: 'state' }, useConnected() ? 'connected' : 'away'),
        createElement('button', { onClick: () => setName('sports') }, 'sports'),
        createElement('ol', null, messages.map(({ position, data }) => createElement('li', { key: position }, data))));
    }
    createRoot(document.getElementById('app')).render(createElement(StrictMode, null, createElement(News)));`,
  Vue: `
    import { createApp, h, ref } from 'vue';
    import { useChannel } from 'recipe';
    createApp({
      setup() {
        const name = ref('news');
        const messages = useChannel(name);
        return () => h('main', [
          h('button', { onClick: () => { name.value = 'sports'; } }, 'sports'),
          h('ol', messages.value.map(({ position, data }) => h('li', { key: position }, data))),
        ]);
      },
    }).mount('#app');`,
};

for (const [framework, application] of Object.entries(applications)) {
  test(`a component of ${framework} follows a channel through a cut, and another one after a click`, async (t) => {
    const broker = await Broker.start(t, keep);
    await broker.publish('news', 'one', 'two');
    await broker.publish('sports', 'else');
    const { page, cut } = await openRecipe(t, broker, `### ${framework}`, application,
      { expected: /Vue|React DevTools/ });
    await page.locator('li').nth(1).waitFor();
    cut();
    await broker.publish('news', 'three');
    await page.locator('li').filter({ hasText: 'three' }).waitFor();
    assert.deepEqual(await items(page), ['one', 'two', 'three']);
    await page.getByRole('button').click();
    await page.locator('li').filter({ hasText: 'else' }).waitFor();
    assert.deepEqual(await items(page), ['else']);
    await eventually(async () => (await broker.post({ op: 'presence', channel: 'news' }))[0].count === 0);
  });
}

test('a page whose user has signed out goes to the login', async (t) => {
  let signedIn = true;
  const broker = await Broker.start(t, '[server]\nhosts = ["127.0.0.1"]\norigins = ["*"]\n' +
    `[auth]\nanonymous = false\n[auth.jwt]\nalgorithms = ["HS256"]\nsecret = "${secret}"\n`);
  const answer = ({ url }, response) => (url === '/login/token' && signedIn
    ? response.end(token({ sub: 'alice' })) : response.writeHead(401).end());
  const { page, cut } = await openRecipe(t, broker, '### Tokens',
    "import { crier } from 'recipe'; crier.on('connected', () => { document.title = crier.user; });",
    { answer, expected: /signed out/ });
  await page.waitForFunction(() => document.title === 'alice');
  signedIn = false;
  cut();
  await page.waitForURL('**/login');
});

test('what a page sends while it is offline arrives once when it is back', async (t) => {
  const broker = await Broker.start(t, keep);
  const application = "import { send } from 'recipe'; window.send = send;";
  const { page, cut } = await openRecipe(t, broker, '### Offline', application);
  assert.equal(await page.evaluate(() => send('orders', 1)), 'sent');
  await page.context().setOffline(true);
  cut();
  const sent = page.evaluate(() => send('orders', 2));
  await page.context().setOffline(false);
  assert.equal(await sent, 'sent');
  const [{ messages }] = await broker.post({ op: 'history', channel: 'orders' });
  assert.deepEqual(messages.map(({ data }) => data), [1, 2]);
});

test('the page at the top of the main README does what it says', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const text = recipe('## Use it', 'js', `${root}README.md`).replace('ws://localhost:8008/message', proxy.url);
  const { page } = await openRecipe(t, broker, { text: `window.shown = [];\n${text.replace('show(', 'shown.push(')}` },
    "import 'recipe';");
  await page.waitForFunction(() => window.shown?.length === 1);
  proxy.cut();
  await broker.publish('news', 'later');
  await page.waitForFunction(() => window.shown.length === 2);
  assert.deepEqual(await page.evaluate(() => window.shown), [{ headline: 'hello' }, 'later']);
});
