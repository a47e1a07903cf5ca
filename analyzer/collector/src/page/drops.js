// Drops: discarded packets by reason, by port and by flow.

import { flows } from './api.js';
import { Figure, course } from './chart.js';
import { make, redraw, section } from './dom.js';
import { flowTable } from './flowtable.js';
import { unitOf } from './numbers.js';

const SHARED = { value: 'frames', dropped: true, aggMode: 'sum', from: '-5m', n: 50 };
const VIEWS = [
  ['By reason', { ...SHARED, keys: 'reason', step: '5s' }, ['reason']],
  ['By agent and port', { ...SHARED, keys: 'agent,inputifindex,outputifindex,reason' }, ['agent', 'input port', 'output port', 'reason']],
  // Addresses of IP, else of Ethernet.
  ['By flow', { ...SHARED, keys: 'or:src:macsource,or:dst:macdestination,or:dport:ipproto:ethernetprotocol,reason' }, ['source', 'destination', 'port or protocol', 'reason']],
];
const LINES = 6;
const EMPTY = 'No discarded packets were reported.';

export async function drops(view) {
  const unit = unitOf('frames');
  const figure = new Figure('Discarded packets by reason', unit.unit);
  const outputs = VIEWS.map(() => make('div'));
  view.append(
    make('p', { class: 'note' }, 'Packets of the last five minutes that agents report as discarded, with the reason. Counters of discards, also of agents that report none: ',
      make('a', { href: '#ports' }, 'Ports'), '.'),
    figure.element,
    ...VIEWS.map(([title], at) => section(title, outputs[at])),
  );
  return {
    period: 2000,
    async update() {
      const found = await Promise.all(VIEWS.map(([, parameters]) => flows(parameters)));
      figure.draw(found[0].flows.slice(0, LINES).map((flow) => course(flow.key, found[0], flow, unit.factor)), found[0].to);
      VIEWS.forEach(([title, , titles], at) => redraw(outputs[at],
        flowTable(`Discarded packets ${title.toLowerCase()}`, titles, unit, found[at].flows, { empty: EMPTY, summed: true })));
    },
  };
}
