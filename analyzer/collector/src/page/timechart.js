// A chart of any span, with times below it. A part of it can be selected by dragging.

import { BOTTOM, Figure, LEFT, RIGHT, Series, TOP, round, svg, swatch } from './chart.js';
import { make, redraw, table } from './dom.js';
import { moment } from './numbers.js';

const ROWS = 200;
// Distances of times below the axis, in minutes, and their number at most.
const MARKS = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 43200, 86400], COUNT = 8;
// A distance between values that is so many times the usual one is a gap.
const GAP = 1.5;
// Pixels of a move that selects.
const MOVE = 6;

// A series with all its points, [ms, value], in order. `format` makes a text of a value.
export function seriesOf(name, points, format) {
  return Object.assign(new Series(name, Infinity), { points, format });
}

export class TimeChart extends Figure {
  // `select` is called with the times of a part that was selected.
  constructor(title, select) {
    super(title, '');
    Object.assign(this, { height: 260, select, cursor: null });
    this.chart.classList.add('selectable');
    this.chart.addEventListener('pointerdown', (event) => this.press(event));
    this.chart.addEventListener('pointermove', (event) => this.point(this.timeOf(event)));
    this.chart.addEventListener('pointerleave', () => this.point(null));
    this.chart.addEventListener('pointerup', (event) => this.release(event));
  }

  draw(series, from, to) {
    Object.assign(this, { series, now: to, span: to - from });
    this.point(this.cursor);
    this.list();
  }

  press(event) {
    if (event.button !== 0) return;
    Object.assign(this, { pressed: event.clientX, begin: this.timeOf(event) });
    this.chart.setPointerCapture(event.pointerId);
  }

  release(event) {
    const moved = this.pressed !== undefined && Math.abs(event.clientX - this.pressed) >= MOVE;
    const times = [this.begin, this.timeOf(event)].sort((a, b) => a - b);
    this.pressed = this.begin = undefined;
    if (moved) this.select(...times);
  }

  timeOf({ clientX }) {
    const { left, width } = this.chart.getBoundingClientRect();
    const share = (clientX - left - LEFT) / (width - LEFT - RIGHT);
    return this.now - this.span * (1 - Math.min(1, Math.max(0, share)));
  }

  // Shows the values of a time; the last ones without a time.
  point(time) {
    this.cursor = time;
    if (!this.series.length) return this.chart.replaceChildren();
    const words = this.series.map((one) => `${one.name}: ${one.format(this.valueAt(one, time)) || 'unknown'}`);
    const at = time === null ? [] : [make('span', {}, moment(time))];
    this.legend.replaceChildren(...this.series.map((one, at) => make('span', {}, swatch(at), words[at])), ...at);
    const drawn = this.lines(`${this.title}, last values: ${words.join(', ')}`);
    drawn.append(...this.overlay());
    this.chart.replaceChildren(drawn);
  }

  // The value nearest to a time and no further than a gap from it.
  valueAt({ points }, time) {
    if (time === null) return points.at(-1)?.[1];
    const far = ([other]) => Math.abs(other - time);
    const nearest = points.reduce((best, one) => (!best || far(one) < far(best) ? one : best), undefined);
    return nearest && far(nearest) <= Math.max(GAP * usual(points), this.span / 100) ? nearest[1] : undefined;
  }

  overlay() {
    if (this.cursor === null) return [];
    const x = (time) => (LEFT + (this.width() - LEFT - RIGHT) * (1 - (this.now - time) / this.span)).toFixed(1);
    const line = svg('line', { class: 'cursor', x1: x(this.cursor), x2: x(this.cursor), y1: TOP, y2: this.height - BOTTOM });
    if (this.begin === undefined) return [line];
    const [from, to] = [this.begin, this.cursor].sort((a, b) => a - b).map(x);
    return [svg('rect', { class: 'selection', x: from, y: TOP, width: (to - from).toFixed(1), height: this.height - BOTTOM - TOP }), line];
  }

  width() { return Math.max(260, this.chart.clientWidth); }

  // From 0, or below if there are values below.
  scale() {
    const values = this.series.flatMap(({ points }) => points.map(([, value]) => value));
    const most = values.reduce((a, b) => Math.max(a, b), 0), least = values.reduce((a, b) => Math.min(a, b), 0);
    const step = most > least ? round((most - least) / 4) : 1;
    const low = Math.floor(least / step) * step;
    return { low, step, steps: Math.max(1, Math.ceil((most - low) / step - 1e-9)) };
  }

  marks() {
    const from = this.now - this.span, wanted = this.span / 60000 / Math.min(COUNT, this.width() / 110);
    const distance = 60000 * (MARKS.find((minutes) => minutes >= wanted) ?? MARKS.at(-1));
    // Whole hours and days are those of the local time.
    const shift = 60000 * new Date(this.now).getTimezoneOffset(), marks = [];
    for (let time = Math.ceil((from - shift) / distance) * distance + shift; time <= this.now; time += distance) marks.push([time, textOf(time, distance)]);
    return marks;
  }

  pieces({ points }) {
    const gap = GAP * usual(points), pieces = [];
    points.forEach((point, at) => {
      if (at === 0 || point[0] - points[at - 1][0] > gap) pieces.push([]);
      pieces.at(-1).push(point);
    });
    return pieces;
  }

  list() {
    if (!this.details.open) return this.rows.replaceChildren();
    const all = rowsOf(this.series), shown = all.slice(-ROWS).reverse();
    const caption = `${this.title}${shown.length < all.length ? `, the newest ${shown.length} of ${all.length} times` : ''}`;
    const columns = this.series.map((one, at) => ({ title: one.name, of: ([, values]) => values[at]?.toLocaleString('en', { maximumSignificantDigits: 7 }) ?? '', number: true }));
    return redraw(this.rows, table(caption, [{ title: 'time', of: ([time]) => moment(time) }, ...columns], shown));
  }
}

// The times of all series, in order, each with their values.
function rowsOf(series) {
  const rows = new Map();
  series.forEach(({ points }, at) => points.forEach(([time, value]) => {
    if (!rows.has(time)) rows.set(time, Array(series.length).fill(undefined));
    rows.get(time)[at] = value;
  }));
  return [...rows].sort(([a], [b]) => a - b);
}

// All values as CSV, with times of UTC. A value that is missing is empty.
export function csvOf(series) {
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = rowsOf(series).map(([time, values]) => [new Date(time).toISOString(), ...values.map((value) => (value === undefined ? '' : String(value)))]);
  return [['time', ...series.map(({ name }) => name)], ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

// The usual distance of values in ms: three of four are not greater. Polls each 30 s are in periods of 20 s at
// distances of 20 and 40 s.
function usual(points) {
  const distances = points.slice(1).map(([time], at) => time - points[at][0]).sort((a, b) => a - b);
  return distances[Math.floor(0.75 * distances.length)] ?? 0;
}

function textOf(time, distance) {
  const date = moment(time);
  if (distance >= 86400000 || date.endsWith('00:00:00')) return date.slice(5, 10);
  return distance < 60000 ? date.slice(11) : date.slice(11, 16);
}
