// The form of an alarm on a metric: PutMetricAlarm.

import { cloudwatch } from './api.js';
import { make } from './dom.js';
import { metricOf, wordsOf } from './metrics.js';
import { Picker } from './picker.js';

const OPERATORS = [
  ['GreaterThanThreshold', 'greater than'], ['GreaterThanOrEqualToThreshold', 'greater than or equal to'],
  ['LessThanThreshold', 'less than'], ['LessThanOrEqualToThreshold', 'less than or equal to'],
];
const MISSING = [['missing', 'the state of before, then insufficient data'], ['notBreaching', 'as within the threshold'], ['breaching', 'as beyond the threshold'], ['ignore', 'the state of before']];
const PERIODS = [[1, '1\u00a0s'], [5, '5\u00a0s'], [10, '10\u00a0s'], [30, '30\u00a0s'], [60, '1\u00a0min'], [300, '5\u00a0min'], [900, '15\u00a0min'], [3600, '1\u00a0h']];
const STATISTICS = ['Average', 'Minimum', 'Maximum', 'Sum', 'SampleCount'];
const SUGGESTED = [...STATISTICS, 'p50', 'p90', 'p95', 'p99', 'tm90', 'IQM'];
const ACTIONS = [['AlarmActions', 'in ALARM'], ['OKActions', 'in OK'], ['InsufficientDataActions', 'with insufficient data']];

// A form with the values of an alarm, or of a new one about `line`.
export function alarmForm(alarm = {}, line = undefined) {
  const shown = new Form(alarm, line);
  return { element: shown.element, picker: shown.picker };
}

class Form {
  constructor(alarm, line) {
    Object.assign(this, { alarm, line });
    this.problem = make('p', { role: 'alert', class: 'bad' });
    this.metric = make('p', { role: 'status' });
    this.picker = new Picker((metric) => this.choose(metric), (error) => this.fail(error), 'Choose');
    const details = make('details', { open: !line }, make('summary', {}, 'Choose a metric'), this.picker.element);
    details.addEventListener('toggle', () => details.open && this.picker.reload());
    this.form = this.fields();
    this.element = make('div', {}, this.metric, details, this.form, this.problem);
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.put();
    });
    this.choose(line);
  }

  choose(metric) {
    this.line = metric || undefined;
    this.metric.textContent = metric ? `Metric: ${metric.namespace} ${metric.name} ${wordsOf(metric.dimensions)}` : 'Metric: none yet';
    this.fail();
  }

  fail(error) {
    this.problem.textContent = error?.message ?? '';
  }

  fields() {
    const { alarm, line } = this;
    const input = (name, text, value, more = {}) => make('label', {}, text, make('input', { name, value: value ?? '', autocomplete: 'off', ...more }));
    const select = (name, text, options, value) => make('label', {}, text, make('select', { name }, ...options.map(([own, label]) => make('option', { value: own, selected: String(own) === String(value) }, label))));
    const periods = PERIODS.some(([seconds]) => seconds === (alarm.Period ?? 60)) ? PERIODS : [...PERIODS, [alarm.Period, `${alarm.Period}\u00a0s`]];
    return make('form', {},
      // The name of an alarm cannot change: another one would be made.
      input('name', 'name', alarm.AlarmName, { required: true, maxlength: 255, readonly: alarm.AlarmName !== undefined }),
      input('description', 'description', alarm.AlarmDescription),
      input('statistic', 'statistic', alarm.Statistic ?? alarm.ExtendedStatistic ?? line?.stat ?? 'Average', { required: true, list: 'alarm-statistics' }),
      make('datalist', { id: 'alarm-statistics' }, ...SUGGESTED.map((value) => make('option', { value }))),
      select('operator', 'is', OPERATORS, alarm.ComparisonOperator),
      input('threshold', 'threshold', alarm.Threshold, { required: true, inputmode: 'decimal' }),
      select('period', 'in a period of', periods, alarm.Period ?? 60),
      input('datapoints', 'for so many', alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods ?? 1, { type: 'number', min: 1, required: true }),
      input('periods', 'of the last periods', alarm.EvaluationPeriods ?? 1, { type: 'number', min: 1, required: true }),
      select('missing', 'missing values count as', MISSING, alarm.TreatMissingData ?? 'missing'),
      ...ACTIONS.map(([member, text]) => input(member, `webhook ${text}`, (alarm[member] ?? []).join(' '), { placeholder: 'URLs, separated by spaces', class: 'long' })),
      make('label', {}, 'actions', make('select', { name: 'enabled' }, make('option', { value: 'true' }, 'enabled'), make('option', { value: 'false', selected: alarm.ActionsEnabled === false }, 'disabled'))),
      make('button', {}, alarm.AlarmName === undefined ? 'Create alarm' : 'Save alarm'));
  }

  request() {
    const value = (name) => this.form.elements[name].value.trim();
    const statistic = value('statistic'), actions = ACTIONS.map(([member]) => [member, value(member).split(/[\s,]+/).filter(Boolean)]);
    if (!Number.isFinite(Number(value('threshold')))) throw new Error('threshold: expected a number');
    return {
      ...metricOf(this.line), AlarmName: this.form.elements.name.value, AlarmDescription: value('description') || undefined, Unit: this.alarm.Unit,
      [STATISTICS.includes(statistic) ? 'Statistic' : 'ExtendedStatistic']: statistic, ComparisonOperator: value('operator'), Threshold: Number(value('threshold')), Period: Number(value('period')),
      EvaluationPeriods: Number(value('periods')), DatapointsToAlarm: Number(value('datapoints')), TreatMissingData: value('missing'), ActionsEnabled: value('enabled') === 'true', ...Object.fromEntries(actions),
    };
  }

  async put() {
    try {
      if (!this.line) throw new Error('Choose a metric first.');
      const request = this.request();
      await cloudwatch('PutMetricAlarm', request);
      location.hash = `alarms?${new URLSearchParams({ name: request.AlarmName })}`;
    } catch (error) {
      this.fail(error);
    }
  }
}
