// Makes dist/ from src/: types by tsc, bundles by esbuild. The same sources give the same bytes.
//   node build.mjs [--bundles-only] [--out FOLDER]
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { minify } from 'terser';

const folder = fileURLToPath(new URL('.', import.meta.url));
const { values: options } = parseArgs({ options: { 'bundles-only': { type: 'boolean' }, out: { type: 'string' } } });
const dist = path.resolve(options.out ?? path.join(folder, 'dist'));

const common = {
  absWorkingDir: folder,
  bundle: true,
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  // Members that end with an underscore are nobody's but ours: they may be renamed, and are not in the types.
  mangleProps: /[a-z]_$/,
  minify: true,
  sourcemap: true,
  target: 'es2022',
};
// The names that it shares with the others (types.ts) do not end with an underscore.
const browser = { ...common, external: ['./fallback.js'] };
const bundle = (settings, source, name, more) =>
  build({ ...settings, ...more, format: 'esm', entryPoints: [`src/${source}.ts`], outfile: path.join(dist, name) });

/** Once more, by who finds what is left: pages wait for these. */
async function shrink(name, module) {
  const file = path.join(dist, name);
  const { code, map } = await minify(readFileSync(file, 'utf8'), {
    module,
    toplevel: true,
    compress: { ecma: 2020, passes: 3, unsafe_arrows: true },
    format: { ecma: 2020 },
    sourceMap: { content: readFileSync(`${file}.map`, 'utf8'), filename: name, url: `${name}.map` },
  });
  writeFileSync(file, `${code}\n`);
  writeFileSync(`${file}.map`, map);
}

if (!options['bundles-only']) {
  if (!options.out) rmSync(dist, { recursive: true, force: true });
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', folder, '--outDir', path.join(dist, 'types')], { stdio: 'inherit' });
}
await Promise.all([
  bundle(browser, 'index', 'crier.js'),
  // Not 'iife': that brings helpers for `require`, which no page has.
  bundle(browser, 'global', 'crier.global.js', { banner: { js: '(()=>{' }, footer: { js: '})()' } }),
  bundle(common, 'fallback', 'fallback.js'),
  bundle(common, 'node', 'node.js', { platform: 'node', target: 'node18' }),
]);
await Promise.all([shrink('crier.js', true), shrink('crier.global.js', false), shrink('fallback.js', true)]);
