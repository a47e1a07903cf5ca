// Hosts: a list, and all metrics of one with their course.

import { get } from './api.js';
import { Series, spark } from './chart.js';
import { make } from './dom.js';
import { count, percent, short } from './numbers.js';
import { Pages } from './pages.js';

export const hosts = (view, parameters) => (parameters.get('agent') ? host(view, parameters.get('agent')) : list(view));

async function list(view) {
  const pages = new Pages('hosts');
  view.append(pages.element);
  return {
    period: 2000,
    async update() {
      const rows = join(await get('/dump/ALL/host_name;load_one;cpu_utilization;mem_utilization/json'));
      pages.show(`${count(rows.length)} hosts`, COLUMNS, rows, (row) => `${row.agent} ${row.host_name ?? ''}`);
    },
  };
}

function join(cells) {
  const rows = new Map();
  for (const { agent, metricName, metricValue } of cells) rows.set(agent, { agent, ...rows.get(agent), [metricName]: metricValue });
  return [...rows.values()];
}

const COLUMNS = [
  { title: 'agent', of: (row) => make('a', { href: `#hosts?agent=${encodeURIComponent(row.agent)}` }, row.agent) },
  { title: 'name', of: (row) => row.host_name },
  { title: 'load', of: (row) => short(row.load_one), number: true },
  { title: 'processors', of: (row) => percent(row.cpu_utilization), number: true },
  { title: 'memory', of: (row) => percent(row.mem_utilization), number: true },
];

async function host(view, agent) {
  const pages = new Pages('metrics');
  const courses = new Map();
  view.append(make('p', {}, make('a', { href: '#hosts' }, 'All hosts')), pages.element);
  const course = ([name, value]) => {
    if (!courses.has(name)) courses.set(name, new Series(name));
    courses.get(name).push(value);
    return { name, value, course: courses.get(name) };
  };
  return {
    title: `Metrics of ${agent}`,
    period: 2000,
    async update() {
      const metrics = await get(`/metric/${encodeURIComponent(agent)}/json`);
      pages.show(`Metrics of ${agent}`, METRICS, Object.entries(metrics).map(course), (row) => row.name);
    },
  };
}

const METRICS = [
  { title: 'metric', of: (row) => row.name },
  { title: 'value', of: (row) => (typeof row.value === 'number' ? short(row.value) : row.value), number: true },
  { title: 'since this view was opened', of: (row) => (row.course.points.length > 1 ? spark(row.course, short) : '') },
];
