// Overview: traffic, health, largest flows.

import { define, flows, get, ownName, remove } from './api.js';
import { Series, figure } from './chart.js';
import { facts, make } from './dom.js';
import { flowTable } from './flowtable.js';
import { count, seconds, short } from './numbers.js';

const FLOW = { keys: 'src,dst', value: 'bytes', n: 20 };

// Kept while other views are shown.
const received = new Series('received'), sent = new Series('sent');

export async function overview(view) {
  const name = ownName('overview');
  const health = make('div'), traffic = make('div'), top = make('div');
  view.append(make('h2', {}, 'Health'), health, make('h2', {}, 'Traffic of all ports, by their counters'), traffic, make('h2', {}, 'Largest conversations'), top);
  const defined = await define(name, FLOW).then(() => true, (error) => {
    top.textContent = `No flow can be defined: ${error.message}`;
    return false;
  });
  return {
    period: 1000,
    async update() {
      const [state, totals] = await Promise.all([get('/analyzer/json'), get('/metric/ALL/sum:ifinoctets,sum:ifoutoctets/json')]);
      received.push(totals[0]?.metricValue);
      sent.push(totals[1]?.metricValue);
      health.replaceChildren(healthOf(state));
      if (!traffic.querySelector('details[open]')) traffic.replaceChildren(...figure('Traffic', [received, sent], (value) => short(value * 8, 'bit/s')));
      if (defined) top.replaceChildren(flowTable('Conversations by bit rate', await flows(name, FLOW, 20), 'bit/s'));
    },
    leave: () => defined && remove(name),
  };
}

const healthOf = (state) => facts([
  ['agents', count(state.sFlowAgents)],
  ['datagrams', count(state.sFlowDatagramsReceived)],
  ['dropped at the socket or refused', count(state.sFlowDatagramsDiscarded)],
  ['malformed', count(state.sFlowParseErrors)],
  ['memory', short(state.heapUsed, 'B')],
  ['running for', seconds(state.uptime)],
]);
