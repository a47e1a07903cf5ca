// Overview: traffic, largest conversations, discarded packets, health.

import { active, get } from './api.js';
import { Figure, Series } from './chart.js';
import { facts, make, redraw, section } from './dom.js';
import { flowTable } from './flowtable.js';
import { count, duration, short, unitOf } from './numbers.js';

// Each agent counts a packet once.
const TOTAL = { keys: '', aggMode: 'sum' };
const CONVERSATIONS = { keys: 'src,dst', value: 'bytes' };
const DISCARDS = { keys: 'reason', value: 'frames', dropped: true, aggMode: 'sum', t: 10 };

// Kept while other views are shown.
const courses = { bytes: new Series('all agents'), frames: new Series('all agents') };

export async function overview(view) {
  const bits = figure('bytes'), packets = figure('frames');
  const health = make('div'), top = make('div'), discards = make('div');
  view.append(
    section('Traffic, estimated from samples', make('div', { class: 'pair' }, bits.element, packets.element)),
    section('Health', health),
    section('Largest conversations', top),
    section('Discarded packets', discards),
  );
  return {
    period: 1000,
    async update() {
      const [state, ledger, ports, conversations, dropped, ...totals] = await Promise.all([
        get('/analyzer/json'), get('/api/v1/ledger'), doubtful(), active(CONVERSATIONS, 10), active(DISCARDS, 5),
        active({ ...TOTAL, value: 'bytes' }, 1), active({ ...TOTAL, value: 'frames' }, 1),
      ]);
      bits.show(totals[0][0]);
      packets.show(totals[1][0]);
      redraw(health, healthOf(state, ledger, ports));
      redraw(top, flowTable('Conversations by bit rate', ['source', 'destination'], unitOf('bytes'), conversations, { empty: 'No packets were sampled in the last seconds.' }));
      redraw(discards, flowTable('Reasons by packet rate', ['reason'], unitOf('frames'), dropped, { empty: 'No discarded packets were reported in the last seconds.', summed: true }),
        make('p', {}, make('a', { href: '#drops' }, 'By port and by flow')));
    },
  };
}

// A figure of the sum of all flows. No flow is none now.
function figure(value) {
  const { factor, unit } = unitOf(value), course = courses[value];
  const drawn = new Figure('Traffic', unit);
  drawn.show = (total = { value: 0, low: 0, high: 0 }) => {
    course.push(total.value * factor, Date.now(), total.low * factor, total.high === null ? undefined : total.high * factor);
    drawn.draw([course]);
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
