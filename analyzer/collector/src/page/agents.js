// Agents: what came and what was lost on the way.

import { get } from './api.js';
import { make } from './dom.js';
import { count, duration } from './numbers.js';
import { Pages } from './pages.js';

const number = (title, name) => ({ title, of: (row) => count(row[name]), number: true });

const COLUMNS = [
  { title: 'agent', of: (row) => make('a', { href: `#hosts?agent=${encodeURIComponent(row.agent)}` }, row.agent) },
  { title: 'sent from', of: (row) => row.sFlowDatagramSource.join(', ') },
  number('datagrams', 'sFlowDatagramsReceived'),
  number('lost', 'sFlowDatagramsLost'),
  number('twice', 'sFlowDatagramsDuplicates'),
  number('out of order', 'sFlowDatagramsOutOfOrder'),
  number('flow samples', 'sFlowFlowSamples'),
  number('lost', 'sFlowFlowLostSamples'),
  number('drops in the agent', 'sFlowFlowDrops'),
  number('counter samples', 'sFlowCounterSamples'),
  number('lost', 'sFlowCounterLostSamples'),
  { title: 'last seen', of: (row) => `${duration(row.lastSeen)} ago`, number: true },
];

export async function agents(view) {
  const pages = new Pages('agents');
  view.append(pages.element);
  return {
    period: 2000,
    async update() {
      const rows = Object.entries(await get('/agents/json')).map(([agent, ledger]) => ({ agent, ...ledger }));
      pages.show(`${count(rows.length)} agents`, COLUMNS, rows, (row) => `${row.agent} ${row.sFlowDatagramSource.join(' ')}`);
    },
  };
}
