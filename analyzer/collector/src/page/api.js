// Requests to this server.

const TOKEN = 'token';

// The token of this tab. A reload keeps it, the end of the tab forgets it.
export const setToken = (token) => sessionStorage.setItem(TOKEN, token);
export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

function headers() {
  return hasToken() ? { Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` } : {};
}

// The body of a GET, parsed. The error of one that fails has the `status`, and no status without a reply.
export async function get(path) {
  const response = await fetch(path, { cache: 'no-store', headers: headers() }).catch((error) => {
    throw new Error('The server does not respond.', { cause: error });
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw Object.assign(new Error(reason(text) ?? response.statusText), { status: response.status });
}

function reason(text) {
  try { return JSON.parse(text).error; } catch { return undefined; }
}

const FLOWS = '/api/v1/flows?';

// Between the fields of a key: no text of a packet has it.
export const SEPARATOR = '\u001f';

// Flows of the past minutes by these parameters. The server keeps the samples, so nothing is defined.
export function flows(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return get(FLOWS + new URLSearchParams([...given, ['fs', SEPARATOR]]));
}
