// Charts on SVG: lines over time, and bars with the interval of their value.

import { fill, make } from './dom.js';

const svg = (tag, attributes, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

// The last values of a series, with their times.
export class Series {
  constructor(name, span = 300000) { Object.assign(this, { name, span, points: [] }); }
  push(value, time = Date.now()) {
    if (typeof value !== 'number') return;
    this.points.push([time, value]);
    while (this.points[0][0] < time - this.span) this.points.shift();
  }
  get last() { return this.points.at(-1)?.[1]; }
}

// Lines over the span of the first series, with one scale from zero.
export function lines(label, series, css = 'chart') {
  const span = series[0].span, now = Date.now();
  const top = Math.max(...series.flatMap((one) => one.points.map(([, value]) => value)), 0) || 1;
  const at = ([time, value]) => `${(1000 * (1 - (now - time) / span)).toFixed(1)},${(98 - 96 * value / top).toFixed(2)}`;
  const paths = series.map((one, index) => svg('polyline', { class: `line${index % 2}`, points: one.points.map(at).join(' ') }));
  const axis = svg('line', { class: 'axis', x1: 0, x2: 1000, y1: 99, y2: 99 });
  return svg('svg', { class: css, viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, axis, ...paths);
}

// A chart, its legend, and the numbers of it as a table that can be opened.
export function figure(title, series, format) {
  const top = Math.max(...series.flatMap((one) => one.points.map(([, value]) => value)), 0);
  const now = series.map((one) => `${one.name} ${format(one.last) || 'not known yet'}`).join(', ');
  const times = series[0].points.filter((_, index) => index % 5 === 0).map(([time]) => time);
  const near = (one, time) => one.points.find(([other]) => other >= time)?.[1];
  const cell = (one, time) => make('td', { class: 'number' }, format(near(one, time)));
  const rows = times.reverse().map((time) => make('tr', {}, make('td', {}, new Date(time).toLocaleTimeString()), ...series.map((one) => cell(one, time))));
  const head = make('tr', {}, make('th', { scope: 'col' }, 'time'), ...series.map((one) => make('th', { scope: 'col' }, one.name)));
  return [
    make('p', { class: 'legend' }, `${title}, five minutes, top of the scale ${format(top)}. Now: ${now}`),
    lines(`${title}: ${now}`, series),
    make('details', {}, make('summary', {}, 'Values'), make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows))),
  ];
}

// A bar from 0 to `value` of `top`, with its interval as a line.
export function bar(label, value, low, high, top) {
  const at = (number) => Math.min(100, 100 * number / (top || 1));
  const end = high === null ? 100 : at(high);
  return svg('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('rect', { class: 'value', x: 0, y: 1, width: at(value), height: 8 }),
    svg('line', { class: 'error', x1: at(low), x2: end, y1: 5, y2: 5 }));
}
