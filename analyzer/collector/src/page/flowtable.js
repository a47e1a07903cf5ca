// Flows with their intervals.

import { bar } from './chart.js';
import { table } from './dom.js';
import { short } from './numbers.js';

export function flowTable(caption, flows, unit) {
  const top = Math.max(0, ...flows.map((flow) => flow.high ?? flow.value));
  const factor = unit === 'bit/s' ? 8 : 1;
  const number = (value) => (value === null ? 'not known' : short(value * factor, unit));
  const interval = (flow) => `${number(flow.low)} to ${number(flow.high)}`;
  return table(caption, [
    { title: 'flow', of: (flow) => flow.key },
    { title: 'value', of: (flow) => number(flow.value), number: true },
    { title: '', of: (flow) => bar(`${flow.key}: ${interval(flow)}`, flow.value, flow.low, flow.high, top) },
    { title: '95 % interval', of: interval, number: true },
    { title: 'samples', of: (flow) => short(flow.samples), number: true },
    { title: 'bound', of: (flow) => number(flow.bound), number: true },
    { title: 'sampling', of: (flow) => (flow.rate ? `1 in ${short(flow.rate)}` : ''), number: true },
    { title: 'agent', of: (flow) => flow.agent },
    { title: 'data source', of: (flow) => flow.dataSource },
  ], flows);
}
