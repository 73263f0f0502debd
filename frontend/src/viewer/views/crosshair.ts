import { el } from '../../shared/dom';
import type { ViewState } from '../state';
import type { Store } from '../store';
import type { PlaneView } from './plane-view';

/**
 * Two lines through each view where the other planes cut it, and through the same place of two views side by side;
 * moving them paints nothing again.
 */
export class Crosshair {
  private readonly lines = new Map<PlaneView, { across: HTMLElement; down: HTMLElement }>();

  constructor(private readonly views: PlaneView[], private readonly state: Store<ViewState>) {
    for (const view of views) {
      const made = { across: el('i', { class: 'xh a' }), down: el('i', { class: 'xh d' }) };
      this.lines.set(view, made);
      view.element.append(made.across, made.down);
      view.rendered.on(() => this.place(view));
    }
    state.on(() => this.placeAll(), 'cursor', 'tool', 'layout', 'plain');
  }

  private placeAll(): void {
    for (const view of this.views) this.place(view);
  }

  private place(view: PlaneView): void {
    const lines = this.lines.get(view);
    if (!lines) return;
    const { tool, layout, plain, cursor } = this.state.value;
    const shown = tool === 'crosshair' && layout !== 'one' && !plain && view.visible;
    lines.across.hidden = lines.down.hidden = !shown;
    if (!shown) return;
    const [x, y] = view.toCanvas(cursor);
    lines.across.style.transform = `translateY(${Math.round(y)}px)`;
    lines.down.style.transform = `translateX(${Math.round(x)}px)`;
  }
}
