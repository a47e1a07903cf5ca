// Views by URL: `#explore?keys=ipsource`.

import { agents } from './agents.js';
import { alarms } from './alarms.js';
import { cost } from './cost.js';
import { make } from './dom.js';
import { drops } from './drops.js';
import { explore } from './explore.js';
import { history } from './history.js';
import { hosts } from './hosts.js';
import { overview } from './overview.js';
import { ports } from './ports.js';
import { tokenForm } from './token.js';

const VIEWS = { overview, explore, history, alarms, drops, ports, hosts, agents, cost };
const main = document.getElementById('view');
const problem = document.getElementById('problem');
let shown = {};

// An error that the view shows itself is not repeated.
function report(error) {
  const text = error && !error.shown ? error.message : '';
  problem.hidden = !text;
  if (problem.textContent !== text) problem.textContent = text;
}

function head(name, title) {
  document.title = `${title} - Flowmote`;
  document.getElementById('title').textContent = title;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

// Each view has a turn of its own, so that a slow one cannot draw over its successor.
async function show() {
  shown.left = true;
  const turn = shown = { left: false };
  const [word, query] = location.hash.slice(1).split(/\?(.*)/s);
  const name = Object.hasOwn(VIEWS, word) ? word : 'overview';
  const view = make('div');
  report(null);
  head(name, name[0].toUpperCase() + name.slice(1));
  main.replaceChildren(view);
  try {
    const open = await VIEWS[name](view, new URLSearchParams(query));
    if (open.title && !turn.left) head(name, open.title);
    while (open.update && !turn.left) await step(turn, open);
  } catch (error) {
    fail(turn, error);
  }
}

// A hidden tab requests nothing.
async function step(turn, view) {
  if (!document.hidden) await view.update().then(() => turn.left || report(null), (error) => fail(turn, error));
  await new Promise((resolve) => { setTimeout(resolve, view.period); });
}

function fail(turn, error) {
  if (turn.left) return;
  if (error.status === 401) {
    turn.left = true;
    report(null);
    main.replaceChildren(tokenForm(show));
    main.querySelector('input').focus();
  } else {
    report(error);
  }
}

// Its address would be another view.
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', show);
show();
