/* Crier's demo page: two panes (pane.js) that share a chart, and three things to try. */
import { LatencyChart, milliseconds } from '/chart.js';
import { Pane } from '/pane.js';

const AWAY_PUBLISH_EVERY_MS = 400;
const ASKED = new URLSearchParams(location.search);
const PATH = ASKED.get('path') || '/message';
const AWAY_MS = (Number(ASKED.get('away')) || 5) * 1000; // how long a cut lasts

const find = (name) => document.querySelector(`[data-testid="${name}"]`);

// Assigned part by part, so that no ?path= can lead to another host.
function brokerUrl(secure, plain) {
  const url = new URL(location.origin);
  url.protocol = location.protocol === 'https:' ? secure : plain;
  url.pathname = PATH;
  return url.href.replace(/'/g, '%27'); // it stands between a shell's quotes, too
}

// What to try: the first thing that is not done is the current one.
class Steps {
  constructor(list) { this.steps = [...list.children]; }

  done(name, text) {
    const step = this.steps.find(({ dataset }) => dataset.step === name);
    if (step.classList.contains('done')) return;
    step.classList.add('done');
    step.querySelector('[role="status"]').textContent = text;
    const current = this.steps.find(({ classList }) => !classList.contains('done'));
    for (const other of this.steps) other.classList.toggle('current', other === current);
  }
}

class Page {
  constructor() {
    this.id = crypto.getRandomValues(new Uint32Array(2)).join('-');
    this.url = brokerUrl('wss:', 'ws:');
    this.awayMs = AWAY_MS;
    this.steps = new Steps(find('guide'));
    this.chart = new LatencyChart(document.querySelector('.latency'));
    this.owners = new Map(); // session -> name of a pane, of all sessions that this page has had
    this.panes = [];
    for (const [side, name] of [['left', 'Left'], ['right', 'Right']]) this.panes.push(new Pane(this, side, name));
  }

  otherThan(pane) { return this.panes.find((other) => other !== pane); }

  /** Whose session that is. */
  nameOf(session, member) {
    return this.owners.get(session) ?? member?.user ?? `Guest ${String(session).slice(0, 4)}`;
  }

  onSession(session, pane) { this.owners.set(session, pane.name); }

  onMessage(pane, message, key, latency) {
    this.otherThan(pane)?.witness(message, key);
    if (latency === undefined) return;
    this.chart.add(latency, pane.side);
    if (message.data.from === pane.side) return;
    const way = pane.side === 'right' ? 'Left → broker → right' : 'Right → broker → left';
    this.steps.done('publish', `${way} in ${milliseconds(latency)}.`);
  }

  /** The other pane gives it something to miss. */
  onCut(pane, channel) {
    const other = this.otherThan(pane);
    let count = 0;
    const publish = () => {
      if (!pane.cable.isCut) return clearInterval(timer);
      count += 1;
      return other.publish(channel, `While ${pane.name.toLowerCase()} was away, no. ${count}`).catch(() => {});
    };
    const timer = setInterval(publish, AWAY_PUBLISH_EVERY_MS);
    publish();
  }

  onSettled(pane, { missed, recovered, lost, twice }) {
    if (missed) this.steps.done('cut', `${missed} missed, ${recovered} recovered, ${lost} lost, ${twice} duplicated.`);
  }

  onMember(name) {
    const isOurs = this.panes.some((pane) => pane.name === name);
    if (!isOurs) this.steps.done('tab', `${name} is here: publish there and watch this page.`);
  }
}

function showHelp() {
  find('url').textContent = brokerUrl('wss:', 'ws:');
  find('curl').textContent =
    `curl -d '{"op":"publish","channel":"demo","data":"Hello from a terminal!"}' '${brokerUrl('https:', 'http:')}'`;
  find('snippet').textContent = `import { connect } from 'crier-client';

const demo = connect('${brokerUrl('wss:', 'ws:')}').channel('demo');
demo.subscribe({ last: 20 }, (message) => console.log(message.data)); // after a cut it goes on where it was
await demo.publish('Hello from a page!');`;
}

showHelp();
new Page();
