// Hosts: a list, and all metrics of one with their course.

import { get } from './api.js';
import { Series, spark } from './chart.js';
import { make } from './dom.js';
import { percent, short } from './numbers.js';
import { Listing, agentColumn } from './listing.js';
import { Pages } from './pages.js';

export const hosts = (view, parameters) => (parameters.get('agent') ? host(view, parameters.get('agent')) : list(view, parameters));

const METRICS = 'os_name;load_one;cpu_utilization;mem_utilization';

async function list(view, parameters) {
  const list = new Listing('hosts', 'agents', parameters);
  view.append(list.element);
  const update = async () => {
    const { agents } = await list.page();
    const addresses = agents.map(({ agent }) => encodeURIComponent(agent)).join(';');
    const cells = addresses ? await get(`/dump/${addresses}/${METRICS}/json`) : [];
    list.show('Hosts', COLUMNS, join(agents, cells));
  };
  list.changed = update;
  return { period: 2000, update };
}

function join(agents, cells) {
  const rows = new Map(agents.map(({ agent, hostName }) => [agent, { agent, hostName }]));
  for (const { agent, metricName, metricValue } of cells) rows.set(agent, { ...rows.get(agent), [metricName]: metricValue });
  return [...rows.values()];
}

const COLUMNS = [
  agentColumn,
  { title: 'name', of: (row) => row.hostName },
  { title: 'system', of: (row) => row.os_name },
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
      pages.show(`Metrics of ${agent}`, COLUMNS_OF_HOST, Object.entries(metrics).map(course), (row) => row.name);
    },
  };
}

const COLUMNS_OF_HOST = [
  { title: 'metric', of: (row) => row.name },
  { title: 'value', of: (row) => (typeof row.value === 'number' ? short(row.value) : row.value), number: true },
  { title: 'since this view was opened', of: (row) => (row.course.points.length > 1 ? spark(row.course, short) : '') },
];
