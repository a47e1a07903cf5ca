// Views by URL: `#explore?keys=ipsource`.

import { agents } from './agents.js';
import { explore } from './explore.js';
import { hosts } from './hosts.js';
import { overview } from './overview.js';
import { ports } from './ports.js';
import { make } from './dom.js';

const VIEWS = { overview, explore, ports, hosts, agents };
const problem = document.getElementById('problem');
let shown = { leave() {} };

function report(error) {
  problem.hidden = !error;
  if (problem.textContent !== (error?.message ?? '')) problem.textContent = error?.message ?? '';
}

// Each view has a token of its own, so that a slow one cannot draw over its successor.
async function show() {
  shown.leave();
  const token = { leave() { token.left = true; } };
  shown = token;
  report(null);
  const [word, query] = location.hash.slice(1).split(/\?(.*)/s);
  const name = Object.hasOwn(VIEWS, word) ? word : 'overview';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${name} - Flowmote`;
  const view = make('div');
  document.getElementById('view').replaceChildren(view);
  try {
    const open = await VIEWS[name](view, new URLSearchParams(query));
    const leave = () => { token.left = true; open.leave?.(); };
    if (token.left) return leave();
    token.leave = leave;
    if (open.update) await poll(token, open);
  } catch (error) {
    if (!token.left) report(error);
  }
}

async function poll(token, view) {
  while (!token.left) {
    // A hidden tab asks for nothing.
    if (!document.hidden) await view.update().then(() => report(null), (error) => token.left || report(error));
    await new Promise((resolve) => { setTimeout(resolve, view.period); });
  }
}

addEventListener('hashchange', show);
addEventListener('pagehide', () => shown.leave());
// The page may come back from the cache of the browser.
addEventListener('pageshow', (event) => event.persisted && show());
show();
