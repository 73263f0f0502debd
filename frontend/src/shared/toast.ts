import { el } from './dom';

const SHOWN_MS = 8000;

function holder(): HTMLElement {
  const found = document.querySelector<HTMLElement>('.toasts');
  if (found) return found;
  const made = el('div', { class: 'toasts', 'aria-live': 'polite' });
  document.body.append(made);
  return made;
}

/** A message with at most one action, at the bottom end for 8 s; stays while the pointer is on it. */
export function toast(text: string, action?: { word: string; run(): void }): void {
  const box = el('div', { class: 'toast-x', 'data-testid': 'toast' }, el('span', { class: 'sp' }, text));
  let timer = setTimeout(() => box.remove(), SHOWN_MS);
  if (action) {
    const button = el('button', { type: 'button', class: 'b q sm' }, action.word);
    button.addEventListener('click', () => {
      box.remove();
      action.run();
    });
    box.append(button);
  }
  box.addEventListener('pointerenter', () => clearTimeout(timer));
  box.addEventListener('pointerleave', () => {
    timer = setTimeout(() => box.remove(), SHOWN_MS);
  });
  const all = holder();
  if (all.childElementCount > 2) all.firstElementChild?.remove();
  all.append(box);
}
