// Agents: what they sent, and what was lost on the way.

import { Listing, agentColumn } from './listing.js';
import { count, duration } from './numbers.js';

const number = (title, of) => ({ title, of: (row) => count(of(row)), number: true });

const COLUMNS = [
  agentColumn,
  { title: 'name', of: (row) => row.hostName },
  { title: 'sent from', of: (row) => row.senders.join(', ') },
  number('datagrams', (row) => row.datagrams.received),
  number('lost', (row) => row.datagrams.lost),
  number('samples made', (row) => row.samples.made),
  number('dropped in the agent', (row) => row.samples.dropped),
  number('lost', (row) => row.samples.lost),
  number('malformed', (row) => row.samples.malformed + row.samples.implausible),
  number('unknown', (row) => row.samples.unknown),
  number('used', (row) => row.samples.used),
  { title: 'last seen', of: (row) => `${duration(row.lastSeen)} ago`, number: true },
];

export async function agents(view, parameters) {
  const list = new Listing('agents', 'agents', parameters);
  view.append(list.element);
  const update = async () => list.show('Agents', COLUMNS, (await list.page()).agents);
  list.changed = update;
  return { period: 2000, update };
}
