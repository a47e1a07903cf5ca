// Numbers as text.

const STEPS = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

// Three digits and a decimal prefix.
export function short(value, unit = '') {
  if (typeof value !== 'number') return '';
  const [step, prefix] = STEPS.find(([step]) => Math.abs(value) >= step) ?? [1, ''];
  const scaled = value / step;
  const digits = Math.abs(scaled) >= 100 || Number.isInteger(scaled) ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)}${prefix || unit ? ' ' : ''}${prefix}${unit}`;
}

export const count = (value) => (typeof value === 'number' ? value.toLocaleString('en') : '');
export const percent = (value) => (typeof value === 'number' ? `${value.toFixed(1)} %` : '');
export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(milliseconds < 10000 ? 1 : 0)} s`;
