// History: any metrics of CloudWatch in one chart, over any part of the past. All of it is in the URL.

import { make, redraw, section, table } from './dom.js';
import { freeId, lineOf, named, periodFor, textOf, unitOfLine, valuesOf, wordsOf, writer } from './metrics.js';
import { count, duration } from './numbers.js';
import { Picker } from './picker.js';
import { TimeChart, csvOf, seriesOf } from './timechart.js';

const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
// Parts of the past that end now, in ms.
const SPANS = {
  '-15m': [15 * MINUTE, '15\u00a0min'], '-1h': [HOUR, '1\u00a0h'], '-3h': [3 * HOUR, '3\u00a0h'], '-12h': [12 * HOUR, '12\u00a0h'], '-1d': [DAY, '1\u00a0day'], '-3d': [3 * DAY, '3\u00a0days'],
  '-7d': [7 * DAY, '1\u00a0week'], '-30d': [30 * DAY, '1\u00a0month'], '-90d': [90 * DAY, '3\u00a0months'], '-180d': [180 * DAY, '6\u00a0months'], '-455d': [455 * DAY, '15\u00a0months'],
};
const PERIODS = [[1, '1\u00a0s'], [5, '5\u00a0s'], [10, '10\u00a0s'], [30, '30\u00a0s'], [60, '1\u00a0min'], [300, '5\u00a0min'], [900, '15\u00a0min'], [3600, '1\u00a0h'], [21600, '6\u00a0h'], [86400, '1\u00a0day']];
const STATISTICS = ['Average', 'Minimum', 'Maximum', 'Sum', 'SampleCount', 'p50', 'p90', 'p95', 'p99', 'tm90', 'IQM'];
// Lines of a chart, and metrics and expressions.
const MAX_LINES = 24, MAX_SERIES = 50;
// Selected parts are not shorter.
const LEAST = 10000;

export async function history(view, parameters) {
  const shown = new History(parameters);
  view.append(shown.element);
  shown.list();
  if (!shown.lines.length) await shown.picker.load();
  return shown;
}

class History {
  constructor(parameters) {
    this.lines = named(parameters.getAll('m').map(lineOf));
    this.read(parameters);
    Object.assign(this, { turn: 0, units: new Map(), series: [] });
    this.problem = make('p', { class: 'bad', role: 'alert' });
    this.picker = new Picker((metric) => this.add({ ...metric, stat: 'Average' }, 'm'), (error) => this.fail(error));
    this.chart = new TimeChart('Values', (from, to) => this.zoom(from, to));
    this.chosen = make('div');
    this.note = make('p', { class: 'note' });
    this.fixed = make('a', {}, 'Link to this part of the past');
    this.times = this.timeForm();
    const more = make('details', { open: !this.lines.length }, make('summary', {}, 'Add metrics'), this.picker.element);
    more.addEventListener('toggle', () => more.open && this.picker.reload());
    this.element = make('div', {}, this.times.element, this.problem, this.chart.element, this.note, this.actions(),
      section('Lines', this.chosen, this.expressionForm()), section('Metrics', more));
  }

  // The time: from one of SPANS until now, or from one time to another.
  read(parameters) {
    const from = parameters.get('from') ?? '-1h', period = Number(parameters.get('period') ?? 0);
    const [start, end] = [from, parameters.get('to')].map((text) => Date.parse(text));
    if (!Number.isInteger(period) || period < 0) throw new Error(`period: ${parameters.get('period')} is no number of seconds`);
    if (!Object.hasOwn(SPANS, from) && !(start < end)) throw new Error(`from, to: expected one of ${Object.keys(SPANS).join(', ')}, or two times such as 2026-11-29T12:00:00Z, the earlier one first`);
    Object.assign(this, { from, start, end, seconds: period });
  }

  get isLive() { return Object.hasOwn(SPANS, this.from); }
  // A period changes until it has ended, and no longer span faster.
  get period() { return Math.min(60000, Math.max(2000, 500 * this.periodNow())); }

  span() {
    if (!this.isLive) return [this.start, this.end];
    const now = Date.now();
    return [now - SPANS[this.from][0], now];
  }

  periodNow() {
    return this.seconds || periodFor(...this.span());
  }

  url(more = {}) {
    const times = this.isLive ? { from: this.from } : { from: new Date(this.start).toISOString(), to: new Date(this.end).toISOString() };
    const all = { ...times, ...(this.seconds ? { period: this.seconds } : {}), ...more };
    return `#history?${new URLSearchParams([...this.lines.map((line) => ['m', textOf(line)]), ...Object.entries(all)])}`;
  }

  // After a change by the user: a step back leads to the view before.
  changed() {
    window.history.pushState(null, '', this.url());
    this.list();
    this.times.show();
    // An error is shown already; the next turn has that of a token.
    this.update().catch(() => {});
  }

  add(line, letter) {
    if (this.lines.length >= MAX_LINES) return this.fail(new Error(`A chart has at most ${MAX_LINES} lines.`));
    this.lines.push({ ...line, id: freeId(this.lines, letter) });
    return this.changed();
  }

  zoom(from, to) {
    const middle = (from + to) / 2, half = Math.max(to - from, LEAST) / 2;
    Object.assign(this, { from: '', start: Math.round(middle - half), end: Math.round(middle + half) });
    this.changed();
  }

  fail(error) {
    this.problem.textContent = error?.message ?? '';
  }

  async update() {
    const turn = this.turn += 1, [from, to] = this.span(), period = this.periodNow();
    try {
      const found = this.lines.length ? await valuesOf(this.lines, from, to, period) : [];
      await this.readUnits(from, to);
      if (turn !== this.turn) return;
      this.fail();
      this.draw(found, from, to, period);
    } catch (error) {
      if (error.status !== 401 && turn === this.turn) this.fail(Object.assign(error, { shown: true }));
      throw error;
    }
  }

  // The unit of each line that has values, once.
  async readUnits(from, to) {
    const unknown = this.lines.filter((line) => this.units.get(textOf(line)) === undefined);
    await Promise.all(unknown.map(async (line) => this.units.set(textOf(line), await unitOfLine(line, from, to))));
  }

  draw(found, from, to, period) {
    const shown = found.slice(0, MAX_SERIES), lines = new Map(this.lines.map((line) => [line.id, line]));
    this.series = shown.map(({ id, label, points }) => {
      const line = lines.get(id), unit = this.units.get(textOf(line));
      return seriesOf(line.expression === undefined ? nameOf(line) : `${id} ${label === id ? line.expression : label}`, points, writer(unit ?? ''));
    });
    this.chart.draw(this.series, from, to);
    const values = shown.reduce((sum, { points }) => sum + points.length, 0);
    const cut = found.length > shown.length ? ` The first ${shown.length} of ${count(found.length)} lines are drawn.` : '';
    this.note.textContent = this.lines.length
      ? `${count(values)} values, one for each ${duration(1000 * period)} that has any. Drag over the chart to see a part of it.${cut}` : 'Choose a metric below.';
    this.fixed.setAttribute('href', fixedUrl(this, from, to));
  }

  actions() {
    const save = make('button', { type: 'button' }, 'Download CSV');
    save.addEventListener('click', () => download('flowmote-history.csv', csvOf(this.series)));
    return make('div', { class: 'pages' }, save, this.fixed);
  }

  list() {
    const select = (line) => {
      const input = make('input', { name: `statistic-${line.id}`, value: line.stat, list: 'statistics', 'aria-label': `statistic of ${line.id}`, size: 11 });
      input.addEventListener('change', () => { line.stat = input.value.trim(); this.changed(); });
      return input;
    };
    const remove = (line) => {
      const button = make('button', { type: 'button', 'aria-label': `Remove ${line.id}` }, 'Remove');
      button.addEventListener('click', () => { this.lines = this.lines.filter((other) => other !== line); this.changed(); });
      return button;
    };
    redraw(this.chosen, make('datalist', { id: 'statistics' }, ...STATISTICS.map((value) => make('option', { value }))), table('Lines of the chart', [
      { title: 'id', of: ({ id }) => id },
      { title: 'namespace', of: ({ namespace }) => namespace },
      { title: 'metric or expression', of: ({ name, expression }) => name ?? expression },
      { title: 'dimensions', of: ({ dimensions }) => dimensions && wordsOf(dimensions) },
      { title: 'statistic', of: (line) => (line.expression === undefined ? select(line) : '') },
      { title: 'chart', of: remove },
      { title: 'alarm', of: (line) => (line.expression === undefined ? make('a', { href: `#alarms?${new URLSearchParams([['edit', ''], ['m', textOf(line)]])}`, 'aria-label': `New alarm on ${line.id}` }, 'New alarm') : '') },
    ], this.lines, 'No line yet.'));
  }

  expressionForm() {
    const input = make('input', { name: 'expression', placeholder: "RATE(m1) or SEARCH('{AWS/EC2,InstanceId} CPUUtilization', 'Average', 60)", autocomplete: 'off', spellcheck: 'false', size: 60, required: true });
    const form = make('form', {}, make('label', { class: 'wide' }, 'expression', input), make('button', {}, 'Add expression'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.add({ expression: input.value }, 'e');
      input.value = '';
    });
    return form;
  }

  timeForm() {
    const option = (value, text) => make('option', { value }, text);
    const span = make('select', { name: 'from' }, option('', 'from, to'), ...Object.entries(SPANS).map(([value, [, text]]) => option(value, `last ${text}`)));
    const [start, end] = ['from', 'to'].map((name) => make('input', { type: 'datetime-local', name: `time-${name}`, step: 1 }));
    const period = make('select', { name: 'period' }, option('', 'automatic'), ...PERIODS.map(([value, text]) => option(value, text)));
    const wider = make('button', { type: 'button' }, 'Zoom out'), live = make('span', { role: 'status', class: 'note' });
    const show = () => {
      span.value = this.isLive ? this.from : '';
      period.value = this.seconds || '';
      if (period.value !== String(this.seconds || '')) period.append(option(this.seconds, `${this.seconds}\u00a0s`)), period.value = this.seconds;
      [start, end].forEach((input, at) => { input.value = this.isLive ? '' : local([this.start, this.end][at]); });
      live.textContent = this.isLive ? 'live' : '';
    };
    span.addEventListener('change', () => { if (span.value) { this.from = span.value; this.changed(); } });
    period.addEventListener('change', () => { this.seconds = Number(period.value); this.changed(); });
    wider.addEventListener('click', () => { const [from, to] = this.span(); this.zoom(from - (to - from) / 2, Math.min(Date.now(), to + (to - from) / 2)); });
    for (const input of [start, end]) input.addEventListener('change', () => this.between(start.value, end.value));
    show();
    return { show, element: make('form', {}, make('label', {}, 'time', span), make('label', {}, 'from', start), make('label', {}, 'to', end), make('label', {}, 'period', period), wider, live) };
  }

  // Times of the two fields, when both are there.
  between(from, to) {
    if (!from || !to) return;
    const [start, end] = [from, to].map((text) => Date.parse(text));
    if (!(start < end)) return this.fail(new Error('The time from must be before the time to.'));
    this.zoom(start, end);
  }
}

const nameOf = ({ id, name, dimensions, stat }) => `${id} ${name}${dimensions.length ? ` ${dimensions.map(([, value]) => value).join(' ')}` : ''}, ${stat}`;

function fixedUrl(shown, from, to) {
  return shown.url({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
}

// A time in the form of a field for local times.
function local(time) {
  const shifted = new Date(time - 60000 * new Date(time).getTimezoneOffset());
  return shifted.toISOString().slice(0, 19);
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  make('a', { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
