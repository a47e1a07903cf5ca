// Flows with their intervals.

import { SEPARATOR } from './api.js';
import { bar } from './chart.js';
import { table } from './dom.js';
import { short } from './numbers.js';

// The parts of a list of keys. Commas in brackets do not separate.
export function split(keys) {
  const parts = [''];
  let depth = 0;
  for (const letter of keys) {
    depth += (letter === '[') - (letter === ']');
    if (letter === ',' && depth <= 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return keys.trim() ? parts.map((part) => part.trim()) : [];
}

// `titles` name the fields of the keys. `summed` flows are of several agents.
export function flowTable(caption, titles, { factor, unit }, flows, { empty, summed } = {}) {
  const top = Math.max(0, ...flows.map((flow) => flow.high ?? flow.value));
  const number = (value) => (value === null ? 'unknown' : short(value * factor, unit));
  const interval = (flow) => (flow.low === flow.high ? 'exact' : `${number(flow.low)} to ${number(flow.high)}`);
  const fields = new Map(flows.map((flow) => [flow, flow.key.split(SEPARATOR)]));
  const name = (flow) => fields.get(flow).join(', ');
  const observer = [
    { title: 'agent', of: (flow) => flow.agent },
    { title: 'data source', of: (flow) => flow.dataSource, number: true },
  ];
  return table(caption, [
    ...titles.map((title, at) => ({ title, of: (flow) => fields.get(flow)[at] })),
    { title: 'value', of: (flow) => number(flow.value), number: true },
    { title: 'error bar', of: (flow) => bar(`${name(flow)}: ${interval(flow)}`, flow.value, flow.low, flow.high, top) },
    { title: '95 % interval', of: interval, number: true },
    { title: 'samples', of: (flow) => short(flow.samples), number: true },
    { title: 'sampling', of: (flow) => (flow.rate ? `1 in ${short(flow.rate)}` : ''), number: true },
    ...(summed ? [] : observer),
  ], flows, empty);
}
