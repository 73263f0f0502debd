import { ApiError, csrfToken, json } from '../../shared/api';
import { Dialog } from '../../shared/dialog';
import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';
import type { Me } from '../../shared/types';

const LOGIN_URL = '/accounts/login/';

/** Signs in without leaving the page; returns a sentence when it did not work, or null. */
async function signIn(email: string, password: string, expected: Me): Promise<string | null> {
  try {
    // Renews the CSRF cookie in case it went with the session.
    await fetch(LOGIN_URL, { credentials: 'same-origin' });
    const form = new URLSearchParams({ login: email, password, csrfmiddlewaretoken: csrfToken() });
    await fetch(LOGIN_URL, {
      method: 'POST', body: form, credentials: 'same-origin', headers: { 'X-CSRFToken': csrfToken() }, redirect: 'manual',
    });
    const me = await json<Me>('me/');
    return me.id === expected.id ? null : `You signed in as ${me.name}. Sign in as ${expected.name} to save these changes.`;
  } catch (error) {
    if (error instanceof ApiError && !error.offline) return 'E-mail or password is wrong. Type them again.';
    return 'The server cannot be reached. Your changes are kept on this computer.';
  }
}

/** Asks for the password after the session has ended; resolves true once signed in as the same person. */
export async function signInAgain(me: Me): Promise<boolean> {
  const email = el('input', { class: 'f', type: 'email', name: 'login', value: me.email, autocomplete: 'username', 'data-testid': 'relogin-email' });
  const password = el('input', {
    class: 'f', type: 'password', name: 'password', autocomplete: 'current-password', 'data-testid': 'relogin-password',
  });
  const error = el('div', { class: 'err', role: 'alert' });
  const enter = el('button', { type: 'submit', class: 'b p', form: 'relogin', 'data-testid': 'relogin-enter' }, 'Sign in');
  const form = el('form', { id: 'relogin' },
    el('p', { class: 't2' }, 'Your session has ended. Your changes are kept on this computer and are saved as soon as you sign in.'),
    el('label', {}, 'E-mail', email), el('label', {}, 'Password', password), error);
  const dialog = new Dialog({ title: 'Sign in again', body: [form], actions: [enter], testid: 'relogin' });
  let done = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    enter.disabled = true;
    void signIn(email.value, password.value, me).then((problem) => {
      enter.disabled = false;
      done = problem === null;
      if (problem) error.replaceChildren(icon('octagon'), problem);
      else dialog.close();
    });
  });
  await dialog.open(password).closed;
  return done;
}
