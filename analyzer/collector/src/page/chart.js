// Charts on SVG: lines over time, and bars with the interval of their value.

import { fill, make, redraw } from './dom.js';
import { short } from './numbers.js';

export const svg = (tag, attributes, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

// Lines that can be told apart, also without colours.
const LINES = 6;
export const LEFT = 50, RIGHT = 26, TOP = 8, BOTTOM = 22;

// Values over time in ms. `now` is an estimate of the present value, if there is a better one than the last.
export class Series {
  constructor(name, span = 300000) { Object.assign(this, { name, span, points: [] }); }
  push(value, time = Date.now()) {
    if (typeof value !== 'number') return;
    this.points.push([time, value]);
    while (this.points[0][0] < time - this.span) this.points.shift();
  }
  get last() { return this.points.at(-1)?.[1]; }
  get top() { return this.points.reduce((top, [, value]) => Math.max(top, value), 0); }
}

// The course of a sum or flow in a reply of the server, without the first and the last step if they are shorter
// than the others.
export function course(name, reply, { series }, factor) {
  const step = 1000 * reply.step, one = new Series(name, Infinity);
  reply.times.forEach((time, at) => {
    const end = reply.times[at + 1] ?? reply.to;
    if (series[at] !== null && end - time >= step) one.push(series[at] * factor, time + step / 2);
  });
  return one;
}

// The smallest of 1, 2, 5, 10, 20 ... that is not below a value.
export function round(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((times) => times * step >= value) ?? 10) * step;
}

// A chart with its legend, its numbers as a table that can be opened, and a line for each series.
export class Figure {
  constructor(title, unit, span = 300000) {
    Object.assign(this, { height: 170, title: unit ? `${title} in ${unit}` : title, span, series: [], format: (value) => short(value, unit) });
    this.chart = make('div', { class: 'chart' });
    this.legend = make('p', { class: 'legend' });
    this.rows = make('div');
    this.details = make('details', {}, make('summary', {}, 'Values as a table'), this.rows);
    this.details.addEventListener('toggle', () => this.list());
    this.element = make('figure', {}, make('figcaption', {}, this.title), this.legend, this.chart, this.details);
  }

  draw(series, now = Date.now()) {
    Object.assign(this, { series, now });
    const words = series.map((one) => `${one.name} ${one.now ?? (this.format(one.last) || 'unknown')}`);
    this.legend.replaceChildren(...series.map((one, at) => make('span', {}, swatch(at), words[at])));
    this.chart.replaceChildren(this.lines(`${this.title}, now: ${words.join(', ')}`));
    this.list();
  }

  // Built only while it is open.
  list() {
    if (this.details.open) redraw(this.rows, values(this));
    else this.rows.replaceChildren();
  }

  // The end of the axis, and the distance of its lines.
  scale() {
    const most = Math.max(...this.series.map((one) => one.top)), step = round(Math.max(most, 1) / 4);
    return { low: 0, step, steps: Math.max(1, Math.ceil(most / step)) };
  }

  // Times with their text below the axis.
  marks() {
    return [0, 1, 2, 3, 4, 5].map((part) => part * this.span / 5).map((ago) => [this.now - ago, before(ago)]);
  }

  // The parts of a series without a gap in them.
  pieces({ points }) { return [points]; }

  lines(label) {
    const width = Math.max(260, this.chart.clientWidth), right = width - RIGHT, bottom = this.height - BOTTOM;
    const { low, step, steps } = this.scale();
    const x = (time) => (LEFT + (right - LEFT) * (1 - (this.now - time) / this.span)).toFixed(1);
    const y = (value) => (bottom - (bottom - TOP) * Math.max(0, Math.min(1, (value - low) / (step * steps)))).toFixed(1);
    const drawn = [];
    for (let at = 0; at <= steps; at += 1) {
      const value = low + at * step;
      drawn.push(svg('line', { class: 'axis', x1: LEFT, x2: right, y1: y(value), y2: y(value) }));
      drawn.push(svg('text', { x: LEFT - 8, y: Number(y(value)) + 4, 'text-anchor': 'end' }, short(value)));
    }
    for (const [time, text] of this.marks()) drawn.push(svg('text', { x: x(time), y: this.height - 4, 'text-anchor': 'middle' }, text));
    this.series.forEach((one, at) => drawn.push(...this.pieces(one).map((points) => line(at, points.filter(([time]) => time >= this.now - this.span), x, y))));
    const box = { viewBox: `0 0 ${width} ${this.height}`, width: '100%', height: this.height, role: 'img', 'aria-label': label };
    return svg('svg', box, ...drawn);
  }
}

// A point alone is a dot.
function line(at, points, x, y) {
  if (points.length === 1) return svg('circle', { class: `dot${at % LINES}`, cx: x(points[0][0]), cy: y(points[0][1]), r: 2.5 });
  return svg('polyline', { class: `line line${at % LINES}`, points: points.map(([time, value]) => `${x(time)},${y(value)}`).join(' ') });
}

// A time before the present.
function before(ago) {
  if (ago === 0) return 'now';
  return ago % 60000 ? `\u2212${ago / 1000} s` : `\u2212${ago / 60000} min`;
}

export const swatch = (at) => svg('svg', { class: 'swatch', viewBox: '0 0 24 8', 'aria-hidden': 'true' },
  svg('line', { class: `line line${at % LINES}`, x1: 0, x2: 24, y1: 4, y2: 4 }));

// The values of a figure, the newest first, at most one for each five seconds.
function values({ title, series, format }) {
  const times = [...new Set(series.flatMap((one) => one.points.map(([time]) => 5000 * Math.floor(time / 5000))))].sort((a, b) => b - a);
  const at = series.map((one) => new Map(one.points.map(([time, value]) => [5000 * Math.floor(time / 5000), value])));
  const cell = (time) => at.map((known) => make('td', { class: 'number' }, format(known.get(time))));
  const rows = times.slice(0, 60).map((time) => make('tr', {}, make('th', { scope: 'row' }, new Date(time).toLocaleTimeString()), ...cell(time)));
  const head = ['time', ...series.map((one) => one.name)].map((text, column) => make('th', { scope: 'col', class: column > 0 && 'number' }, text));
  return make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Values of ${title}` },
    make('table', {}, make('caption', {}, title), make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows)));
}

// The course of one value, as small as a word.
export function spark(series, format) {
  const { points, span, name } = series, top = series.top || 1, now = points.at(-1)[0];
  const least = Math.min(...points.map(([, value]) => value));
  const at = ([time, value]) => `${(100 * (1 - (now - time) / span)).toFixed(1)},${(19 - 18 * value / top).toFixed(1)}`;
  const label = `${name}, five minutes: from ${format(least)} to ${format(series.top)}, now ${format(series.last)}`;
  return svg('svg', { class: 'spark', viewBox: '0 0 100 20', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('polyline', { class: 'line line0', points: points.map(at).join(' ') }));
}

// A bar from 0 to `value` of `top`, with its interval as a line with ends.
export function bar(label, value, low, high, top) {
  const at = (number) => Math.min(100, 100 * number / (top || 1)).toFixed(1);
  const end = high === null ? 100 : at(high), ends = [at(low), end];
  return svg('svg', { class: 'bar', viewBox: '0 0 100 12', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('rect', { class: 'part', x: 0, y: 1, width: at(value), height: 10 }),
    svg('line', { class: 'error', x1: at(low), x2: end, y1: 6, y2: 6 }),
    ...ends.map((x) => svg('line', { class: 'error', x1: x, x2: x, y1: 3, y2: 9 })));
}
