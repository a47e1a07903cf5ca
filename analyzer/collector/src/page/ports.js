// Ports: utilisation, errors and discards, and the check of their samples by their counters.

import { make } from './dom.js';
import { Listing } from './listing.js';
import { count, percent, duration, short } from './numbers.js';

const rate = (value) => short(value, '/s');
const bits = (value) => (typeof value === 'number' ? short(value * 8, 'bit/s') : '');

export async function ports(view, parameters) {
  // The server searches and orders: there may be thousands of ports.
  const list = new Listing('ports', 'ports', parameters, '/api/v1/ports?order=utilization&', 'offset');
  view.append(list.element);
  const update = async () => list.show('Ports', COLUMNS, (await list.page()).ports);
  list.changed = update;
  return { period: 2000, update };
}

const NAMES = {
  agreement: 'agrees',
  tooFewSamples: 'too few samples',
  wrongRate: 'wrong rate',
  oneDirection: 'not sampled',
  bothEnds: 'sampled twice',
  samplesLost: 'samples lost',
  countersStuck: 'counters stuck',
  unsampled: 'not sampled',
  differs: 'differs',
};

// The diagnosis of a direction; the rest of it as a hint and for screen readers.
function check({ diagnosis, actualRate, text }) {
  const rate = actualRate ? `: 1 in ${count(Math.round(actualRate))}` : '';
  return make('span', { title: text, 'aria-description': text }, NAMES[diagnosis] + rate);
}

const number = (title, of) => ({ title, of, number: true });

const COLUMNS = [
  { title: 'agent', of: (row) => row.agent },
  { title: 'port', of: (row) => row.ifIndex },
  { title: 'name', of: (row) => row.name },
  number('speed', (row) => short(row.speed, 'bit/s')),
  number('in', (row) => bits(row.inOctets)),
  number('out', (row) => bits(row.outOctets)),
  number('in use', (row) => percent(row.inUtilization)),
  number('out use', (row) => percent(row.outUtilization)),
  number('errors in', (row) => rate(row.inErrors)),
  number('errors out', (row) => rate(row.outErrors)),
  number('discards in', (row) => rate(row.inDiscards)),
  number('discards out', (row) => rate(row.outDiscards)),
  { title: 'samples in', of: (row) => check(row.in) },
  { title: 'samples out', of: (row) => check(row.out) },
  number('age', (row) => duration(row.lastSeen)),
];
