// Numbers as text.

const STEPS = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

// Three digits and a decimal prefix, two of a number below 0.1. The space does not break.
export function short(value, unit = '') {
  if (typeof value !== 'number') return '';
  // What has more than 999.5 of a step is rounded to the next one.
  const [step, prefix] = STEPS.find(([step]) => Math.abs(value) >= step * 0.9995) ?? [1, ''];
  const scaled = value / step, size = Math.abs(scaled);
  const digits = size >= 99.95 || Number.isInteger(scaled) ? 0 : size >= 9.995 ? 1 : 2;
  const number = size < 0.0995 ? Number(scaled.toPrecision(2)) : scaled.toFixed(digits);
  return `${number}${prefix || unit ? '\u00a0' : ''}${prefix}${unit}`;
}

export const count = (value) => (typeof value === 'number' ? value.toLocaleString('en') : '');
export const percent = (value) => (typeof value === 'number' ? `${value.toFixed(1)}\u00a0%` : '');

// A duration in milliseconds.
export function duration(milliseconds) {
  if (typeof milliseconds !== 'number') return '';
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)}\u00a0s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}\u00a0min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}\u00a0h` : `${Math.floor(hours / 24)}\u00a0days`;
}

// The unit of the value of a flow, and the factor to it.
export function unitOf(value) {
  if (value === 'bytes') return { factor: 8, unit: 'bit/s' };
  if (value === 'frames') return { factor: 1, unit: 'pkt/s' };
  if (value === 'requests') return { factor: 1, unit: 'requests/s' };
  if (value.endsWith('bytes')) return { factor: 1, unit: 'B/s' };
  return { factor: 1, unit: '' };
}

// Symbols of the units of CloudWatch. One without a symbol here is written as it is.
const SYMBOLS = { None: '', Count: '', Percent: '%', Seconds: 's', Milliseconds: 'ms', Microseconds: '\u00b5s', Bytes: 'B', Bits: 'bit', 'Bytes/Second': 'B/s', 'Bits/Second': 'bit/s', 'Count/Second': '/s' };
export const symbolOf = (unit = 'None') => SYMBOLS[unit] ?? unit;

// A sum of money. A currency of the user may be none that is known.
export function money(value, currency) {
  try {
    return value.toLocaleString('en', { style: 'currency', currency });
  } catch {
    return `${value.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}\u00a0${currency}`;
  }
}

// A local time to the second, as 2026-11-29 23:05:00.
export const moment = (time) => new Date(time).toLocaleString('sv-SE');
