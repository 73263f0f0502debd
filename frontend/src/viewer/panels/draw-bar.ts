import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';
import { ml, plural } from '../../shared/format';
import type { Drawing } from '../regions/drawing';

/** The bar over the view while a region is drawn: how much it became, keep or cancel. */
export class DrawBar {
  readonly element: HTMLElement;
  private readonly volume = el('b', { class: 'w6 num', 'data-testid': 'draw-ml' });
  private readonly text = el('span', { class: 't2 num' });

  constructor(private readonly drawing: Drawing, actions: { keep(): void; cancel(): void }) {
    const button = (cls: string, testid: string, run: () => void, ...content: (Node | string)[]): HTMLButtonElement => {
      const made = el('button', { type: 'button', class: cls, 'data-testid': testid }, ...content);
      made.addEventListener('click', run);
      return made;
    };
    this.element = el('div', { class: 'drawbar', role: 'group', 'aria-label': 'Drawing', 'data-testid': 'draw-bar' },
      el('span', { class: 'sp' }, this.volume, ' ', this.text),
      button('b q sm', 'draw-over', () => drawing.startOver(), icon('arrowCounterclockwise'), 'Start over'),
      button('b sm', 'draw-cancel', () => actions.cancel(), 'Cancel ', el('span', { class: 'k' }, 'Esc')),
      button('b sm p', 'draw-keep', () => actions.keep(), 'Keep ', el('span', { class: 'k' }, 'Enter')));
    drawing.changed.on(() => this.show());
    this.show();
  }

  private show(): void {
    const session = this.drawing.current;
    this.element.hidden = session === null;
    if (!session) return;
    this.volume.textContent = ml(this.drawing.ml);
    const changed = `${plural(session.slices.size, 'slice')} changed`;
    this.text.textContent = session.fresh ? changed : `was ${session.beforeMl.toFixed(1)}, ${changed}`;
  }
}
