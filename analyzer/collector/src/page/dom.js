// Elements. Every text becomes a text node, never markup.

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const mark = (element) => element.getAttribute('href') ?? element.getAttribute('aria-label') ?? element.textContent;

// Replaces the content of an element. A link or button in it keeps the focus, and a selection is not
// disturbed.
export function redraw(element, ...content) {
  const selection = getSelection();
  if (selection.type === 'Range' && element.contains(selection.anchorNode)) return;
  const focused = element.contains(document.activeElement) ? mark(document.activeElement) : undefined;
  element.replaceChildren(...content);
  if (focused === undefined) return;
  const controls = [...element.querySelectorAll('a, button, summary')];
  controls.find((one) => mark(one) === focused)?.focus({ preventScroll: true });
}

// A table. A column has `title`, `of` (a row's text, number or element) and `number`.
export function table(caption, columns, rows, empty = 'none') {
  const side = (column) => (column.number ? { class: 'number' } : {});
  const head = columns.map((column) => make('th', { scope: 'col', ...side(column) }, column.title));
  const cells = (row) => columns.map((column) => make('td', side(column), column.of(row) ?? ''));
  const body = rows.map((row) => make('tr', {}, ...cells(row)));
  if (!rows.length) body.push(make('tr', {}, make('td', { colspan: columns.length, class: 'empty' }, empty)));
  // A region that scrolls must be reached by the keyboard.
  return make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, make('table', {},
    make('caption', {}, caption), make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...body)));
}

// Names with values. A third member is the address of a view, a fourth marks a value that needs attention.
export function facts(items) {
  const value = (text, link) => (link ? make('a', { href: link }, text) : text);
  const fact = ([name, text, link, bad]) => make('div', {}, make('dt', {}, name), make('dd', { class: bad && 'bad' }, value(text, link)));
  return make('dl', {}, ...items.map(fact));
}

// A part of a view, with its heading.
export const section = (title, ...children) => make('section', {}, make('h2', {}, title), ...children);
