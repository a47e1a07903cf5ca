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

// A table. A column has `title`, `of` (a row's text, number or element) and `number`.
export function table(caption, columns, rows) {
  const side = (column) => (column.number ? { class: 'number' } : {});
  const head = columns.map((column) => make('th', { scope: 'col', ...side(column) }, column.title));
  const body = rows.map((row) => make('tr', {}, ...columns.map((column) => make('td', side(column), column.of(row) ?? ''))));
  return make('div', { class: 'scroll' }, make('table', {},
    make('caption', {}, caption), make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...body)));
}

// Names with values.
export const facts = (pairs) => make('dl', {}, ...pairs.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
