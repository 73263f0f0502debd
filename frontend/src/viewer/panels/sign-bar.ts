import { el } from '../../shared/dom';
import { plural } from '../../shared/format';
import type { Reading } from '../../shared/types';

/** How the sign bar stands. */
export interface SignState {
  reading: Reading;
  /** Changes that the server does not have yet. */
  unsaved: number;
  /** AI is still hidden and may be revealed by the first answers. */
  firstRead: boolean;
}

/** Always says in one sentence what is missing; each part leads to its field. */
export class SignBar {
  private readonly head = el('b', { class: 'w6' });
  private readonly text = el('span', { class: 't2', 'data-testid': 'missing' });
  private readonly button = el('button', { type: 'button', class: 'b lg', 'data-testid': 'sign' }, 'Sign');
  private firstRead = false;

  constructor(host: HTMLElement, actions: { sign(): void; reveal(): void; goTo(target: string): void }) {
    host.append(el('div', { class: 'sp s12' }, this.head, el('br', {}), this.text), this.button);
    this.button.addEventListener('click', () => (this.firstRead ? actions.reveal() : actions.sign()));
    this.text.addEventListener('click', (event) => {
      const target = (event.target as HTMLElement).dataset['target'];
      if (target) actions.goTo(target);
    });
  }

  show({ reading, unsaved, firstRead }: SignState): void {
    this.firstRead = firstRead;
    const open = reading.mine && reading.state === 'draft';
    const ready = open && reading.missing.length === 0;
    this.button.hidden = !open;
    this.button.textContent = firstRead ? 'Save and show AI' : 'Sign';
    const answered = reading.answers.co_rads !== undefined && Boolean(reading.answers.diagnosis);
    this.button.disabled = firstRead ? !answered || unsaved > 0 : !ready || unsaved > 0;
    this.button.classList.toggle('p', !this.button.disabled);
    this.head.textContent = !open ? 'Read only' : firstRead ? 'First read in progress' : ready ? 'Ready to sign' : 'Not ready to sign';
    this.text.replaceChildren(...this.sentence(reading, open, ready));
  }

  private sentence(reading: Reading, open: boolean, ready: boolean): (Node | string)[] {
    if (reading.state === 'signed') return [`Signed by ${reading.reader.name}. It cannot be edited.`];
    if (!open) return [`${reading.reader.name} is reading this study.`];
    const judged = Object.keys(reading.verdicts).length;
    if (ready) return [judged > 0 ? `${plural(judged, 'region')} judged, form complete.` : 'The form is complete.'];
    return reading.missing.flatMap(({ sentence, target }) => [
      target ? el('button', { type: 'button', class: 'lnk', 'data-target': target }, sentence) : sentence, ' ',
    ]);
  }
}
