// Explore: a flow that the user defines, live. Keys, value and filter are part of the URL.

import { define, flows, get, ownName, remove } from './api.js';
import { Series, figure } from './chart.js';
import { make } from './dom.js';
import { flowTable } from './flowtable.js';
import { short } from './numbers.js';

export async function explore(view, parameters) {
  const name = ownName('explore');
  const flow = { keys: parameters.get('keys') ?? '', value: parameters.get('value') || 'bytes', filter: parameters.get('filter') || undefined, n: 100 };
  const output = make('div'), chart = make('div');
  view.append(await form(flow), make('h2', {}, 'Sum of the flows shown'), chart, make('h2', {}, 'Flows'), output);
  if (!flow.keys) {
    output.textContent = 'Enter keys, such as src,dst.';
    return {};
  }
  await define(name, flow);
  const unit = flow.value === 'bytes' ? 'bit/s' : '';
  const factor = unit ? 8 : 1;
  const sum = new Series('sum');
  return {
    period: 1000,
    async update() {
      const found = await flows(name, flow, 100);
      sum.push(found.reduce((all, one) => all + one.value, 0));
      if (!chart.querySelector('details[open]')) chart.replaceChildren(...figure(flow.value, [sum], (value) => short(value * factor, unit)));
      output.replaceChildren(flowTable(`${found.length} flows of ${flow.keys}`, found, unit));
    },
    leave: () => remove(name),
  };
}

async function form(flow) {
  const { keys, functions } = await get('/api/v1/keys');
  const field = (name, value) => make('input', { name, value: value ?? '', autocomplete: 'off', spellcheck: 'false' });
  const inputs = { keys: field('keys', flow.keys), value: field('value', flow.value), filter: field('filter', flow.filter) };
  const lists = Object.values(inputs).map((input) => completion(input, [...keys, ...functions.map((one) => `${one}:`)]));
  const button = make('button', {}, 'Show');
  const labels = Object.entries(inputs).map(([name, input]) => make('label', {}, name, input));
  const form = make('form', {}, ...labels, ...lists, button);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = `explore?${new URLSearchParams(new FormData(form))}`;
  });
  return form;
}

// A list of words that fit the last part of a field.
function completion(input, words) {
  const list = make('datalist', { id: `words-${input.name}` });
  input.setAttribute('list', list.id);
  const update = () => {
    const [, before, part] = /^(.*[,:&|(=]|)(.*)$/.exec(input.value);
    const fitting = words.filter((word) => word.startsWith(part)).slice(0, 50);
    list.replaceChildren(...fitting.map((word) => make('option', { value: before + word })));
  };
  input.addEventListener('input', update);
  update();
  return list;
}
