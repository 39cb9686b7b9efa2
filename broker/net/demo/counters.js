/* The figures of one pane. */
import { LATENCIES_MAX, milliseconds, percentile } from '/chart.js';

const RATE_WINDOW_MS = 5000;
const KEYS_REMEMBERED = 5000;

export const now = () => performance.timeOrigin + performance.now();

export class Counters {
  constructor() {
    this.received = this.recovered = this.twice = 0;
    this.latencies = [];
    this.samples = [{ at: now(), received: 0 }];
    this.keys = new Set();
  }

  count(key, latency) {
    this.received += 1;
    if (this.keys.has(key)) this.twice += 1;
    this.keys.add(key);
    if (this.keys.size > KEYS_REMEMBERED) this.keys.delete(this.keys.values().next().value);
    if (latency !== undefined) this.latencies.push(latency);
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
    return this.latencies.length
      ? [0.5, 0.99].map((share) => milliseconds(percentile(this.latencies, share))).join(' / ') : '–';
  }
}
