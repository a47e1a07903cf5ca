// Ports: utilisation, errors and discards, and the check of their samples by their counters.

import { get } from './api.js';
import { make } from './dom.js';
import { count, percent, duration, short } from './numbers.js';
import { Pages } from './pages.js';

const rate = (value) => short(value, '/s');
const bits = (value) => (typeof value === 'number' ? short(value * 8, 'bit/s') : '');

// Metric, title and format of a column.
const METRICS = [
  ['ifname', 'name', (value) => value],
  ['ifspeed', 'speed', (value) => short(value, 'bit/s')],
  ['ifinoctets', 'in', bits],
  ['ifoutoctets', 'out', bits],
  ['ifinutilization', 'in use', percent],
  ['ifoututilization', 'out use', percent],
  ['ifinerrors', 'errors in', rate],
  ['ifouterrors', 'errors out', rate],
  ['ifindiscards', 'discards in', rate],
  ['ifoutdiscards', 'discards out', rate],
];

// Checks change slowly: they are read less often than rates.
const CHECKS_PERIOD = 10000;

export async function ports(view) {
  const pages = new Pages('ports');
  view.append(pages.element);
  let checks = new Map(), checked = -Infinity;
  return {
    period: 2000,
    async update() {
      const cells = await get('/dump/ALL/ifname;ifspeed;ifinoctets;ifoutoctets;ifinutilization;ifoututilization;ifinerrors;ifouterrors;ifindiscards;ifoutdiscards/json');
      if (performance.now() - checked > CHECKS_PERIOD) {
        const { ports } = await get('/api/v1/ports?limit=10000');
        checks = new Map(ports.map((port) => [`${port.agent} ${port.ifIndex}`, port]));
        checked = performance.now();
      }
      const rows = join(cells, checks);
      pages.show(`${count(rows.length)} ports`, COLUMNS, rows, (row) => `${row.agent} ${row.dataSource} ${row.ifname ?? ''} ${words(row, 'in')} ${words(row, 'out')}`);
    },
  };
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

const words = (row, side) => NAMES[row.check?.[side].diagnosis] ?? '';

// The diagnosis of a direction; the rest of it as a hint and for screen readers.
function check(row, side) {
  const result = row.check?.[side];
  if (!result) return '';
  const rate = result.actualRate ? `: 1 in ${count(Math.round(result.actualRate))}` : '';
  return make('span', { title: result.text, 'aria-description': result.text }, words(row, side) + rate);
}

const COLUMNS = [
  { title: 'agent', of: (row) => row.agent },
  { title: 'port', of: (row) => row.dataSource },
  ...METRICS.map(([metric, title, format]) => ({ title, of: (row) => format(row[metric]), number: metric !== 'ifname' })),
  { title: 'samples in', of: (row) => check(row, 'in') },
  { title: 'samples out', of: (row) => check(row, 'out') },
  { title: 'age', of: (row) => duration(row.age), number: true },
];

// One row for each port; the busiest first.
function join(cells, checks) {
  const rows = new Map();
  for (const { agent, dataSource, metricName, metricValue, lastUpdate } of cells) {
    const key = `${agent} ${dataSource}`;
    const row = rows.get(key) ?? { agent, dataSource, age: lastUpdate, check: checks.get(key) };
    row[metricName] = metricValue;
    row.age = Math.min(row.age, lastUpdate);
    rows.set(key, row);
  }
  const use = (row) => Math.max(row.ifinutilization ?? 0, row.ifoututilization ?? 0);
  return [...rows.values()].sort((a, b) => use(b) - use(a));
}
