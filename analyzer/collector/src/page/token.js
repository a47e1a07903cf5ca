// The form for the token of the server.

import { hasToken, setToken } from './api.js';
import { make } from './dom.js';

// `proceed` is called when a token was entered.
export function tokenForm(proceed) {
  const text = hasToken() ? 'The token is wrong.' : 'This server requires a token: the content of the file of --token-file.';
  const input = make('input', { type: 'password', autocomplete: 'current-password', required: true });
  const form = make('form', {}, make('label', {}, 'token', input), make('button', {}, 'Continue'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setToken(input.value.trim());
    proceed();
  });
  return make('section', {}, make('p', { role: 'alert' }, text), form);
}
