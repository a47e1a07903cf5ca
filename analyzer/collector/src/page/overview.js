// Overview: traffic, largest conversations, discarded packets, health.

import { flows, get } from './api.js';
import { Figure, course } from './chart.js';
import { facts, make, redraw, section } from './dom.js';
import { flowTable } from './flowtable.js';
import { count, duration, short, unitOf } from './numbers.js';

// Each agent counts a packet once.
const TOTAL = { aggMode: 'sum', n: 1 };
const CONVERSATIONS = { keys: 'src,dst', from: '-1m', n: 10 };
const DISCARDS = { keys: 'reason', value: 'frames', dropped: true, aggMode: 'sum', from: '-1m', n: 5 };

export async function overview(view) {
  const traffic = [figure('bytes'), figure('frames')];
  const health = make('div'), top = make('div'), discards = make('div');
  view.append(
    section('Traffic, estimated from samples', make('div', { class: 'pair' }, ...traffic.map((one) => one.element))),
    section('Health', health),
    section('Largest conversations of the last minute', top),
    section('Discarded packets of the last minute', discards),
  );
  return {
    period: 2000,
    async update() {
      const [state, ledger, ports, conversations, dropped] = await Promise.all([
        get('/analyzer/json'), get('/api/v1/ledger'), doubtful(), flows(CONVERSATIONS), flows(DISCARDS), ...traffic.map((one) => one.update()),
      ]);
      redraw(health, healthOf(state, ledger, ports));
      redraw(top, flowTable('Conversations by bit rate', ['source', 'destination'], unitOf('bytes'), conversations.flows, { empty: 'No packets were sampled.' }));
      redraw(discards, flowTable('Reasons by packet rate', ['reason'], unitOf('frames'), dropped.flows, { empty: 'No discarded packets were reported.', summed: true }),
        make('p', {}, make('a', { href: '#drops' }, 'By port and by flow')));
    },
  };
}

// A figure of the last five minutes, with the value of the last ten seconds and its interval.
function figure(value) {
  const { factor, unit } = unitOf(value), drawn = new Figure('Traffic', unit);
  const text = (number) => (number === null ? 'unknown' : short(number * factor, unit));
  drawn.update = async () => {
    const [past, { total: now }] = await Promise.all([flows({ ...TOTAL, value, from: '-5m', step: '5s' }), flows({ ...TOTAL, value, from: '-10s' })]);
    const line = course('all agents', past, past.total, factor);
    line.now = `${text(now.value)}, 95 % interval ${text(now.low)} to ${text(now.high)}`;
    drawn.draw([line], past.to);
  };
  return drawn;
}

// The number of ports whose samples and counters part. It changes slowly, and is read less often.
const doubts = { count: 0, read: -Infinity };
async function doubtful() {
  if (performance.now() - doubts.read < 10000) return doubts.count;
  const found = await Promise.all(DOUBTS.map((diagnosis) => get(`${PORTS}&diagnosis=${diagnosis}`)));
  doubts.count = new Set(found.flatMap(({ ports }) => ports.map((port) => `${port.agent} ${port.ifIndex}`))).size;
  doubts.read = performance.now();
  return doubts.count;
}
const DOUBTS = ['wrongRate', 'bothEnds', 'samplesLost', 'countersStuck', 'differs'];
const PORTS = '/api/v1/ports?limit=1000';

function healthOf(state, { samples, socket }, ports) {
  const bad = (name, value, link) => [name, count(value), link, value > 0];
  return facts([
    ['agents', count(state.sFlowAgents), '#agents'],
    ['datagrams', count(state.sFlowDatagramsReceived)],
    ['samples used', count(samples.used)],
    bad('dropped in agents', samples.dropped, '#agents'),
    bad('lost on the way', samples.lost, '#agents'),
    bad('dropped at the socket', socket.dropped),
    bad('malformed', samples.malformed + samples.implausible, '#agents'),
    bad('ports that fail their check', ports, '#ports'),
    ['memory', short(state.heapUsed, 'B')],
    ['running for', duration(state.uptime)],
  ]);
}
