import { el, setText } from '../../shared/dom';
import { icon } from '../../shared/icons';
import { scaleWords, type Evidence, type WorstSlices } from '../evidence';

/** Below the rail: whose evidence the curve shows, and the way through the worst slices. */
export class WorstBar {
  readonly element: HTMLElement;
  private readonly whose = el('b', { class: 'w5', 'data-testid': 'evidence-of' });
  private readonly scale = el('span', { class: 't3', 'data-testid': 'evidence-scale' });
  private readonly place = el('span', { class: 'num', 'data-testid': 'worst-place' });
  private readonly back: HTMLButtonElement;
  private readonly next: HTMLButtonElement;

  constructor(private readonly worst: WorstSlices) {
    const button = (name: 'chevronLeft' | 'chevronRight', label: string, testid: string, direction: 1 | -1): HTMLButtonElement => {
      const made = el('button', { type: 'button', class: 'b q sm', 'aria-label': label, title: label, 'data-testid': testid }, icon(name));
      made.addEventListener('click', () => worst.step(direction));
      return made;
    };
    this.back = button('chevronLeft', 'The worse slice before (,)', 'worst-back', -1);
    this.next = button('chevronRight', 'Next worst slice (.)', 'worst-next', 1);
    this.element = el('div', { class: 'rail-w', role: 'group', 'aria-label': 'Worst slices' },
      el('div', { class: 'rail-n' }, this.whose, this.scale), el('div', { class: 'row-x' }, this.back, this.place, this.next));
    worst.changed.on(() => this.showPlace());
    this.show(null);
  }

  /** Null: there is no evidence, or it is hidden. */
  show(evidence: Evidence | null): void {
    this.element.hidden = evidence === null;
    setText(this.whose, evidence?.name ?? '');
    setText(this.scale, evidence ? scaleWords(evidence) : '');
    this.showPlace();
  }

  private showPlace(): void {
    const { at, of } = this.worst.place;
    setText(this.place, of === 0 ? 'No evidence' : at === 0 ? 'Worst slices' : `Worst ${at}/${of}`);
    this.back.disabled = at <= 1;
    this.next.disabled = at >= of;
  }
}
