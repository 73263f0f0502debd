import { Dialog } from '../../shared/dialog';
import { el } from '../../shared/dom';
import type { Difference } from './conflict';

/** Shows both values of each field and region; resolves with the keys whose own value wins, or null when closed. */
export async function compareChanges(differences: Difference[], other: string): Promise<string[] | null> {
  const rows = differences.map(({ key, label, mine, theirs }, i) => {
    const choice = (value: string, text: string, checked: boolean): HTMLElement =>
      el('td', {}, el('label', { class: 'ck' },
        el('input', { type: 'radio', name: `difference-${i}`, value, checked, 'data-testid': `${value}-${key}` }), text));
    return el('tr', { 'data-key': key }, el('th', { scope: 'row' }, label), choice('mine', mine, true), choice('theirs', theirs, false));
  });
  const save = el('button', { type: 'button', class: 'b p', 'data-testid': 'compare-save' }, 'Keep these');
  const back = el('button', { type: 'button', class: 'b' }, 'Go back');
  const dialog = new Dialog({
    title: 'Two versions of this reading', subtitle: 'Choose one value in each row. Nothing is written before you decide.', wide: true,
    body: [el('table', { class: 'tb compact' }, el('thead', {}, el('tr', {}, el('th', {}, 'Field'), el('th', {}, 'Yours'), el('th', {}, other))),
      el('tbody', {}, ...rows))],
    actions: [back, save], testid: 'compare',
  });
  let chosen: string[] | null = null;
  save.addEventListener('click', () => {
    chosen = rows.filter((row) => row.querySelector<HTMLInputElement>('input[value=mine]')?.checked).map((row) => row.dataset['key'] ?? '');
    dialog.close();
  });
  back.addEventListener('click', () => dialog.close());
  await dialog.open(save).closed;
  return chosen;
}
