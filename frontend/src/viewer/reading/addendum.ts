import { ApiError, json } from '../../shared/api';
import { Dialog } from '../../shared/dialog';
import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';
import type { Reading } from '../../shared/types';

/** Asks for a text that is added to a signed reading; resolves with the reading, or null when closed. */
export async function addendumDialog(reading: string): Promise<Reading | null> {
  const text = el('textarea', { class: 'f note', id: 'addendum', maxlength: 4000, 'data-testid': 'addendum-text' });
  const error = el('div', { class: 'err', role: 'alert' });
  const add = el('button', { type: 'button', class: 'b p', 'data-testid': 'addendum-add' }, 'Add addendum');
  const dialog = new Dialog({
    title: 'Addendum', subtitle: 'It stands below the signed reading with your name and the time. It cannot be edited later.',
    body: [el('label', { for: 'addendum' }, 'Text'), text, error], actions: [add], testid: 'addendum-dialog',
  });
  let written: Reading | null = null;
  add.addEventListener('click', () => {
    json<Reading>(`readings/${reading}/addenda/`, { method: 'POST', json: { text: text.value } })
      .then((answer) => {
        written = answer;
        dialog.close();
      })
      .catch((problem: unknown) => {
        if (!(problem instanceof ApiError)) throw problem;
        error.replaceChildren(icon('octagon'), problem.sentence);
      });
  });
  await dialog.open(text).closed;
  return written;
}
