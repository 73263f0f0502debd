import { el } from './dom';
import { icon } from './icons';

export interface DialogParts {
  title: string;
  subtitle?: string;
  body: Node[];
  /** Buttons from left to right. */
  actions: HTMLElement[];
  testid?: string;
  wide?: boolean;
}

let count = 0;

/** A modal dialog: Esc closes it, focus is kept inside and returns afterwards. */
export class Dialog {
  readonly element: HTMLDialogElement;
  readonly closed: Promise<void>;

  constructor(parts: DialogParts) {
    count += 1;
    const id = `dialog-${count}`;
    const close = el('button', { type: 'button', class: 'b q sm ic', 'aria-label': 'Close' }, icon('x'));
    close.addEventListener('click', () => this.close());
    this.element = el(
      'dialog', { class: parts.wide ? 'dlg wide' : 'dlg', 'aria-labelledby': id, 'data-testid': parts.testid },
      el('div', { 'data-h': true },
        el('div', { class: 'sp' }, el('h2', { id }, parts.title),
          parts.subtitle ? el('div', { class: 't3 s12' }, parts.subtitle) : null),
        close),
      el('div', { class: 'bd' }, ...parts.body),
      parts.actions.length > 0 ? el('div', { 'data-f': true }, ...parts.actions) : null,
    );
    this.closed = new Promise((resolve) => {
      this.element.addEventListener('close', () => {
        this.element.remove();
        resolve();
      });
    });
  }

  open(focus?: HTMLElement): this {
    const before = document.activeElement;
    document.body.append(this.element);
    this.element.showModal();
    focus?.focus();
    void this.closed.then(() => {
      if (before instanceof HTMLElement) before.focus();
    });
    return this;
  }

  close(): void {
    this.element.close();
  }
}

/** Asks one question; true when the person chose the action. The safe choice is filled and has the focus. */
export async function confirmAction(title: string, text: string, action: string, safe: string): Promise<boolean> {
  const yes = el('button', { type: 'button', class: 'b d', 'data-testid': 'confirm-yes' }, action);
  const no = el('button', { type: 'button', class: 'b p' }, safe);
  const dialog = new Dialog({ title, body: [el('p', {}, text)], actions: [yes, no], testid: 'confirm' });
  let chosen = false;
  yes.addEventListener('click', () => {
    chosen = true;
    dialog.close();
  });
  no.addEventListener('click', () => dialog.close());
  dialog.open(no);
  await dialog.closed;
  return chosen;
}

/** True while any dialog is open, so that page keys must not act. */
export function dialogOpen(): boolean {
  return document.querySelector('dialog[open]') !== null;
}
