// Cost: what a month of the same visibility would cost as CloudWatch and VPC Flow Logs, with its arithmetic.

import { get } from './api.js';
import { facts, make, redraw, section, table } from './dom.js';
import { money } from './numbers.js';

const NAMES = {
  metric: 'Metrics', metricRead: 'Reading metrics (GetMetricData)', flowLogIngest: 'Flow logs to CloudWatch Logs',
  logStorage: 'Storage of flow logs', insightsScan: 'Logs Insights', liveTail: 'Live Tail',
};
// Parameters of the server that replace a value, in the order of the form.
const PARAMETERS = [
  ['instances', 'instances'], ['detailed', 'metrics of detailed monitoring'], ['reads', 'metrics read, a minute'], ['records', 'flow records of an instance, a second'], ['recordBytes', 'bytes of a record'],
  ['months', 'months kept'], ['scans', 'times each GB is read'], ['tailMinutes', 'minutes of Live Tail a day'],
];
const BASES = { measured: 'measured', assumed: 'assumed', defined: '' };

export async function cost(view, parameters) {
  const path = `/api/v1/cost?${new URLSearchParams([...parameters].filter(([name, value]) => value && (name === 'region' || PARAMETERS.some(([own]) => own === name))))}`;
  const first = await get(path), sums = make('div'), lines = make('div'), prices = make('div');
  view.append(
    make('p', { class: 'note' }, 'What AWS would charge each month for what this analyzer has, by the prices below. Each has its source and date, and they disagree. Nothing here is an offer of AWS; ',
      make('code', {}, 'serve --prices FILE'), ' replaces them.'),
    sums, form(parameters, first), section('Quantities', lines), section('Prices', prices),
  );
  let reply = first;
  return {
    period: 10000,
    async update() {
      const shown = reply ?? await get(path);
      reply = null;
      redraw(sums, sumsOf(shown));
      redraw(lines, linesOf(shown));
      redraw(prices, pricesOf(shown));
    },
  };
}

function form(parameters, { region, regions, lines }) {
  const used = new Map(lines.flatMap((line) => line.parts).flatMap((part) => part.factors).map((factor) => [factor.parameter, factor]));
  const field = ([name, text]) => {
    const { value, basis } = used.get(name) ?? {};
    // An empty field has what was measured or assumed.
    const placeholder = value === undefined || parameters.get(name) ? '' : `${exact(value)} ${BASES[basis]}`;
    const input = make('input', { name, value: parameters.get(name) ?? '', placeholder: name === 'records' && !parameters.get(name) ? 'as measured' : placeholder, inputmode: 'decimal', autocomplete: 'off', size: 18 });
    return make('label', {}, text, input);
  };
  const options = regions.map((value) => make('option', { value, selected: value === region }, value));
  const element = make('form', {}, make('label', {}, 'region', make('select', { name: 'region' }, ...options)), ...PARAMETERS.map(field), make('button', {}, 'Calculate'));
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = [...new FormData(element)].filter(([, value]) => value.trim());
    location.hash = `cost?${new URLSearchParams(given.map(([name, value]) => [name, value.trim()]))}`;
  });
  return element;
}

function sumsOf({ currency, region, low, high, unpriced }) {
  const without = unpriced.length ? [['without a price here', unpriced.map((item) => NAMES[item] ?? item).join(', '), undefined, true]] : [];
  return facts([[`a month in ${region}`, range(low, high, currency)], ['with Flowmote', `${money(0, currency)} for metrics, requests and GB`], ...without]);
}

function linesOf({ currency, lines }) {
  const rows = lines.flatMap((line) => line.parts.map((part, at) => ({ line, part, first: at === 0 })));
  return table('Each quantity of a month, and what it would cost', [
    { title: 'item', of: ({ line, first }) => (first ? NAMES[line.item] ?? line.item : '') },
    { title: 'cost a month', of: ({ line, first }) => (first ? range(line.low, line.high, currency) : ''), number: true },
    { title: 'quantity', of: ({ line, first }) => (first ? `${exact(line.quantity)} ${line.unit}` : ''), number: true },
    { title: 'part', of: ({ part }) => part.name },
    { title: 'arithmetic', of: ({ part }) => make('span', { class: 'wrap' }, arithmetic(part)) },
  ], rows);
}

// The factors of a part and their product.
function arithmetic({ factors, quantity }) {
  const text = factors.map(({ name, value, basis }) => `${exact(value)} ${name}${BASES[basis] ? ` (${BASES[basis]})` : ''}`);
  return factors.length > 1 ? `${text.join(' \u00d7 ')} = ${exact(quantity)}` : text.join('');
}

function pricesOf({ currency, lines }) {
  const rows = lines.flatMap((line) => line.prices.map((price) => ({ line, ...price })));
  return table('Prices by source', [
    { title: 'item', of: ({ line }) => NAMES[line.item] ?? line.item },
    { title: 'cost a month', of: ({ cost }) => money(cost, currency), number: true },
    { title: 'price', of: (row) => make('span', { class: 'wrap' }, priceOf(row, currency)) },
    { title: 'for', of: ({ line }) => line.unit },
    { title: 'date', of: ({ date }) => date ?? 'undated' },
    { title: 'source', of: ({ source }) => make('span', { class: 'wrap' }, ...linked(source)) },
  ], rows, 'No price is of this region.');
}

// The tiers of a price.
function priceOf({ free, tiers }, currency) {
  const text = tiers.map(({ upTo, price }) => `${exact(price)}\u00a0${currency}${upTo === undefined ? '' : ` up to ${exact(upTo)}`}`).join(', then ');
  return free ? `${exact(free)} free, then ${text}` : text;
}

// A text with its address as a link.
function linked(text) {
  const [, address, rest] = /^(https:\/\/[^\s;]+?)(:?[\s;].*)?$/s.exec(text) ?? [];
  return address ? [make('a', { href: address, rel: 'noreferrer noopener' }, address), rest ?? ''] : [text];
}

const range = (low, high, currency) => {
  if (low === null) return 'no price';
  const [from, to] = [low, high].map((value) => money(value, currency));
  return from === to ? from : `${from} to ${to}`;
};
const exact = (value) => value.toLocaleString('en', { maximumSignificantDigits: 6 });
