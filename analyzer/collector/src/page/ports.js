// Ports: utilisation, errors and discards.

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

export async function ports(view) {
  const pages = new Pages('ports');
  view.append(pages.element);
  return {
    period: 2000,
    async update() {
      const cells = await get('/dump/ALL/ifname;ifspeed;ifinoctets;ifoutoctets;ifinutilization;ifoututilization;ifinerrors;ifouterrors;ifindiscards;ifoutdiscards/json');
      const rows = join(cells);
      pages.show(`${count(rows.length)} ports`, COLUMNS, rows, (row) => `${row.agent} ${row.dataSource} ${row.ifname ?? ''}`);
    },
  };
}

const COLUMNS = [
  { title: 'agent', of: (row) => row.agent },
  { title: 'port', of: (row) => row.dataSource },
  ...METRICS.map(([metric, title, format]) => ({ title, of: (row) => format(row[metric]), number: metric !== 'ifname' })),
  { title: 'age', of: (row) => duration(row.age), number: true },
];

// One row for each port; the busiest first.
function join(cells) {
  const rows = new Map();
  for (const { agent, dataSource, metricName, metricValue, lastUpdate } of cells) {
    const key = `${agent} ${dataSource}`;
    const row = rows.get(key) ?? { agent, dataSource, age: lastUpdate };
    row[metricName] = metricValue;
    row.age = Math.min(row.age, lastUpdate);
    rows.set(key, row);
  }
  const use = (row) => Math.max(row.ifinutilization ?? 0, row.ifoututilization ?? 0);
  return [...rows.values()].sort((a, b) => use(b) - use(a));
}
