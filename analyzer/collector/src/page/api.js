// Requests to this server.

async function send(path, options) {
  const response = await fetch(path, { cache: 'no-store', ...options });
  const text = await response.text();
  if (!response.ok) {
    let reason = response.statusText;
    try { reason = JSON.parse(text).error ?? reason; } catch { /* no JSON */ }
    const error = new Error(reason);
    error.status = response.status;
    throw error;
  }
  return text ? JSON.parse(text) : null;
}

// The body of a GET, parsed.
export const get = (path) => send(path);

// The name of a definition of this tab: another one cannot remove it.
export const ownName = (view) => `page_${view}_${crypto.getRandomValues(new Uint32Array(1))[0].toString(16)}`;

export const define = (name, flow) => send(`/flow/${name}/json`, {
  method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(flow),
});

// A definition also goes away when the tab is closed, hence keepalive.
export const remove = (name) => send(`/flow/${name}/json`, { method: 'DELETE', keepalive: true }).catch(() => {});

// Flows of a definition with samples, interval, bound and rate. After a restart of the server the
// definition is made again.
export async function flows(name, flow, limit) {
  try {
    return await get(`/api/v1/flows/${name}?maxFlows=${limit}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    await define(name, flow);
    return [];
  }
}
