// The metrics that the server has: by namespace and names of dimensions, with a search as you type.

import { pages } from './api.js';
import { make } from './dom.js';
import { wordsOf } from './metrics.js';
import { count } from './numbers.js';
import { Pages } from './pages.js';

// Pages of 500 metrics that are read at most.
const MAX_PAGES = 20;
const PAUSE = 400;

export class Picker {
  // `add` is called with a metric, `report` with an error or nothing, `action` is the word of the button.
  constructor(add, report, action = 'Add') {
    Object.assign(this, { add, report, action, turn: 0, known: [], names: new Set() });
    this.namespace = make('input', { name: 'namespace', list: 'namespaces', placeholder: 'all', autocomplete: 'off', spellcheck: 'false' });
    this.list = make('datalist', { id: 'namespaces' });
    this.dimensions = make('select', { name: 'dimensions' }, make('option', { value: '' }, 'any'));
    this.found = new Pages('metrics');
    this.note = make('p', { class: 'note', role: 'status' });
    this.element = make('div', {}, make('div', { class: 'pages' },
      make('label', {}, 'namespace', this.namespace, this.list), make('label', {}, 'dimensions', this.dimensions)), this.found.element, this.note);
    this.namespace.addEventListener('input', () => this.later());
    this.dimensions.addEventListener('change', () => this.reload());
    this.found.input.addEventListener('input', () => this.known.next && this.later());
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reload(), PAUSE);
  }

  // An error is shown where the metrics are.
  reload() {
    this.load().catch(() => {});
  }

  // Reads the metrics of the namespace and names of dimensions. Of a list that is too long, words such as
  // `host=web1` and `MetricName=x` are searched by the server.
  load() {
    const turn = this.turn += 1;
    return this.read().then((known) => {
      if (turn !== this.turn) return;
      this.known = known;
      this.report();
      this.show();
    }, (error) => {
      this.report(error);
      throw error;
    });
  }

  async read() {
    const Namespace = this.namespace.value.trim() || undefined;
    const names = this.dimensions.value ? JSON.parse(this.dimensions.value) : [];
    const exact = this.known.next || this.exact ? exactly(this.found.input.value) : [];
    this.exact = exact.length > 0;
    const MetricName = exact.find(([name]) => name === 'MetricName')?.[1];
    const given = exact.filter(([name]) => name !== 'MetricName').map(([Name, Value]) => ({ Name, Value }));
    const others = names.filter((name) => !given.some(({ Name }) => Name === name)).map((Name) => ({ Name }));
    const found = await pages('ListMetrics', { Namespace, MetricName, Dimensions: [...given, ...others] }, 'Metrics', MAX_PAGES);
    return Object.assign(found.map((metric) => ({
      namespace: metric.Namespace, name: metric.MetricName, dimensions: metric.Dimensions.map(({ Name, Value }) => [Name, Value]),
    })), { next: found.next });
  }

  show() {
    const rows = this.known.filter((metric) => !this.dimensions.value || JSON.stringify(namesOf(metric)) === this.dimensions.value);
    for (const { namespace } of this.known) this.names.add(namespace);
    this.list.replaceChildren(...[...this.names].sort().map((value) => make('option', { value })));
    this.offer();
    this.found.show('Metrics', this.columns(), rows, wordsOfMetric);
    this.note.textContent = this.known.next
      ? `The first ${count(this.known.length)} metrics. A namespace, names of dimensions, or whole words such as host=web1 and MetricName=CPUUtilization show fewer.` : '';
  }

  // The sets of names of dimensions.
  offer() {
    const sets = new Set(this.known.map((metric) => JSON.stringify(namesOf(metric))));
    const chosen = this.dimensions.value;
    if (chosen) sets.add(chosen);
    const options = [...sets].sort().map((value) => make('option', { value, selected: value === chosen }, JSON.parse(value).join(', ') || 'none'));
    this.dimensions.replaceChildren(make('option', { value: '' }, 'any'), ...options);
  }

  columns() {
    const button = (metric) => {
      const add = make('button', { type: 'button', 'aria-label': `${this.action} ${wordsOfMetric(metric)}` }, this.action);
      add.addEventListener('click', () => this.add(metric));
      return add;
    };
    return [
      { title: 'namespace', of: ({ namespace }) => namespace },
      { title: 'metric', of: ({ name }) => name },
      { title: 'dimensions', of: ({ dimensions }) => wordsOf(dimensions) },
      { title: 'chart', of: button },
    ];
  }
}

const namesOf = ({ dimensions }) => dimensions.map(([name]) => name);
const wordsOfMetric = ({ namespace, name, dimensions }) => `${namespace} ${name} ${wordsOf(dimensions)}`;
const exactly = (text) => text.split(/\s+/).map((word) => word.split(/=(.*)/s)).filter(([name, value]) => name && value);
