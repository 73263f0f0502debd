import { aboveTools, el } from '../../shared/dom';
import { LESIONS, type ViewState } from '../state';
import type { Store } from '../store';
import { viridisCss } from './colormap';

const STEPS = 64;
const HEIGHT = 176;

/** The colour scale beside the image; gone when no heatmap is shown, folded by a click. */
export class Legend {
  readonly element: HTMLButtonElement;
  private readonly canvas = el('canvas', { width: 14, height: HEIGHT });
  private readonly line = el('span', { class: 'lgd-line num' });
  private readonly what = el('span', { class: 'lgd-w', 'data-testid': 'legend-map' });
  private readonly ticks: [number, HTMLElement][];
  private shown = false;

  constructor(private readonly state: Store<ViewState>) {
    this.ticks = [1, 0.8, 0.6, 0.4, 0.2, 0].map((value) => {
      const tick = el('span', { class: 'lgd-t num' }, value.toFixed(1));
      tick.style.top = `${(1 - value) * 100}%`;
      return [value, tick];
    });
    this.element = el('button', {
      type: 'button', class: 'lgd', 'data-testid': 'legend',
    }, el('span', { class: 'lgd-h' }, 'Evidence (0–1)', this.what),
    el('span', { class: 'lgd-b', 'aria-hidden': 'true' }, this.canvas, ...this.ticks.map(([, tick]) => tick), this.line));
    aboveTools(this.element);
    this.element.addEventListener('click', () => state.set({ legendFolded: !state.value.legendFolded }));
    state.on(() => this.show(), 'heatmap', 'source', 'aiHidden', 'plain', 'drawing', 'legendFolded', 'threshold');
    this.show();
  }

  /** What the heatmap shows (system, class, kind), what it says, and from where on it has regions; null while there is none. */
  available(map: { name: string; about: string; threshold?: number } | null): void {
    this.shown = map !== null;
    this.element.title = [map?.about, 'Click to fold or unfold.'].filter(Boolean).join(' ');
    const lines = map ? [map.name, map.threshold !== undefined && `regions ≥ ${map.threshold.toFixed(2)}`, 'same scale for every study'] : [];
    this.what.replaceChildren(...lines.flatMap((line) => (line ? [el('span', {}, line)] : [])));
    this.show();
  }

  private show(): void {
    const { heatmap, source, aiHidden, plain, drawing, legendFolded, threshold } = this.state.value;
    this.element.hidden = !this.shown || !heatmap || source === LESIONS || aiHidden || plain || drawing !== null;
    this.element.classList.toggle('folded', legendFolded);
    this.element.setAttribute('aria-expanded', String(!legendFolded));
    this.line.textContent = `shown ≥ ${threshold.toFixed(2)}`;
    this.line.style.top = `${(1 - threshold) * 100}%`;
    for (const [value, tick] of this.ticks) tick.hidden = Math.abs(value - threshold) < 0.09;
    const context = this.canvas.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, 14, HEIGHT);
    for (let i = 0; i < STEPS; i += 1) {
      const value = (i + 0.5) / STEPS;
      context.globalAlpha = value < threshold ? 0.25 : 1;
      context.fillStyle = viridisCss(value);
      context.fillRect(0, HEIGHT - ((i + 1) * HEIGHT) / STEPS, 14, HEIGHT / STEPS + 0.5);
    }
    context.globalAlpha = 1;
  }
}
