// Makes dist/ from src/: types by tsc, bundles by esbuild. The same sources give the same bytes.
//   node build.mjs [--bundles-only]
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('.', import.meta.url));
const output = (name) => `${folder}dist/${name}`;

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

if (!process.argv.includes('--bundles-only')) {
  rmSync(output(''), { recursive: true, force: true });
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', `${folder}tsconfig.json`], { stdio: 'inherit' });
}
const browser = { ...common, external: ['./fallback.js'] };
await Promise.all([
  build({ ...browser, entryPoints: ['src/index.ts'], outfile: output('crier.js'), format: 'esm' }),
  // Not 'iife': that brings helpers for `require`, which no page has.
  build({ ...browser, entryPoints: ['src/global.ts'], outfile: output('crier.global.js'), format: 'esm',
    banner: { js: '(()=>{' }, footer: { js: '})()' } }),
  build({ ...common, entryPoints: ['src/fallback.ts'], outfile: output('fallback.js'), format: 'esm' }),
  build({ ...common, entryPoints: ['src/node.ts'], outfile: output('node.js'), format: 'esm', platform: 'node',
    target: 'node18' }),
]);
