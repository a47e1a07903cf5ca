// A long list of which the server sends a page: a search, and pages of fifty agents. Both are in the URL.

import { get } from './api.js';
import { make, redraw, table } from './dom.js';
import { count } from './numbers.js';

const AGENTS = '/api/v1/agents?';
const ROWS = 50, PAUSE = 300;

export class Listing {
  // `view` is the name of the view, `what` that of its rows.
  constructor(view, what, parameters) {
    Object.assign(this, { view, what, after: parameters.get('after') });
    this.input = make('input', { type: 'search', name: 'search', value: parameters.get('search') ?? '', autocomplete: 'off' });
    this.output = make('div');
    this.links = make('nav', { 'aria-label': 'Pages' });
    this.state = make('span', { role: 'status' });
    this.element = make('div', {}, make('div', { class: 'pages' },
      make('label', {}, 'address or name contains', this.input), this.state, this.links), this.output);
    this.input.addEventListener('input', () => this.search());
  }

  // The first page of what is found. The URL is replaced, so that a word is one step of the history.
  search() {
    this.after = null;
    history.replaceState(null, '', this.url(null));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed?.(), PAUSE);
  }

  url(after) {
    const parts = Object.entries({ search: this.input.value, after }).filter(([, value]) => value);
    return `#${this.view}${parts.length ? '?' : ''}${new URLSearchParams(parts)}`;
  }

  // The agents of this page, by their addresses and names.
  async agents() {
    const parts = Object.entries({ search: this.input.value, after: this.after, limit: ROWS }).filter(([, value]) => value);
    const page = await get(AGENTS + new URLSearchParams(parts));
    const state = `${count(page.found)} ${this.what}`;
    // Unchanged text is left alone, so that a screen reader does not repeat it.
    if (this.state.textContent !== state) this.state.textContent = state;
    const first = this.after ? [make('a', { href: this.url(null) }, 'First page')] : [];
    const next = page.next ? [make('a', { href: this.url(page.next) }, 'Next page')] : [];
    redraw(this.links, ...first, ...next);
    return page.agents;
  }

  show(caption, columns, rows) {
    redraw(this.output, table(caption, columns, rows));
  }
}

// The address of an agent, as a link to its metrics.
export const agentColumn = {
  title: 'agent',
  of: ({ agent }) => make('a', { href: `#hosts?agent=${encodeURIComponent(agent)}` }, agent),
};
