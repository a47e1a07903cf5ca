// Metrics of CloudWatch: their lines in a chart, as they are in a URL, and their values.

import { cloudwatch } from './api.js';
import { short, symbolOf } from './numbers.js';

// A line of a chart is written as in the source of a graph of the CloudWatch console:
// ["AWS/EC2","CPUUtilization","InstanceId","i-1",{"id":"m1","stat":"Average"}] or [{"id":"e1","expression":"m1 * 2"}].
export function lineOf(text) {
  const fail = () => { throw new Error(`${text} is no metric: expected ["Namespace","Name","Dimension","Value",{"id":"m1","stat":"Average"}]`); };
  let parts;
  try { parts = JSON.parse(text); } catch { fail(); }
  if (!Array.isArray(parts)) fail();
  const last = parts.at(-1), options = typeof last === 'object' && last !== null ? parts.pop() : {};
  if (parts.some((part) => typeof part !== 'string')) fail();
  const { id, expression, stat = 'Average' } = options;
  if ([id ?? '', expression ?? '', stat].some((part) => typeof part !== 'string')) fail();
  if (expression !== undefined) return parts.length ? fail() : { id, expression };
  if (parts.length < 2 || parts.length % 2) fail();
  return { id, namespace: parts[0], name: parts[1], dimensions: pairs(parts.slice(2)), stat };
}

const pairs = (parts) => parts.flatMap((part, at) => (at % 2 ? [] : [[part, parts[at + 1]]]));

export function textOf({ id, expression, namespace, name, dimensions, stat }) {
  return JSON.stringify(expression === undefined ? [namespace, name, ...dimensions.flat(), { id, stat }] : [{ id, expression }]);
}

// The smallest name of a letter and a number that no line has.
export function freeId(lines, letter) {
  for (let number = 1; ; number += 1) if (!lines.some(({ id }) => id === letter + number)) return letter + number;
}

// Lines with a name each: what they are without one is added.
export function named(lines) {
  const known = [];
  for (const line of lines) {
    const taken = known.concat(lines.filter(({ id }) => id));
    known.push(line.id ? line : { ...line, id: freeId(taken, line.expression === undefined ? 'm' : 'e') });
  }
  return known;
}

// Dimensions as text, and as CloudWatch reads them.
export const wordsOf = (dimensions) => dimensions.map(([name, value]) => `${name}=${value}`).join(', ');
const listOf = (dimensions) => dimensions.map(([Name, Value]) => ({ Name, Value }));
export const metricOf = ({ namespace, name, dimensions }) => ({ Namespace: namespace, MetricName: name, Dimensions: listOf(dimensions) });

// The values of lines from one time to another, in ms, in periods of so many seconds: for each result `id`,
// `label` and `points`, of which an expression may have several.
export const valuesOf = (lines, from, to, period) => resultsOf(lines.map((line) => queryOf(line, period)), from, to);

export function queryOf(line, period) {
  if (line.expression !== undefined) return { Id: line.id, Expression: line.expression, Period: period };
  return { Id: line.id, MetricStat: { Metric: metricOf(line), Period: period, Stat: line.stat } };
}

// The same of queries.
export async function resultsOf(MetricDataQueries, from, to) {
  const input = { MetricDataQueries, StartTime: from / 1000, EndTime: to / 1000, ScanBy: 'TimestampAscending' };
  const found = new Map();
  for (let NextToken, page = 0; page === 0 || NextToken; page += 1) {
    const reply = await cloudwatch('GetMetricData', { ...input, NextToken });
    reply.MetricDataResults.forEach((result) => add(found, result));
    NextToken = reply.NextToken;
  }
  return [...found.values()];
}

function add(found, { Id, Label, Timestamps, Values }) {
  const key = `${Id} ${Label}`;
  if (!found.has(key)) found.set(key, { id: Id, label: Label, points: [] });
  // One after the other: as arguments of one call, many would be too many.
  Timestamps.forEach((time, at) => found.get(key).points.push([1000 * time, Values[at]]));
}

// Statistics that have no unit of the metric.
const COUNTS = /^(SampleCount|tc|PR\()/i;
const MAX_POINTS = 1440;

// The symbol of the unit of a line: that of its datapoints.
export async function unitOfLine(line, from, to) {
  if (line.expression !== undefined || COUNTS.test(line.stat)) return '';
  const Period = 60 * Math.ceil((to - from) / 60000 / (MAX_POINTS - 2));
  const input = { ...metricOf(line), StartTime: from / 1000, EndTime: to / 1000, Period, Statistics: ['SampleCount'] };
  const { Datapoints } = await cloudwatch('GetMetricStatistics', input);
  return Datapoints.length ? symbolOf(Datapoints[0].Unit) : undefined;
}

// A function that writes values with a unit.
export const writer = (unit) => (value) => (unit === '%' && typeof value === 'number' ? `${short(value)}\u00a0%` : short(value, unit));

// Lengths of periods in seconds that are chosen for a span.
const PERIODS = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
// What the server keeps: after so many hours, periods of so many seconds.
const KEPT = [[3, 60], [15 * 24, 300], [63 * 24, 3600]];
const POINTS = 360;

// The period for a span of time, so that a chart has about as many values as it can show.
export function periodFor(from, to, now = Date.now()) {
  const kept = KEPT.filter(([hours]) => now - from > 3600000 * hours).map(([, seconds]) => seconds);
  const least = Math.max((to - from) / 1000 / POINTS, ...kept);
  return PERIODS.find((period) => period >= least) ?? PERIODS.at(-1);
}
