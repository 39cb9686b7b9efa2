/* Latencies: their percentiles, and a chart of single messages over a logarithmic scale. */
export const LATENCIES_MAX = 200;
const MARGIN = { top: 10, right: 66, bottom: 8, left: 58 };
const DOT_RADIUS = 3;
const LABEL_HEIGHT = 15;

export const milliseconds = (ms) => `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;

/** The smallest value that so large a share of all does not exceed. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1];
}

function shape(name, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export class LatencyChart {
  constructor(root) {
    this.ui = Object.fromEntries([...root.querySelectorAll('[data-testid]')].map((e) => [e.dataset.testid, e]));
    this.points = []; // { ms, side }, newest last
    new ResizeObserver(() => this.drawSoon()).observe(this.ui.chart);
  }

  add(ms, side) {
    this.points.push({ ms, side });
    if (this.points.length > LATENCIES_MAX) this.points.shift();
    this.drawSoon();
  }

  /** Seldom enough that drawing does not delay the messages that it shows. */
  drawSoon() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.draw();
    }, 150);
  }

  draw() {
    const { chart } = this.ui;
    const { width, height } = chart.getBoundingClientRect();
    const values = this.points.map(({ ms }) => ms);
    const [p50, p99] = [percentile(values, 0.5), percentile(values, 0.99)];
    const top = Math.max(1, Math.ceil(Math.log10(Math.max(...values, 1)))); // decades; the scale begins at 0.1 ms
    const inside = height - MARGIN.top - MARGIN.bottom;
    const y = (ms) => MARGIN.top + inside * (1 - (Math.log10(Math.max(ms, 0.1)) + 1) / (top + 1));
    chart.setAttribute('viewBox', `0 0 ${width} ${height}`);
    chart.replaceChildren(...this.grid(top, y, width), ...this.dots(y, width));
    if (!values.length) {
      const middle = { class: 'empty', x: width / 2, y: height * 0.28 };
      chart.append(shape('text', middle, 'Each message becomes a dot here.'));
      return;
    }
    chart.append(...this.levels([['p50', p50], ['p99', p99]], y, width));
    chart.setAttribute('aria-label', `Latency of the last ${values.length} messages: half of them within ` +
      `${milliseconds(p50)}, 99 % within ${milliseconds(p99)}, the slowest ${milliseconds(Math.max(...values))}`);
    this.ui['chart-count'].textContent = values.length;
    this.ui.p50.textContent = milliseconds(p50);
    this.ui.p99.textContent = milliseconds(p99);
  }

  grid(top, y, width) {
    const decades = Array.from({ length: top + 2 }, (_, i) => 10 ** (i - 1));
    return decades.flatMap((ms) => [
      shape('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(ms), y2: y(ms) }),
      shape('text', { class: 'scale', x: MARGIN.left - 8, y: y(ms) }, `${ms} ms`),
    ]);
  }

  dots(y, width) {
    const step = (width - MARGIN.left - MARGIN.right) / Math.max(40, this.points.length);
    return this.points.map(({ ms, side }, i) => {
      const x = width - MARGIN.right - (this.points.length - i - 0.5) * step;
      return side === 'left' ? shape('circle', { class: side, cx: x, cy: y(ms), r: DOT_RADIUS })
        : shape('rect', { class: side, x: x - DOT_RADIUS, y: y(ms) - DOT_RADIUS, width: 2 * DOT_RADIUS,
          height: 2 * DOT_RADIUS });
    });
  }

  /** A line for each, with labels that do not cover each other. */
  levels(named, y, width) {
    const apart = Math.max(0, LABEL_HEIGHT - (y(named[0][1]) - y(named[1][1]))) / 2;
    return named.flatMap(([name, ms], i) => [
      shape('line', { class: name, x1: MARGIN.left, x2: width - MARGIN.right, y1: y(ms), y2: y(ms) }),
      shape('text', { class: 'level', x: width - MARGIN.right + 6, y: y(ms) + (i ? -apart : apart) }, name),
    ]);
  }
}
