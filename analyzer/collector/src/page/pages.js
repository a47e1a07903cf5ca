// A long table: a filter, and pages of fifty rows.

import { make, redraw, table } from './dom.js';

const ROWS = 50;

export class Pages {
  constructor(what) {
    this.page = 0;
    this.input = make('input', { type: 'search', 'aria-label': `Filter ${what}` });
    this.output = make('div');
    this.back = make('button', { type: 'button' }, 'Back');
    this.next = make('button', { type: 'button' }, 'Next');
    this.state = make('span', { role: 'status' });
    this.element = make('div', {}, make('div', { class: 'pages' },
      make('label', {}, `Filter ${what}`, this.input), this.back, this.next, this.state), this.output);
    this.input.addEventListener('input', () => { this.page = 0; this.draw(); });
    this.back.addEventListener('click', () => { this.page -= 1; this.draw(); });
    this.next.addEventListener('click', () => { this.page += 1; this.draw(); });
  }

  // `text` makes the words of a row that the filter searches.
  show(caption, columns, rows, text) {
    Object.assign(this, { caption, columns, rows, text });
    this.draw();
  }

  draw() {
    if (!this.rows) return;
    const words = this.input.value.toLowerCase().split(/\s+/);
    const found = this.rows.filter((row) => words.every((word) => this.text(row).toLowerCase().includes(word)));
    const last = Math.max(0, Math.ceil(found.length / ROWS) - 1);
    this.page = Math.min(Math.max(0, this.page), last);
    this.back.disabled = this.page === 0;
    this.next.disabled = this.page === last;
    const state = `page ${this.page + 1} of ${last + 1}, ${found.length} of ${this.rows.length}`;
    // Unchanged text is left alone, so that a screen reader does not repeat it.
    if (this.state.textContent !== state) this.state.textContent = state;
    redraw(this.output, table(this.caption, this.columns, found.slice(this.page * ROWS, (this.page + 1) * ROWS)));
  }
}
