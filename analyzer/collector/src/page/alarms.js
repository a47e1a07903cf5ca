// Alarms: their states, and one with its chart and history; the form that makes and changes them.

import { cloudwatch } from './api.js';
import { alarmForm } from './alarmform.js';
import { facts, make, redraw, section, table } from './dom.js';
import { lineOf, queryOf, resultsOf, textOf, unitOfLine, wordsOf, writer } from './metrics.js';
import { duration, moment } from './numbers.js';
import { TimeChart, seriesOf } from './timechart.js';

const STATES = ['ALARM', 'OK', 'INSUFFICIENT_DATA'];
const ROWS = 50, HOUR = 3600000;
const SIGNS = { GreaterThanThreshold: '>', GreaterThanOrEqualToThreshold: '\u2265', LessThanThreshold: '<', LessThanOrEqualToThreshold: '\u2264' };

export function alarms(view, parameters) {
  if (parameters.has('edit')) return edit(view, parameters);
  return parameters.get('name') ? one(view, parameters.get('name')) : list(view, parameters);
}

const link = (parts, text) => make('a', { href: `#alarms?${new URLSearchParams(parts)}` }, text);
const nameLink = ({ AlarmName }) => link({ name: AlarmName }, AlarmName);
const stateOf = ({ StateValue }) => make('span', { class: StateValue === 'ALARM' && 'bad' }, StateValue.replace('_', ' '));
const since = ({ StateUpdatedTimestamp }) => moment(1000 * StateUpdatedTimestamp);

async function list(view, parameters) {
  const [state, prefix, token] = ['state', 'prefix', 'token'].map((name) => parameters.get(name) || undefined);
  const output = make('div'), links = make('nav', { 'aria-label': 'Pages', class: 'pages' });
  view.append(filter(state, prefix), make('p', {}, link({ edit: '' }, 'New alarm')), output, links);
  return {
    period: 2000,
    async update() {
      const found = await cloudwatch('DescribeAlarms', { StateValue: state, AlarmNamePrefix: prefix, MaxRecords: ROWS, NextToken: token });
      redraw(output, table('Alarms', COLUMNS, found.MetricAlarms, state || prefix ? 'No alarm is found.' : 'No alarm yet.'));
      const given = Object.entries({ state, prefix }).filter(([, value]) => value);
      redraw(links, ...(token ? [link(given, 'First page')] : []), ...(found.NextToken ? [link([...given, ['token', found.NextToken]], 'Next page')] : []));
    },
  };
}

function filter(state, prefix) {
  const options = [['', 'any'], ...STATES.map((value) => [value, value.replace('_', ' ')])];
  const element = make('form', {},
    make('label', {}, 'state', make('select', { name: 'state' }, ...options.map(([value, text]) => make('option', { value, selected: value === (state ?? '') }, text)))),
    make('label', {}, 'name begins with', make('input', { name: 'prefix', value: prefix ?? '', autocomplete: 'off' })), make('button', {}, 'Show'));
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = `alarms?${new URLSearchParams(new FormData(element))}`;
  });
  return element;
}

const COLUMNS = [
  { title: 'name', of: nameLink },
  { title: 'state', of: stateOf },
  { title: 'since', of: since },
  { title: 'condition', of: conditionOf },
  { title: 'metric', of: metricText },
  { title: 'reason', of: ({ StateReason }) => make('span', { class: 'wrap' }, StateReason ?? '') },
];

const statisticOf = ({ Statistic, ExtendedStatistic }) => Statistic ?? ExtendedStatistic;

// The condition of an alarm as text: Average > 80 in 3 of 5 periods of 60 s.
function conditionOf(alarm) {
  const { Threshold, ComparisonOperator, EvaluationPeriods, DatapointsToAlarm = EvaluationPeriods, Period } = alarm;
  const value = statisticOf(alarm) ?? 'expression', periods = EvaluationPeriods === 1 ? 'a period' : `${DatapointsToAlarm} of ${EvaluationPeriods} periods`;
  return `${value} ${SIGNS[ComparisonOperator] ?? ComparisonOperator} ${Threshold} in ${periods}${Period ? ` of ${duration(1000 * Period)}` : ''}`;
}

function metricText({ Namespace, MetricName, Dimensions = [], Metrics }) {
  if (MetricName) return `${Namespace} ${MetricName} ${wordsOf(Dimensions.map(({ Name, Value }) => [Name, Value]))}`.trim();
  return (Metrics ?? []).map(({ Expression, MetricStat }) => Expression ?? MetricStat?.Metric.MetricName).join('; ');
}

async function describe(name) {
  const { MetricAlarms: [alarm] } = await cloudwatch('DescribeAlarms', { AlarmNames: [name] });
  if (!alarm) throw new Error(`No alarm is named ${name}.`);
  return alarm;
}

async function one(view, name) {
  let alarm = await describe(name), unit;
  const state = make('div'), reason = make('p'), past = make('div'), links = make('p', { class: 'pages' });
  const chart = new TimeChart('Values and threshold', (from, to) => { location.hash = historyOf(alarm, from, to); });
  view.append(make('p', {}, make('a', { href: '#alarms' }, 'All alarms')), state, reason, chart.element, links,
    section('History', past), section('Test', stateForm(name)), section('Delete', deletion(name)));
  return {
    title: `Alarm ${name}`,
    period: 2000,
    async update() {
      const history = await cloudwatch('DescribeAlarmHistory', { AlarmName: name, MaxRecords: ROWS });
      alarm = await describe(name);
      unit ??= await unitOf(alarm);
      redraw(state, factsOf(alarm));
      redraw(reason, `${metricText(alarm)}. ${alarm.StateReason ?? ''}`);
      redraw(links, ...(alarm.MetricName ? [link({ edit: name }, 'Edit'), make('a', { href: historyOf(alarm) }, 'History of the metric')] : []));
      redraw(past, table('Changes, the newest first', HISTORY, history.AlarmHistoryItems, 'Nothing yet.'));
      await draw(chart, alarm, unit);
    },
  };
}

const factsOf = (alarm) => facts([
  ['state', alarm.StateValue.replace('_', ' '), undefined, alarm.StateValue === 'ALARM'], ['since', since(alarm)],
  ['condition', conditionOf(alarm)], ['actions', actionsOf(alarm)],
]);

function actionsOf({ ActionsEnabled, AlarmActions = [], OKActions = [], InsufficientDataActions = [] }) {
  const count = AlarmActions.length + OKActions.length + InsufficientDataActions.length;
  return count && !ActionsEnabled ? `${count}, disabled` : String(count);
}

const unitOf = (alarm) => (alarm.MetricName ? unitOfLine(lineOfAlarm(alarm), ...spanOf(alarm)) : '');
const periodOf = ({ Period, Metrics = [] }) => Period ?? Math.max(60, ...Metrics.map((query) => query.Period ?? query.MetricStat?.Period ?? 0));

// Several times the periods that the state depends on.
function spanOf(alarm) {
  const to = Date.now();
  return [to - Math.max(HOUR, 3000 * alarm.EvaluationPeriods * periodOf(alarm)), to];
}

async function draw(chart, alarm, unit) {
  const [from, to] = spanOf(alarm), format = writer(unit ?? '');
  const queries = alarm.MetricName ? [queryOf(lineOfAlarm(alarm), periodOf(alarm))] : alarm.Metrics;
  const found = await resultsOf(queries, from, to);
  const lines = found.map(({ label, points }) => seriesOf(label, points, format));
  chart.draw([...lines, seriesOf('threshold', [[from, alarm.Threshold], [to, alarm.Threshold]], format)], from, to);
}

const HISTORY = [
  { title: 'time', of: ({ Timestamp }) => moment(1000 * Timestamp) },
  { title: 'kind', of: ({ HistoryItemType }) => HistoryItemType },
  { title: 'summary', of: ({ HistorySummary }) => make('span', { class: 'wrap' }, HistorySummary ?? '') },
];

// The metric of an alarm as a line of History; nothing for one of expressions.
function lineOfAlarm(alarm) {
  const { Namespace, MetricName, Dimensions = [] } = alarm;
  return MetricName && { id: 'm1', namespace: Namespace, name: MetricName, dimensions: Dimensions.map(({ Name, Value }) => [Name, Value]), stat: statisticOf(alarm) };
}

// The address of History with the metric of an alarm.
function historyOf(alarm, from, to) {
  if (!alarm.MetricName) return '#history';
  const times = from ? [['from', new Date(from).toISOString()], ['to', new Date(to).toISOString()]] : [];
  return `#history?${new URLSearchParams([['m', textOf(lineOfAlarm(alarm))], ...times])}`;
}

// Sets the state until the next evaluation, as a test of the actions does.
function stateForm(name) {
  const reason = make('input', { name: 'reason', value: 'test', required: true, autocomplete: 'off' });
  const state = make('select', { name: 'test-state' }, ...STATES.map((value) => make('option', { value }, value.replace('_', ' '))));
  const done = make('span', { role: 'status', class: 'note' });
  const form = make('form', {}, make('label', {}, 'state', state), make('label', {}, 'reason', reason), make('button', {}, 'Set state'), done);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    done.textContent = '';
    const input = { AlarmName: name, StateValue: state.value, StateReason: reason.value };
    cloudwatch('SetAlarmState', input).then(() => { done.textContent = `set to ${state.value}`; }, (error) => { done.textContent = error.message; });
  });
  return make('div', {}, make('p', { class: 'note' }, 'The actions of the state are done. The next evaluation sets the state anew.'), form);
}

// A second step, so that one click deletes nothing.
function deletion(name) {
  const button = make('button', { type: 'button' }, `Delete ${name}`), problem = make('span', { role: 'alert', class: 'bad' });
  button.addEventListener('click', () => {
    cloudwatch('DeleteAlarms', { AlarmNames: [name] }).then(() => { location.hash = 'alarms'; }, (error) => { problem.textContent = error.message; });
  });
  return make('details', {}, make('summary', {}, 'Delete this alarm'), make('p', {}, button, problem));
}

async function edit(view, parameters) {
  const name = parameters.get('edit'), alarm = name ? await describe(name) : undefined;
  const line = alarm ? lineOfAlarm(alarm) : parameters.has('m') && lineOf(parameters.get('m'));
  const { element, picker } = alarmForm(alarm, line);
  view.append(make('p', {}, make('a', { href: '#alarms' }, 'All alarms')), element);
  if (!line) await picker.load();
  return { title: name ? `Alarm ${name}` : 'New alarm' };
}
