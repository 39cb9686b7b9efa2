// Checks protocol/asyncapi.yaml with AsyncAPI's own parser, prints what it found and which names it defines as one
// JSON line; then validates messages, a JSON list a line: [{direction, transport, message}, …], and answers
// each list with the list of faults.
'use strict';
const fs = require('node:fs');
const readline = require('node:readline');
const { Parser } = require('@asyncapi/parser');
const Ajv = require('ajv').default;

const CHANNEL_OF = { json: 'websocket', cbor: 'websocket', http: 'post', sse: 'events' };

// What the broker says holds nothing that is not described, although clients must take it.
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema)
    .filter(([key]) => !key.startsWith('x-parser-')).map(([key, value]) => [key, closed(value)]));
  if (copy.properties && copy.type === 'object') copy.additionalProperties ??= false;
  return copy;
}

// {channel: {command | reply: [{name, op, validate}]}}
function validators(document) {
  const ajv = new Ajv({ strict: true, allErrors: false });
  const compiled = new Map();
  const found = {};
  const add = (channel, direction, message) => {
    const payload = message.payload().json();
    const name = message.id();
    if (!compiled.has(name)) compiled.set(name, ajv.compile(closed(payload)));
    found[channel] ??= { command: [], reply: [] };
    found[channel][direction].push({ name, op: payload.properties.op?.const, validate: compiled.get(name) });
  };
  for (const operation of document.operations().all()) {
    const channel = operation.channels().all()[0].id();
    const direction = operation.isReceive() ? 'command' : 'reply';
    for (const message of operation.messages().all()) add(channel, direction, message);
    for (const message of operation.reply()?.messages().all() ?? []) add(channel, 'reply', message);
  }
  return found;
}

// The parser leaves these alone.
function badExamples(document) {
  const ajv = new Ajv({ strict: true });
  return document.components().messages().all().flatMap((message) => {
    const validate = ajv.compile(closed(message.payload().json()));
    return message.examples().all().filter((example) => !validate(example.payload()))
      .map((example) => ({ message: 'an example is none of its message', place: message.id() }));
  });
}

function faultOf(known, { direction, transport, message }) {
  const candidates = known[CHANNEL_OF[transport]]?.[direction].filter(({ op }) => op === message.op) ?? [];
  if (candidates.some(({ validate }) => validate(message))) return null;
  const why = candidates.map(({ name, validate }) => ({ name, errors: validate.errors }));
  return { direction, transport, message, why: why.length ? why : 'no such message is described' };
}

async function main() {
  const [path] = process.argv.slice(2);
  const { document, diagnostics } = await new Parser().parse(fs.readFileSync(path, 'utf8'), { source: path });
  const worst = diagnostics.filter(({ severity }) => severity <= 1)
    .map(({ message, path: place, severity }) => ({ message, place: place.join('.'), severity }));
  if (!document) {
    console.log(JSON.stringify({ diagnostics: worst }));
    return;
  }
  const known = validators(document);
  console.log(JSON.stringify({
    diagnostics: worst.concat(badExamples(document)),
    version: document.info().version(),
    operations: Object.fromEntries(Object.entries(known).map(([channel, { command, reply }]) =>
      [channel, { command: command.map(({ op }) => op), reply: reply.map(({ op }) => op) }])),
    codes: document.components().schemas().get('ErrorCode').json().enum,
  }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(JSON.parse(line).map((traffic) => faultOf(known, traffic)).filter(Boolean)));
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
