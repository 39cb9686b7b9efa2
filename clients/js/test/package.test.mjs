// The package: what is in it, how large it is, that it is built from these sources, and that its types hold.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';
import { folder } from './support.mjs';

const dist = (name) => readFileSync(path.join(folder, 'dist', name));
const description = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
const run = (command, parameters, options) =>
  execFileSync(command, parameters,
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000, ...options });

function temporary(t) {
  const made = mkdtempSync(path.join(tmpdir(), 'crier-package-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

for (const [name, bytes] of [['crier.js', 6144], ['crier.global.js', 6144], ['fallback.js', 3072]]) {
  test(`${name} has less than ${bytes} bytes on the wire`, (t) => {
    const size = execFileSync('gzip', ['-9'], { input: dist(name) }).length;
    t.diagnostic(`${name}: ${size} bytes compressed`);
    assert.ok(size < bytes, `${size}`);
  });
}

test('nothing is needed at run time, and nothing but three tools to build', () => {
  assert.equal(description.dependencies, undefined);
  assert.equal(description.peerDependencies, undefined);
  assert.deepEqual(Object.keys(description.devDependencies), ['esbuild', 'terser', 'typescript']);
  for (const version of Object.values(description.devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/);
  const lock = readFileSync(path.join(folder, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"/, 'addresses of registries belong to the machine');
});

test('npm packs what is needed, and nothing else', () => {
  const [packed] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder }));
  const files = packed.files.map(({ path }) => path);
  const types = files.filter((file) => file.startsWith('dist/types/'));
  const bundles = ['crier.js', 'crier.global.js', 'fallback.js', 'node.js'];
  assert.deepEqual(files.filter((file) => !types.includes(file)).sort(), ['LICENSE', 'README.md', 'package.json',
    ...bundles.flatMap((name) => [`dist/${name}`, `dist/${name}.map`])].sort());
  assert.ok(types.includes('dist/types/index.d.ts') && types.every((file) => file.endsWith('.d.ts')), String(types));
  assert.equal(packed.name, 'crier-client');
  assert.equal(packed.version, '0.1.0');
  for (const name of bundles) {
    assert.match(dist(name).toString(), new RegExp(`\\n//# sourceMappingURL=${name}\\.map\\n$`));
    assert.ok(JSON.parse(dist(`${name}.map`)).sources.length);
  }
});

test('every path that the description names is there', () => {
  const { exports, types, module, unpkg, jsdelivr } = description;
  for (const name of [...Object.values(exports['.']), exports['./global'], types, module, unpkg, jsdelivr]) {
    readFileSync(path.join(folder, name));
  }
});

test('dist/ is what these sources give, to the byte', (t) => {
  const out = temporary(t);
  run(process.execPath, ['build.mjs', '--bundles-only', '--out', out], { cwd: folder });
  for (const name of readdirSync(out).filter((name) => name.endsWith('.js'))) {
    assert.ok(readFileSync(path.join(out, name)).equals(dist(name)), `${name}: run \`npm run build\``);
  }
});

test('an application that uses everything fits the types', (t) => {
  const application = temporary(t);
  mkdirSync(path.join(application, 'node_modules'));
  symlinkSync(folder, path.join(application, 'node_modules', 'crier-client'));
  writeFileSync(path.join(application, 'application.ts'), readFileSync(path.join(folder, 'test', 'types.ts')));
  const compiler = path.join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const [module, moduleResolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']]) {
    const files = ['application.ts'];
    writeFileSync(path.join(application, 'tsconfig.json'), JSON.stringify({ files, compilerOptions: { module,
      moduleResolution, noEmit: true, strict: true, exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true, target: 'es2022', lib: ['es2022', 'dom'], types: [] } }));
    try {
      run(process.execPath, [compiler], { cwd: application });
    } catch (error) {
      assert.fail(error.stdout);
    }
  }
});

test('the plain <script> leaves one name, and says no more to the page', () => {
  const page = vm.createContext({ URL, AbortController, setTimeout, clearTimeout, performance, console });
  const before = Object.keys(page);
  vm.runInContext(dist('crier.global.js').toString(), page);
  assert.deepEqual(Object.keys(page).filter((name) => !before.includes(name)), ['Crier']);
  assert.deepEqual(vm.runInContext('Object.keys(Crier)', page).join(), 'connect,CrierError');
  assert.throws(() => vm.runInContext('Crier.connect("nowhere")', page), { code: 'bad_url' });
});

test('importing it does nothing by itself', () => {
  const said = run(process.execPath, ['--input-type=module', '-e', `
    import { connect, CrierError } from 'crier-client';
    console.log(typeof connect, new CrierError('closed', 'x').name, process.getActiveResourcesInfo().length < 5);`],
  { cwd: folder });
  assert.equal(said.trim(), 'function CrierError true');
});
