// Drops: discarded packets by reason, by port and by flow.

import { active } from './api.js';
import { Figure, Series } from './chart.js';
import { make, redraw, section } from './dom.js';
import { flowTable } from './flowtable.js';
import { unitOf } from './numbers.js';

const SHARED = { value: 'frames', dropped: true, aggMode: 'sum', t: 10 };
const VIEWS = [
  ['By reason', { ...SHARED, keys: 'reason' }, ['reason']],
  ['By agent and port', { ...SHARED, keys: 'agent,inputifindex,outputifindex,reason' }, ['by agent', 'input port', 'output port', 'reason']],
  // Addresses of IP, else of Ethernet.
  ['By flow', { ...SHARED, keys: 'or:src:macsource,or:dst:macdestination,or:dport:ipproto:ethernetprotocol,reason' }, ['source', 'destination', 'port or protocol', 'reason']],
];
const REASONS = 6, ROWS = 50;
const EMPTY = 'No discarded packets were reported in the last seconds.';

// Kept while other views are shown.
const courses = new Map();

export async function drops(view) {
  const unit = unitOf('frames');
  const figure = new Figure('Discarded packets by reason', unit.unit);
  const outputs = VIEWS.map(() => make('div'));
  view.append(
    make('p', { class: 'note' }, 'Packets that agents report as discarded, with the reason. Counters of discards, also of agents that report none: ',
      make('a', { href: '#ports' }, 'Ports'), '.'),
    figure.element,
    ...VIEWS.map(([title], at) => section(title, outputs[at])),
  );
  return {
    period: 1000,
    async update() {
      const found = await Promise.all(VIEWS.map(([, flow]) => active(flow, ROWS)));
      figure.draw(course(found[0]));
      VIEWS.forEach(([title, , titles], at) => redraw(outputs[at], flowTable(`Discarded packets ${title.toLowerCase()}`, titles, unit, found[at], { empty: EMPTY, summed: true })));
    },
  };
}

// A series for each reason, the largest ones first. A reason that is not reported any more is 0.
function course(flows) {
  const now = Date.now(), values = new Map(flows.map((flow) => [flow.key, flow.value]));
  for (const reason of values.keys()) if (!courses.has(reason)) courses.set(reason, new Series(reason));
  for (const [reason, series] of courses) series.push(values.get(reason) ?? 0, now);
  const shown = [...courses.values()].filter((series) => series.top > 0);
  return shown.sort((a, b) => b.last - a.last || b.top - a.top).slice(0, REASONS);
}
