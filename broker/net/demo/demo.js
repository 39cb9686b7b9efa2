/*
 * Crier's demo page. Two panes, each a client of its own over one WebSocket, speak the broker's JSON commands
 * (crier.v1.json): Link keeps a connection alive and comes back when it dies, Pane shows what arrives on it.
 * Everything that came over the wire is shown through textContent only.
 */
const ROWS_MAX = 200, LATENCIES_MAX = 200;
const SHOWN_CHARACTERS_MAX = 2000;
const BURST_SIZE = 100;
const RATE_WINDOW_MS = 5000;
const BACKOFF_BASE_MS = 500, BACKOFF_MAX_MS = 15000;
const ANSWER_WITHIN_MS = 10000; // for the welcome, and for the pong once the link was silent
const STABLE_AFTER_MS = 5000;   // a link that lived shorter does not reset the backoff
const FRAME_MS = 20, FLOOD_FRAME_MS = 200;
const CALM_ROWS_MAX = 8;        // more rows at once are a flood: drawn seldom and without animation
const PAGE_ID = crypto.getRandomValues(new Uint32Array(2)).join('-');
const PATH = new URLSearchParams(location.search).get('path') || '/message';

// After these codes the same connection would end the same way; 4002 would need a token, which this page has not.
const FINAL_CLOSE_CODES = new Set([1002, 1003, 1007, 1008, 1009, 4001, 4002, 4003]);

const CLOSE_TEXT = new Map([
  [1001, 'the broker went away'], [1006, 'the link broke'], [1012, 'the broker restarts'],
  [1013, 'the broker is at capacity'], [4000, 'this page read too slowly'], [4001, 'not authorised'],
  [4002, 'the token expired'], [4003, 'disconnected by a service'], [4004, 'too many commands'],
  [4005, 'the broker heard nothing from this page'],
]);

const ERROR_TEXT = new Map([
  ['bad_request', 'The broker did not understand this'], ['unauthorized', 'This needs authentication'],
  ['token_expired', 'The token has expired'], ['forbidden', 'This is not allowed'],
  ['already_subscribed', 'Already subscribed'], ['not_subscribed', 'Not subscribed'],
  ['too_large', 'The message is too large'], ['rate_limited', 'Too many commands, please slow down'],
  ['limit_exceeded', 'A limit is reached'], ['unrecoverable_position', 'That position is no longer in the history'],
  ['unavailable', 'The broker cannot do this now; nothing was stored'],
  ['timeout', 'No answer in time; it may have happened'], ['internal', 'Something went wrong in the broker'],
]);

const now = () => performance.timeOrigin + performance.now();
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const milliseconds = (ms) => `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
const element = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });
const thousands = (n) => n.toLocaleString('en');

// Assigned part by part, so that no ?path= can lead to another host.
function brokerUrl(secure, plain) {
  const url = new URL(location.origin);
  url.protocol = location.protocol === 'https:' ? secure : plain;
  url.pathname = PATH;
  return url.href.replace(/'/g, '%27'); // it stands between a shell's quotes, too
}

function clock(ms) {
  const date = new Date(ms);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function errorText(push) {
  const title = ERROR_TEXT.get(push.code) ?? 'The broker refused this';
  const detail = push.message ? `: ${push.message}` : '';
  const retry = push.retry_after ? `; try again in ${push.retry_after} s` : '';
  return `${title} (${push.code})${detail}${retry}`;
}

function gapText(push) {
  const fate = push.conflated ? 'replaced by newer ones' : 'dropped for this pane';
  return `Messages on ${push.channel} ${fate}: ${push.lost === undefined ? 'number unknown' : thousands(push.lost)}.`;
}

// One connection at a time to the broker. The pane is told by showState(name, text), receive(push), forgetLink(why).
class Link {
  constructor(pane) {
    this.pane = pane;
    this.attempt = 0;
  }

  connect() {
    this.pane.showState('connecting', 'connecting…');
    this.opened = this.draining = false;
    this.heartbeatMs = 0;
    this.connectedAt = now();
    const socket = this.socket = new WebSocket(brokerUrl('wss:', 'ws:'), 'crier.v1.json');
    socket.onmessage = (event) => { if (socket === this.socket) this.heard(event.data); };
    socket.onclose = (event) => { if (socket === this.socket) this.lost(event.code, event.reason); };
    this.expectAnswer('the broker does not answer');
  }

  send(command) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }

  heard(text) {
    const push = JSON.parse(text);
    if (push.op === 'welcome') {
      this.opened = true;
      this.heartbeatMs = push.heartbeat * 1000;
      this.pane.showState('connected', 'connected');
    } else if (push.op === 'drain') {
      this.draining = true;
      this.pane.showState('draining', `connected; the broker moves this link in ${seconds(push.reconnect_in)}`);
    }
    this.watchSilence();
    this.pane.receive(push);
  }

  // A page cannot see the broker's protocol pings, so it asks for itself when nothing else came.
  watchSilence() {
    clearTimeout(this.timer);
    if (!(this.heartbeatMs > 0)) return;
    this.timer = setTimeout(() => {
      this.send({ op: 'ping' });
      this.expectAnswer('the link went silent');
    }, this.heartbeatMs);
  }

  expectAnswer(otherwise) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(1006, otherwise), ANSWER_WITHIN_MS);
  }

  lost(code, reason) {
    clearTimeout(this.timer);
    this.socket.close();
    this.socket = null; // a dead link's close event may come much later, and is nobody's news then
    const unreachable = !this.opened && code === 1006 ? 'the broker cannot be reached' : undefined;
    const own = code === 1006 ? reason : ''; // a reason of this page's; a peer sends none with 1006
    const why = own || unreachable || CLOSE_TEXT.get(code) || reason || `close code ${code}`;
    if (!FINAL_CLOSE_CODES.has(code)) this.retry(why);
    else this.pane.showState('closed', `closed: ${why} (${code}). Reload the page to try again.`);
    if (this.opened) this.pane.forgetLink(why);
  }

  // Full jitter: many pages that lost the same broker do not come back in step.
  retry(why) {
    if (this.opened && now() - this.connectedAt > STABLE_AFTER_MS) this.attempt = 0;
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** this.attempt++);
    const delay = this.draining ? 0 : Math.random() * ceiling;
    this.pane.showState('waiting', `${why}; trying again in ${seconds(delay)}`);
    setTimeout(() => this.connect(), delay);
  }
}

// The figures of one pane.
class Counters {
  constructor() {
    this.received = 0;
    this.latencies = [];
    this.samples = [{ at: now(), received: 0 }];
  }

  count(latency) {
    this.received += 1;
    if (latency === undefined) return;
    this.latencies.push(latency);
    if (this.latencies.length > LATENCIES_MAX) this.latencies.shift();
  }

  // To be called a few times a second; the oldest sample is the start of the window.
  perSecond() {
    const at = now();
    this.samples.push({ at, received: this.received });
    while (this.samples[1].at <= at - RATE_WINDOW_MS) this.samples.shift();
    return (this.received - this.samples[0].received) / (RATE_WINDOW_MS / 1000);
  }

  percentiles() {
    const sorted = [...this.latencies].sort((a, b) => a - b);
    const at = (share) => sorted[Math.ceil(share * sorted.length) - 1];
    return sorted.length ? `${milliseconds(at(0.5))} / ${milliseconds(at(0.99))}` : '–';
  }
}

class Pane {
  constructor(side, name, onCrossing) {
    Object.assign(this, { side, name, onCrossing });
    this.counters = new Counters();
    this.subscriptions = new Map([['demo', false]]); // channel -> whether the broker has confirmed it on this link
    this.waiting = [];                               // rows to show, newest last
    this.sentAt = new Map();                         // id of a publish -> when
    this.nextId = 1;
    this.build();
    this.link = new Link(this);
    this.link.connect();
    setInterval(() => this.showCounters(), 500);
  }

  build() {
    const root = document.getElementById('pane').content.firstElementChild.cloneNode(true);
    this.ui = Object.fromEntries([...root.querySelectorAll('[data-testid]')].map((e) => [e.dataset.testid, e]));
    root.classList.add(this.side);
    root.dataset.testid = `pane-${this.side}`;
    root.setAttribute('aria-label', `${this.name} pane`);
    root.querySelector('h2').textContent = this.name;
    this.ui.messages.setAttribute('aria-label', `Messages in the ${this.side} pane, newest first`);
    this.ui.data.value = `Hello from the ${this.side}!`;
    this.listen();
    document.getElementById('panes').append(root);
  }

  listen() {
    const { ui } = this;
    const on = (name, type, action) => ui[name].addEventListener(type, (event) => {
      event.preventDefault();
      action();
    });
    on('channel-form', 'submit', () => this.command({ op: 'subscribe', channel: this.channel() }));
    on('publish-form', 'submit', () => this.publish());
    on('unsubscribe', 'click', () => this.command({ op: 'unsubscribe', channel: this.channel() }));
    on('burst', 'click', () => this.burst());
  }

  channel() { return this.ui.channel.value.trim(); }
  payload(text) { return { from: this.side, page: PAGE_ID, sent: now(), text }; }
  notice(text) { this.show({ notice: text }); }

  command(command) {
    this.hideError();
    const id = this.nextId++;
    this.link.send({ ...command, id });
    return id;
  }

  publish() {
    const field = this.ui.data;
    const id = this.command({ op: 'publish', channel: this.channel(), data: this.payload(field.value) });
    this.sentAt.set(id, now());
    if (document.activeElement === field) field.select(); // the next word typed replaces the last message
  }

  // Without `id` the broker answers only what it refuses.
  burst() {
    this.hideError();
    for (let n = 1; n <= BURST_SIZE; n++) {
      const data = this.payload(`${this.ui.data.value} ${n}/${BURST_SIZE}`);
      this.link.send({ op: 'publish', channel: this.channel(), data });
    }
    this.ui.ack.textContent = `${BURST_SIZE} messages sent`;
  }

  receive(push) {
    switch (push.op) {
      case 'welcome': return this.welcome(push);
      case 'subscribed': return this.setSubscription(push.channel, true);
      case 'unsubscribed': return this.unsubscribed(push);
      case 'message': return this.message(push);
      case 'published': return this.published(push);
      case 'gap': return this.notice(gapText(push));
      case 'drain': return this.notice(`The broker moves this link in ${seconds(push.reconnect_in)}.`);
      case 'error': return this.refused(push);
      default: return undefined; // pong, and what later brokers add
    }
  }

  welcome(push) {
    this.ui.session.textContent = `session ${push.session}`;
    this.ui.session.title = `session ${push.session}, broker ${push.version}`;
    for (const channel of this.subscriptions.keys()) this.command({ op: 'subscribe', channel });
  }

  unsubscribed(push) {
    this.setSubscription(push.channel, undefined);
    const reason = [push.reason, push.code && `(${push.code})`].filter(Boolean).join(' ');
    if (push.id !== undefined) return; // the answer to our own command
    this.notice(`The broker ended the subscription to ${push.channel}: ${reason || 'no reason given'}`);
  }

  message(push) {
    const ours = push.data?.page === PAGE_ID && typeof push.data.sent === 'number';
    const latency = ours ? Math.max(0, now() - push.data.sent) : undefined;
    this.counters.count(latency);
    this.show({ push, latency });
    if (ours && push.data.from !== this.side) this.onCrossing(this.side, latency);
  }

  published(push) {
    const sent = this.sentAt.get(push.id);
    this.sentAt.delete(push.id);
    const where = push.position ? ` at position ${push.position}` : '';
    this.ui.ack.textContent = `Accepted${where} in ${milliseconds(now() - sent)}`;
  }

  refused(push) {
    const unconfirmed = push.command === 'subscribe' && !this.subscriptions.get(push.channel);
    if (unconfirmed || push.code === 'not_subscribed') this.setSubscription(push.channel, undefined);
    this.sentAt.delete(push.id);
    this.showError(push.command?.endsWith('subscribe') ? 'channel' : 'data', errorText(push));
  }

  forgetLink(why) {
    for (const channel of this.subscriptions.keys()) this.setSubscription(channel, false);
    this.sentAt.clear();
    this.ui.session.textContent = '';
    this.notice(`Link lost: ${why}. What is published until it is back does not reach this pane.`);
  }

  // confirmed: true or false (asked for again on the next link); undefined forgets the channel.
  setSubscription(channel, confirmed) {
    if (confirmed === undefined) this.subscriptions.delete(channel);
    else this.subscriptions.set(channel, confirmed);
    const chips = [...this.subscriptions].map(([name, live]) => element('span', live ? 'chip' : 'chip pending', name));
    this.ui.subscriptions.replaceChildren(...(chips.length ? chips : ['nothing']));
  }

  showState(state, text) {
    this.ui.state.dataset.state = state;
    this.ui.state.textContent = text;
    const disabled = state !== 'connected' && state !== 'draining';
    for (const name of ['subscribe', 'unsubscribe', 'publish', 'burst']) this.ui[name].disabled = disabled;
  }

  // There is one error a pane; it moves to the form it is about.
  showError(field, text) {
    this.hideError();
    this.ui[field].setAttribute('aria-invalid', 'true');
    this.ui[field].closest('form').append(this.ui.error);
    Object.assign(this.ui.error, { textContent: text, hidden: false });
  }

  hideError() {
    this.ui.error.hidden = true;
    for (const field of ['channel', 'data']) this.ui[field].removeAttribute('aria-invalid');
  }

  showCounters() {
    this.ui.received.textContent = thousands(this.counters.received);
    this.ui.rate.textContent = thousands(Math.round(this.counters.perSecond() * 10) / 10);
    this.ui.latency.textContent = this.counters.percentiles();
  }

  // Rows wait a little, longer in a flood, so that drawing them does not delay the messages behind them (and with
  // them the latency shown); what would scroll out at once is never made.
  show(row) {
    this.waiting.push(row);
    if (this.waiting.length > ROWS_MAX) this.waiting.shift();
    const wait = this.flood ? FLOOD_FRAME_MS : FRAME_MS;
    if (this.drawing === undefined) this.drawing = setTimeout(() => this.showRows(), wait);
  }

  showRows() {
    const { messages } = this.ui;
    this.drawing = undefined;
    this.flood = this.waiting.length > CALM_ROWS_MAX;
    messages.classList.toggle('flood', this.flood);
    messages.prepend(...this.waiting.reverse().map(makeRow));
    this.waiting = [];
    while (messages.childElementCount > ROWS_MAX) messages.lastElementChild.remove();
    this.showCounters();
  }
}

// What this page publishes has a sender and a text; anything else is shown as the JSON it is.
function readPayload(data) {
  if (typeof data?.text !== 'string' || typeof data.page !== 'string') {
    return { text: typeof data === 'string' ? data : JSON.stringify(data) };
  }
  if (data.page !== PAGE_ID) return { from: 'Another tab', text: data.text };
  return { from: data.from === 'left' ? 'Left' : 'Right', text: data.text };
}

function listRow(kind, text) {
  const row = element('li', kind, text);
  row.dataset.testid = kind;
  return row;
}

// A row is either { push, latency } or { notice }.
function makeRow({ push, latency, notice }) {
  if (notice !== undefined) return listRow('notice', notice);
  const { from, text } = readPayload(push.data);
  const row = listRow('message', '');
  const line = element('div', 'line', '');
  if (from) line.append(element('span', `from ${from.toLowerCase()}`, from));
  line.append(element('span', 'data', text.slice(0, SHOWN_CHARACTERS_MAX)));
  if (latency !== undefined) line.append(element('span', 'took', milliseconds(latency)));
  const meta = element('div', 'meta', '');
  const via = push.pattern && `via ${push.pattern}`;
  const facts = [clock(push.time ?? now()), push.channel, via, push.position, push.encoding];
  meta.append(...facts.filter(Boolean).map((fact) => element('span', '', fact)));
  row.append(line, meta);
  return row;
}

function start() {
  const find = (name) => document.querySelector(`[data-testid="${name}"]`);
  let crossed = false;
  const onCrossing = (to, latency) => {
    if (crossed) return;
    crossed = true;
    const way = to === 'right' ? 'Left → broker → right' : 'Right → broker → left';
    find('guide').firstElementChild.textContent = `${way}: ${milliseconds(latency)}.`;
    find('guide').lastElementChild.textContent = 'Now answer from the other pane, or send a burst of 100.';
  };
  find('url').textContent = brokerUrl('wss:', 'ws:');
  find('curl').textContent =
    `curl -d '{"op":"publish","channel":"demo","data":"Hello from a terminal!"}' '${brokerUrl('https:', 'http:')}'`;
  new Pane('left', 'Left', onCrossing);
  new Pane('right', 'Right', onCrossing);
}

start();
