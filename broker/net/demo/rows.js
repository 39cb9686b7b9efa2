/* What stands in a pane's list. Everything that came over the wire is shown through textContent only. */
import { milliseconds } from '/chart.js';

const ROWS_MAX = 200;
const SHOWN_CHARACTERS_MAX = 2000;
const FRAME_MS = 20, FLOOD_FRAME_MS = 200;
const CALM_ROWS_MAX = 8; // more rows at once are a flood: drawn seldom and without animation

export const element = (tag, className, textContent) =>
  Object.assign(document.createElement(tag), { className, textContent });

function clock(ms) {
  const date = new Date(ms);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function listRow(kind, text) {
  const row = element('li', kind, text);
  row.dataset.testid = kind.split(' ')[0];
  return row;
}

/** A row is { message, from: { name, side }, text, latency, past: 'history' | 'recovered' }, or a notice. */
function makeRow({ message, from, text, latency, past, notice, isTrouble }) {
  if (notice !== undefined) return listRow(isTrouble ? 'notice trouble' : 'notice', notice);
  const row = listRow(past ? `message ${past}` : 'message', '');
  const line = element('div', 'line', '');
  if (from) line.append(element('span', `from ${from.side}`, from.name));
  line.append(element('span', 'data', text.slice(0, SHOWN_CHARACTERS_MAX)));
  if (past) line.append(element('span', 'past', past));
  if (latency !== undefined) line.append(element('span', 'took', milliseconds(latency)));
  const meta = element('div', 'meta', '');
  const via = message.pattern && `via ${message.pattern}`;
  const facts = [clock(message.time), message.channel, via, message.position, message.encoding];
  meta.append(...facts.filter(Boolean).map((fact) => element('span', '', fact)));
  row.append(line, meta);
  return row;
}

export class Rows {
  constructor(list, onDrawn) {
    this.list = list;
    this.onDrawn = onDrawn;
    this.waiting = []; // newest last
  }

  // Rows wait a little, longer in a flood, so that drawing them does not delay the messages behind them (and with
  // them the latency shown); what would scroll out at once is never made.
  show(row) {
    this.waiting.push(row);
    if (this.waiting.length > ROWS_MAX) this.waiting.shift();
    this.timer ??= setTimeout(() => this.draw(), this.flood ? FLOOD_FRAME_MS : FRAME_MS);
  }

  draw() {
    this.timer = undefined;
    this.flood = this.waiting.length > CALM_ROWS_MAX;
    this.list.classList.toggle('flood', this.flood);
    this.list.prepend(...this.waiting.reverse().map(makeRow));
    this.waiting = [];
    while (this.list.childElementCount > ROWS_MAX) this.list.lastElementChild.remove();
    this.onDrawn();
  }
}
