// Requests to this server.

const TOKEN = 'token';

// The token of this tab. A reload keeps it, the end of the tab forgets it.
export const setToken = (token) => sessionStorage.setItem(TOKEN, token);
export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

function headers() {
  return hasToken() ? { Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` } : {};
}

// The body of a GET, parsed.
export const get = (path) => request(path, {});

// The result of an operation of CloudWatch, by its JSON protocol.
export function cloudwatch(operation, input) {
  return request('/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `GraniteServiceVersion20100801.${operation}` },
    body: JSON.stringify(input),
  });
}

// Items on all pages of an operation, at most so many pages. `next` is set if there are more.
export async function pages(operation, input, member, limit) {
  const items = [];
  let NextToken;
  for (let page = 0; page < limit; page += 1) {
    const reply = await cloudwatch(operation, { ...input, NextToken });
    items.push(...reply[member] ?? []);
    NextToken = reply.NextToken;
    if (!NextToken) break;
  }
  return Object.assign(items, { next: NextToken });
}

// The error of a request that fails has the `status`, and no status without a reply.
async function request(path, options) {
  const all = { cache: 'no-store', ...options, headers: { ...options.headers, ...headers() } };
  const response = await fetch(path, all).catch((error) => {
    throw new Error('The server does not respond.', { cause: error });
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw problem(text, response);
}

// CloudWatch has 403 for a request without a token.
function problem(text, { status, statusText }) {
  const { error, message, __type } = parsed(text);
  return Object.assign(new Error(error ?? message ?? statusText), { status: __type === 'MissingAuthenticationToken' ? 401 : status });
}

function parsed(text) {
  try { return JSON.parse(text) ?? {}; } catch { return {}; }
}

const FLOWS = '/api/v1/flows?';

// Between the fields of a key: no text of a packet has it.
export const SEPARATOR = '\u001f';

// Flows of the past minutes by these parameters. The server keeps the samples, so nothing is defined.
export function flows(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return get(FLOWS + new URLSearchParams([...given, ['fs', SEPARATOR]]));
}
