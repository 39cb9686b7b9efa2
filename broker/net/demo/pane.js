/* One pane: a client of its own, on a link of its own, through the library as any page would use it. */
import { connect } from '/crier.js';
import { Absence } from '/absence.js';
import { Cable } from '/cable.js';
import { milliseconds } from '/chart.js';
import { Counters, now } from '/counters.js';
import { Rows, element } from '/rows.js';

const HISTORY_SHOWN = 20;
// Not all in one go, which would measure how long this page takes to write them.
const BURST_SIZE = 100, BURST_STEP = 5, BURST_STEP_MS = 10;
const MEMBERS_SHOWN = 12;
const BACKOFF = { min: 500, max: 5000 }; // as usual, but nobody watches a demo for 20 s

const thousands = (n) => n.toLocaleString('en');
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const isPattern = (name) => /[*>]/.test(name);
const sentence = ({ message, code }) => `${message} (${code})`;
const troubleOf = ({ message, code }) =>
  (code === 'unreachable' ? 'The broker cannot be reached. Does it run?' : `${message}.`);

export class Pane {
  // page: { id, url, awayMs, nameOf(session), onSession(session, pane), onMessage(pane, message, key, latency),
  // onCut(pane, channel), onSettled(pane, result), onMember(name) }
  constructor(page, side, name) {
    Object.assign(this, { page, side, name });
    this.counters = new Counters();
    this.subscriptions = new Map(); // channel -> { handle, options, isLive, members, past }
    this.cable = new Cable(side);
    this.build();
    this.rows = new Rows(this.ui.messages, () => this.showCounters());
    this.connect();
    this.subscribe('demo');
    setInterval(() => this.showCounters(), 500);
    setInterval(() => this.showCountdown(), 100);
  }

  build() {
    const root = this.root = document.getElementById('pane').content.firstElementChild.cloneNode(true);
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
      this.hideError();
      action();
    });
    on('publish-form', 'submit', () => this.publishTyped());
    on('burst', 'click', () => this.burst());
    on('cut', 'click', () => (this.cable.isCut ? this.mend() : this.cut()));
    on('channel-form', 'submit', () => this.subscribe(this.channel()));
    on('unsubscribe', 'click', () => this.unsubscribe(this.channel()));
    ui.channel.addEventListener('input', () => {
      ui.target.textContent = this.channel();
      this.showMembers();
    });
  }

  channel() { return this.ui.channel.value.trim(); }
  notice(text, isTrouble = false) { this.rows.show({ notice: text, isTrouble }); }

  // --- the connection

  connect() {
    const crier = this.crier = connect(this.cable.through(this.page.url), { backoff: BACKOFF });
    crier.on('connected', ({ session, transport }) => {
      this.page.onSession(session, this);
      this.showState('connected', transport === 'sse' ? 'connected by event stream' : 'connected');
      if (!this.absence) this.showOutcome();
    });
    crier.on('disconnected', (error) => {
      for (const subscription of this.subscriptions.values()) subscription.isLive = false;
      this.showSubscriptions();
      this.notice(this.cable.isCut ? 'You cut the link.' : `Link lost: ${error.message}.`, true);
    });
    crier.on('reconnecting', ({ attempt, delay, error }) => {
      this.next = { attempt, at: now() + delay };
      this.showState('reconnecting', 'reconnecting');
      if (!this.absence) this.showOutcome('trouble', troubleOf(error));
    });
    crier.on('drain', ({ reconnect_in: ms }) => {
      this.showState('draining', `connected; the broker moves this link in ${seconds(ms)}`);
    });
    crier.on('error', (error) => this.showOutcome('trouble', sentence(error)));
    crier.on('closed', ({ error }) => {
      this.showState('closed', 'closed');
      this.showOutcome('trouble', `${error?.message ?? 'closed'}. Reload the page to try again.`);
    });
    this.showState('connecting', 'connecting…');
  }

  cut() {
    const channel = [...this.subscriptions.keys()].find((name) => !isPattern(name));
    this.absence = new Absence((result) => this.settled(result));
    this.ui.cut.textContent = 'Reconnect now';
    this.timer = setTimeout(() => this.mend(), this.page.awayMs);
    this.cable.cut();
    this.showMissed();
    this.page.onCut(this, channel ?? this.channel());
  }

  mend() {
    clearTimeout(this.timer);
    this.ui.cut.textContent = 'Cut my connection';
    this.cable.mend();
  }

  /** The other pane got a message. */
  witness(message, key) {
    if (!this.absence || !this.subscriptions.has(message.channel)) return;
    this.absence.witness(key);
    if (!this.absence.isBack) this.showMissed();
  }

  showMissed() {
    const others = this.side === 'left' ? 'right' : 'left';
    this.showOutcome('cut', `Your connection is cut, and the ${others} pane goes on publishing`,
      `: ${thousands(this.absence.missed)} missed so far`);
  }

  settled(result) {
    this.absence = undefined;
    const { missed, recovered, lost, twice } = result;
    this.showOutcome(lost || twice ? 'trouble' : 'back', `Back after ${result.seconds.toFixed(1)} s: ` +
      `${missed} missed, ${recovered} recovered, ${lost} lost, ${twice} duplicated.`);
    this.page.onSettled(this, result);
  }

  // --- publishing

  // With the time only if it goes out at once: what waits for a connection says nothing about the broker.
  publish(channel, text) {
    const sent = this.crier.state === 'connected' ? now() : undefined;
    return this.crier.channel(channel).publish(
      { page: this.page.id, from: this.side, session: this.crier.session, sent, text });
  }

  async publishTyped() {
    const { data: field, ack } = this.ui;
    const began = now();
    if (document.activeElement === field) field.select(); // the next word typed replaces the last message
    if (this.crier.state !== 'connected') ack.textContent = 'Waits for the connection';
    try {
      const { position } = await this.publish(this.channel(), field.value);
      const took = now() - began;
      ack.textContent = `Accepted${position ? ` at position ${position}` : ''} in ` +
        (took < 1000 ? milliseconds(took) : seconds(took));
    } catch (error) {
      ack.textContent = '';
      this.showError('data', sentence(error));
    }
  }

  async burst() {
    const began = now();
    const text = this.ui.data.value;
    const channel = this.channel();
    const sent = [];
    while (sent.length < BURST_SIZE) {
      for (let i = 0; i < BURST_STEP; i++) sent.push(this.publish(channel, `${text} ${sent.length + 1}/${BURST_SIZE}`));
      for (const promise of sent.slice(-BURST_STEP)) promise.catch(() => {}); // told below
      await new Promise((resolve) => { setTimeout(resolve, BURST_STEP_MS); });
    }
    const refused = (await Promise.allSettled(sent)).filter(({ status }) => status === 'rejected');
    const took = now() - began;
    this.ui.ack.textContent = `${BURST_SIZE - refused.length} of ${BURST_SIZE} messages accepted in ` +
      (took < 1000 ? milliseconds(took) : seconds(took));
    if (refused.length) this.showError('data', sentence(refused[0].reason));
  }

  // --- subscriptions

  subscribe(channel, options = isPattern(channel) ? {} : { last: HISTORY_SHOWN, presence: true }) {
    if (this.subscriptions.has(channel)) {
      this.ui.ack.textContent = `Listening to ${channel} already`;
      return;
    }
    const handle = this.crier.channel(channel).subscribe(options, (message) => this.receive(subscription, message));
    const subscription = { channel, handle, options, isLive: false, wasLive: false, members: undefined,
      past: { kind: 'history', left: 0 } };
    this.subscriptions.set(channel, subscription);
    this.follow(subscription);
    this.showSubscriptions();
  }

  follow(subscription) {
    const { channel, handle } = subscription;
    handle.on('subscribed', ({ replayed = 0 }) => {
      subscription.isLive = subscription.wasLive = true;
      subscription.past = { kind: 'history', left: replayed };
      this.showSubscriptions();
      if ([...this.subscriptions.values()].every(({ isLive }) => isLive)) this.absence?.back();
      this.judgeAbsence();
    });
    handle.on('recovered', () => {
      subscription.past.kind = 'recovered';
    });
    handle.on('unrecovered', () => {
      this.notice(`What came on ${channel} meanwhile, if anything, is lost: the history has it no more.`, true);
    });
    handle.on('gap', ({ lost, conflated }) => {
      const fate = conflated ? 'replaced by newer ones' : 'dropped for this pane';
      this.notice(`Messages on ${channel} ${fate}: ${lost === undefined ? 'number unknown' : thousands(lost)}.`, true);
    });
    handle.on('members', ({ count, members }) => {
      subscription.members = { count, list: members && new Map(members.map((member) => [member.session, member])) };
      this.showMembers();
    });
    handle.on('join', (member) => this.memberCame(subscription, member));
    handle.on('leave', (member) => this.memberWent(subscription, member));
    handle.on('error', (error) => queueMicrotask(() => {
      const goesOn = this.subscriptions.get(channel) === subscription;
      if (goesOn) this.notice(`${channel}: ${sentence(error)}; trying again`, true);
    }));
    handle.on('unsubscribed', ({ code, reason = 'no reason given' }) => {
      if (code) this.ended(subscription, code, reason);
    });
  }

  /** Not by us: it was refused, or the broker ended it. */
  ended(subscription, code, reason) {
    const { channel, wasLive, options: { last, presence } } = subscription;
    this.subscriptions.delete(channel);
    if (presence && /presence/.test(reason)) {
      this.ui['no-presence'].textContent = `Who is here is not shown: ${reason}. presence = true and ` +
        'presence_access = "subscribers" in the namespace\'s settings of the broker switch it on.';
      this.subscribe(channel, { last });
    } else if (last && /last|history/.test(reason)) {
      this.subscribe(channel, { presence });
    } else if (wasLive) {
      this.notice(`The broker ended the subscription to ${channel}: ${reason} (${code}).`, true);
    } else {
      this.showError('channel', `${reason} (${code})`);
    }
    this.showSubscriptions();
  }

  unsubscribe(channel) {
    const subscription = this.subscriptions.get(channel);
    if (!subscription) return this.showError('channel', `Not listening to ${channel}`);
    this.subscriptions.delete(channel);
    subscription.handle.unsubscribe();
    this.showSubscriptions();
    return undefined;
  }

  receive(subscription, message) {
    const { past } = subscription;
    const kind = past.left > 0 ? past.kind : undefined;
    if (kind) past.left -= 1;
    const { data, pattern = '', position } = message;
    const isOurs = data?.page === this.page.id;
    const latency = isOurs && !kind && typeof data.sent === 'number' ? Math.max(0, now() - data.sent) : undefined;
    const key = `${message.channel} ${pattern} ${position ?? `${data?.from} ${data?.sent} ${data?.text}`}`;
    if (kind !== 'history') this.counters.count(key, latency);
    if (kind === 'recovered') this.counters.recovered += 1;
    this.absence?.arrive(key, kind === 'recovered');
    this.judgeAbsence();
    this.rows.show({ message, latency, past: kind, ...this.readPayload(data) });
    if (!kind) this.page.onMessage(this, message, key, latency);
  }

  judgeAbsence() {
    const isComplete = [...this.subscriptions.values()].every(({ past }) => past.left === 0);
    if (isComplete) this.absence?.settleOnceComplete();
  }

  // What such a page publishes has a sender and a text; anything else is shown as the JSON it is.
  readPayload(data) {
    if (typeof data?.text !== 'string' || typeof data.page !== 'string') {
      return { text: typeof data === 'string' ? data : JSON.stringify(data) };
    }
    const { page, from, session, text } = data;
    if (page !== this.page.id) return { from: { name: this.page.nameOf(session), side: '' }, text };
    return { from: { name: from === 'left' ? 'Left' : 'Right', side: from }, text };
  }

  // --- who is here

  memberCame(subscription, member) {
    const { members, channel } = subscription;
    const name = this.page.nameOf(member.session, member);
    if (members?.list) members.count = members.list.set(member.session, member).size;
    this.notice(`${name} is here, on ${channel}.`);
    this.showMembers();
    this.page.onMember(name);
  }

  memberWent(subscription, member) {
    const { members, channel } = subscription;
    members?.list?.delete(member.session);
    if (members?.list) members.count = members.list.size;
    this.notice(`${this.page.nameOf(member.session, member)} has left ${channel}.`);
    this.showMembers();
  }

  showMembers() {
    const subscription = this.subscriptions.get(this.channel()) ??
      [...this.subscriptions.values()].find(({ members }) => members);
    const { members, options } = subscription ?? {};
    this.ui.count.textContent = members ? thousands(members.count) : '';
    this.ui['no-presence'].hidden = !subscription || options.presence || isPattern(subscription.channel);
    const list = [...(members?.list?.values() ?? [])];
    const chips = list.slice(0, MEMBERS_SHOWN).map((member) => {
      const own = member.session === this.crier.session;
      const name = this.page.nameOf(member.session, member);
      return element('li', `chip ${name.toLowerCase()}`, own ? `${name} (this pane)` : name);
    });
    const more = (members?.count ?? 0) - chips.length;
    if (more > 0) chips.push(element('li', '', chips.length ? `and ${thousands(more)} more` : 'too many to list'));
    this.ui.members.replaceChildren(...chips);
  }

  // --- what is shown

  showSubscriptions() {
    const chips = [...this.subscriptions.values()].map(({ channel, isLive }) =>
      element('span', isLive ? 'chip' : 'chip pending', channel));
    this.ui.subscriptions.replaceChildren(...(chips.length ? chips : ['nothing']));
    this.showMembers();
  }

  showState(state, text) {
    this.ui.state.parentElement.dataset.state = state;
    this.ui.state.textContent = text;
    this.root.classList.toggle('offline', state !== 'connected' && state !== 'draining');
    if (state !== 'reconnecting') this.next = undefined;
    this.showCountdown();
    for (const button of this.root.querySelectorAll('button')) button.disabled = state === 'closed';
  }

  showCountdown() {
    const left = this.next && Math.max(0, this.next.at - now());
    this.ui.countdown.textContent = this.next ? `, try ${this.next.attempt} in ${seconds(left)}` : '';
  }

  // What counts up is not read aloud each time.
  showOutcome(kind, text = '', soFar = '') {
    const { outcome, said } = this.ui;
    Object.assign(outcome, { className: `box ${kind}`, hidden: !text });
    if (said.textContent !== text) said.textContent = text;
    this.ui['so-far'].textContent = soFar;
  }

  // There is one error a pane; it moves to the form it is about.
  showError(field, text) {
    this.hideError();
    const input = this.ui[field];
    input.setAttribute('aria-invalid', 'true');
    input.closest('form').append(this.ui.error);
    if (field === 'channel') this.ui.channels.open = true;
    Object.assign(this.ui.error, { textContent: text, hidden: false });
  }

  hideError() {
    this.ui.error.hidden = true;
    for (const field of ['channel', 'data']) this.ui[field].removeAttribute('aria-invalid');
  }

  showCounters() {
    const { counters, ui } = this;
    ui.received.textContent = thousands(counters.received);
    ui.rate.textContent = thousands(Math.round(counters.perSecond() * 10) / 10);
    ui.recovered.textContent = thousands(counters.recovered);
    ui.twice.textContent = thousands(counters.twice);
    ui.latency.textContent = counters.percentiles();
  }
}
