// A long list of which the server sends a page: a search, and pages of fifty rows. Both are in the URL.

import { get } from './api.js';
import { make, redraw, table } from './dom.js';
import { count } from './numbers.js';

const ROWS = 50, PAUSE = 300;

export class Listing {
  // `view` is the name of the view, `what` that of its rows. `path` is their resource; `place` the parameter
  // for the beginning of a page: `after`, as the page before has it in `next`, or `offset`, a number.
  constructor(view, what, parameters, path = '/api/v1/agents?', place = 'after') {
    Object.assign(this, { view, what, path, place, start: parameters.get(place) });
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
    this.start = null;
    history.replaceState(null, '', this.url(null));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed?.(), PAUSE);
  }

  // The parameters of the page that begins at `start`.
  at(start, more) {
    const parts = { search: this.input.value, [this.place]: start, ...more };
    return new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
  }

  url(start) {
    const parts = this.at(start);
    return `#${this.view}${parts.size ? '?' : ''}${parts}`;
  }

  // The start of the next page; null on the last one.
  following({ next, found }) {
    if (this.place === 'after') return next;
    const start = Number(this.start ?? 0) + ROWS;
    return start < found ? start : null;
  }

  // The reply with the rows of this page.
  async page() {
    const page = await get(this.path + this.at(this.start, { limit: ROWS }));
    const state = `${count(page.found)} ${this.what}`;
    // Unchanged text is left alone, so that a screen reader does not repeat it.
    if (this.state.textContent !== state) this.state.textContent = state;
    const next = this.following(page);
    redraw(this.links,
      ...(this.start ? [make('a', { href: this.url(null) }, 'First page')] : []),
      ...(next ? [make('a', { href: this.url(next) }, 'Next page')] : []));
    return page;
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
