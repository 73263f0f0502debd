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
  private kind: 'sign' | 'reveal' | 'addendum' = 'sign';

  constructor(host: HTMLElement, actions: { sign(): void; reveal(): void; addendum(): void; goTo(target: string): void }) {
    host.append(el('div', { class: 'sp s12' }, this.head, el('br', {}), this.text), this.button);
    this.button.addEventListener('click', () => this.run(actions));
    this.text.addEventListener('click', (event) => {
      const target = (event.target as HTMLElement).dataset['target'];
      if (target === undefined) return;
      event.preventDefault();
      actions.goTo(target);
    });
  }

  private run(actions: { sign(): void; reveal(): void; addendum(): void }): void {
    actions[this.kind]();
  }

  show({ reading, unsaved, firstRead }: SignState): void {
    const open = reading.mine && reading.state === 'draft';
    const ready = open && reading.missing.length === 0;
    const answered = reading.answers.co_rads !== undefined && Boolean(reading.answers.diagnosis);
    this.kind = !open ? 'addendum' : firstRead ? 'reveal' : 'sign';
    this.button.hidden = !reading.mine;
    this.button.textContent = { sign: 'Sign', reveal: 'Save and show AI', addendum: 'Add addendum' }[this.kind];
    this.button.disabled = open && (unsaved > 0 || !(firstRead ? answered : ready));
    this.button.classList.toggle('p', open && !this.button.disabled);
    this.head.textContent = !open ? 'Read only' : firstRead ? 'First read in progress' : ready ? 'Ready to sign' : 'Not ready to sign';
    this.text.replaceChildren(...this.sentence(reading, open, ready));
  }

  private sentence(reading: Reading, open: boolean, ready: boolean): (Node | string)[] {
    if (reading.state === 'signed') return [`Signed by ${reading.reader.name}. It cannot be edited.`];
    if (!open) return [`${reading.reader.name} is reading this study.`];
    const judged = Object.keys(reading.verdicts).length;
    if (ready) return [judged > 0 ? `${plural(judged, 'region')} judged, form complete.` : 'The form is complete.'];
    return summarise(reading.missing).flatMap(({ sentence, target }) => [
      el('a', { href: '#main', 'data-target': target }, sentence), ' ',
    ]);
  }
}

/** What is missing as a few short sentences, each with the first place to go to. */
export function summarise(missing: Reading['missing']): { sentence: string; target: string }[] {
  const judge = missing.filter(({ code }) => ['verdict', 'reason', 'mask'].includes(code));
  const lobes = missing.filter(({ code }) => code === 'severity');
  const said: { sentence: string; target: string }[] = [];
  if (judge.length === 1 && judge[0]) said.push({ sentence: judge[0].sentence, target: judge[0].target ?? '' });
  else if (judge[0]) said.push({ sentence: `${judge.length} regions need a verdict.`, target: judge[0].target ?? '' });
  if (lobes[0]) {
    const names = lobes.map(({ target }) => (target ?? '').replace('severity.', '')).join(', ');
    said.push({ sentence: `Score ${names}.`, target: lobes[0].target ?? '' });
  }
  const rest = missing.filter((one) => !judge.includes(one) && !lobes.includes(one));
  return [...said, ...rest.map(({ sentence, target }) => ({ sentence, target: target ?? '' }))];
}
