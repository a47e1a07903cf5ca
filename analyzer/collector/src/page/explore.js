// Explore: flows by keys, value and filter of the user. They are part of the URL.

import { SEPARATOR, flows, get } from './api.js';
import { Figure, course } from './chart.js';
import { make, redraw, section } from './dom.js';
import { flowTable, split } from './flowtable.js';
import { count, short, unitOf } from './numbers.js';

const EXAMPLES = [
  ['Conversations', { keys: 'src,dst' }],
  ['Connections', { keys: 'src,dst,ipproto,sport,dport' }],
  ['Services', { keys: 'ipproto,dport' }],
  ['Ports of agents', { keys: 'agent,inputifindex,outputifindex' }],
  ['VLANs', { keys: 'null:vlan:untagged' }],
  ['Stations', { keys: 'macsource,macdestination' }],
  ['Protocols', { keys: 'stack', value: 'frames' }],
];
// Parts of the past, in ms, with the step of their course.
const SPANS = { '-1m': [60000, '1s'], '-5m': [300000, '5s'], '-15m': [900000, '15s'], '-1h': [3600000, '1m'],
  '-6h': [21600000, '5m'], '-24h': [86400000, '15m'], '-168h': [604800000, '2h'] };
const ROWS = 100, LINES = 5;

export async function explore(view, parameters) {
  const text = (name) => parameters.get(name) || undefined;
  const flow = { keys: text('keys'), value: text('value') ?? 'bytes', filter: text('filter'), from: text('from') };
  if (!Object.hasOwn(SPANS, flow.from)) flow.from = '-5m';
  const { element, report } = await form(flow);
  view.append(element, examples());
  if (!parameters.has('keys')) return {};
  const unit = unitOf(flow.value), titles = split(flow.keys ?? ''), [span, step] = SPANS[flow.from];
  const figure = new Figure('Course of the largest flows', unit.unit, span);
  const output = make('div');
  view.append(figure.element, section('Flows', output));
  return {
    // What is read from files does not change that fast.
    period: span > 3600000 ? 30000 : 2000,
    async update() {
      const reply = await flows({ ...flow, step, n: ROWS }).catch(report);
      report();
      const line = (one) => course(one.key.split(SEPARATOR).join(' '), reply, one, unit.factor);
      const lines = reply.flows.slice(0, LINES).map(line);
      figure.draw([course('all', reply, reply.total, unit.factor), ...lines], reply.to);
      redraw(output, flowTable(captionOf(reply, unit), titles, unit, reply.flows, { empty: 'No sample has these keys and fits the filter.' }));
    },
  };
}

function captionOf({ flows, found, scanned, unseenBelow, notInHistory }, { factor, unit }) {
  const shown = flows.length < found ? `the ${flows.length} largest of ` : '';
  const unseen = unseenBelow ? `; a flow without a sample has less than ${short(unseenBelow * factor, unit)}` : '';
  const later = notInHistory ? `; the history of flows does not have ${notInHistory.join(', ')}` : '';
  return `${shown}${count(found)} flows in ${count(scanned)} samples${unseen}${later}`;
}

const examples = () => make('p', { class: 'examples' }, 'Examples: ',
  ...EXAMPLES.map(([title, flow]) => make('a', { href: `#explore?${new URLSearchParams(flow)}` }, title)));

async function form(flow) {
  const { keys, functions } = await get('/api/v1/keys');
  const words = [...keys, ...functions.map((one) => `${one}:`)];
  const values = ['bytes', 'frames', 'requests', ...['avg:', 'min:', 'max:', 'count:', 'rate:'].flatMap((word) => [word, ...keys.map((key) => word + key)])];
  const fields = {
    keys: field('keys', flow.keys, words, 'src,dst'),
    value: field('value', flow.value, values, 'bytes'),
    filter: field('filter', flow.filter, words, 'dport=443&ipproto=6'),
  };
  const options = Object.keys(SPANS).map((from) => make('option', { value: from, selected: from === flow.from }, `last ${from === '-168h' ? '7\u00a0days' : `${from.slice(1, -1)}\u00a0${from.endsWith('h') ? 'h' : 'min'}`}`));
  const span = make('label', {}, 'time', make('select', { name: 'from' }, ...options));
  const element = make('form', {}, ...Object.values(fields).map((one) => one.element), span, make('button', {}, 'Show'));
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = `explore?${new URLSearchParams(new FormData(element))}`;
  });
  return { element, report: (error) => reportAt(fields, error) };
}

// An input with its label, completion, and a place for its error.
function field(name, value, words, example) {
  const problem = make('span', { class: 'bad', id: `problem-${name}` });
  const input = make('input', { name, value: value ?? '', placeholder: example, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': problem.id });
  return { input, problem, element: make('label', { class: name }, name, input, completion(input, words), problem) };
}

// A list of words that fit the last part of a field.
function completion(input, words) {
  const list = make('datalist', { id: `words-${input.name}` });
  input.setAttribute('list', list.id);
  const update = () => {
    const whole = words.filter((word) => word.startsWith(input.value) && input.value);
    const [, before, part] = /^(.*[,:&|(=[]|)(.*)$/.exec(input.value);
    const fitting = words.filter((word) => word.startsWith(part)).map((word) => before + word);
    const offered = [...new Set([...whole, ...fitting])].slice(0, 60);
    list.replaceChildren(...offered.map((value) => make('option', { value })));
  };
  input.addEventListener('input', update);
  update();
  return list;
}

// Shows an error at the field and the character that it names; without an error, removes it.
function reportAt(fields, error) {
  const [, name, at, text] = /^(\w+): (?:at character (\d+): )?(.*)$/s.exec(error?.message ?? '') ?? [];
  for (const [other, { input, problem }] of Object.entries(fields)) {
    const message = other === name ? (at ? `character ${at}: ${text}` : text) : '';
    if (problem.textContent === message) continue;
    problem.textContent = message;
    input.toggleAttribute('aria-invalid', message !== '');
    if (at && message) {
      input.focus();
      input.setSelectionRange(at - 1, input.value.length);
    }
  }
  if (error) throw fields[name] ? Object.assign(error, { shown: true }) : error;
}
