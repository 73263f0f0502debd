import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';
import type { Drawing } from '../regions/drawing';
import { LESIONS, type ViewState } from '../state';
import type { Store } from '../store';
import { Check, Choice, Select, Slider } from './controls';

export const BRUSH_RANGE = { min: 1, max: 40, step: 1 };

/** The line over the views: heatmap, threshold, outlines; brush settings while drawing. */
export class OverlayBar {
  private readonly heat: Check;
  private readonly source: Select;
  private readonly opacity: Slider;
  private readonly threshold: Slider;
  private readonly outlines: Check;
  private readonly lungs: Check;
  private readonly lobes: Check;
  private readonly brush: Slider;
  private readonly mode: Choice<'brush' | 'eraser'>;
  private readonly inside: Check;
  private readonly drawChip = el('span', { class: 'chip info' });
  private readonly viewing: HTMLElement;
  private readonly drawing: HTMLElement;
  private readonly notice = el('span', { class: 'row-x', 'data-testid': 'overlay-notice' });
  private hasLungs = false;
  private hasLobes = false;

  constructor(host: HTMLElement, private readonly state: Store<ViewState>, private readonly draw: Drawing) {
    const set = (change: Partial<ViewState>): void => state.set(change);
    this.heat = new Check('Heatmap', (heatmap) => set({ heatmap }), 'heatmap');
    this.source = new Select('Heatmap source', [], (source) => set({ source }), 'heatmap-source', true);
    this.opacity = new Slider('Opacity', { min: 0, max: 100, step: 5 }, (value) => `${value}%`,
      (value) => set({ opacity: value / 100 }), 'opacity');
    this.threshold = new Slider('Threshold', { min: 0, max: 0.95, step: 0.05 }, (value) => value.toFixed(2),
      (threshold) => set({ threshold }), 'threshold');
    this.outlines = new Check('Outlines', (outlines) => set({ outlines }), 'outlines');
    this.lungs = new Check('Lungs', (lungs) => set({ lungs }), 'lungs');
    this.lobes = new Check('Lobes', (lobes) => set({ lobes }), 'lobes');
    this.brush = new Slider('Brush', BRUSH_RANGE, (value) => `${value} mm`, (brushMm) => set({ brushMm }), 'brush-size');
    this.mode = new Choice({ class: 'seg sm', label: 'Brush mode', testid: 'brush-mode' }, [
      { value: 'brush', content: ['Add'] },
      { value: 'eraser', content: ['Erase ', el('span', { class: 'k' }, 'Ctrl')] },
    ], (tool) => set({ tool }));
    this.inside = new Check('Inside lung only', (insideLung) => set({ insideLung }), 'inside-lung');
    this.viewing = el('div', { class: 'ov-set' }, this.heat.element, this.source.element, this.opacity.element,
      this.threshold.element, this.outlines.element, this.lungs.element, this.lobes.element);
    this.drawing = el('div', { class: 'ov-set' }, this.drawChip, this.brush.element, this.mode.element, this.inside.element);
    host.append(this.notice, this.viewing, this.drawing);
    state.on(() => this.show(), 'heatmap', 'source', 'opacity', 'threshold', 'outlines', 'lungs', 'lobes', 'brushMm', 'insideLung', 'tool', 'drawing');
    draw.changed.on(() => this.show());
    this.show();
  }

  /** What can lie over the images, by id with its name, and what the chosen one says. */
  setSources(options: [string, string][], about: string): void {
    this.source.setOptions(options);
    this.source.input.disabled = options.length < 2;
    this.source.input.title = about;
    this.source.element.hidden = options.length === 0;
    this.show();
  }

  /** Which outlines of the anatomy there are. */
  allow(anatomy: { lungs: boolean; lobes: boolean }): void {
    [this.hasLungs, this.hasLobes] = [anatomy.lungs, anatomy.lobes];
    this.show();
  }

  /** A sentence instead of the sliders, while AI is hidden or there is none yet; null for the sliders. */
  setNotice(text: string | null): void {
    this.notice.replaceChildren(...(text ? [icon('eyeSlash'), text] : []));
    this.show();
  }

  private show(): void {
    const now = this.state.value;
    const noticed = this.notice.childElementCount > 0;
    this.drawing.hidden = now.drawing === null;
    this.viewing.hidden = now.drawing !== null || noticed;
    this.notice.hidden = now.drawing !== null || !noticed;
    this.heat.show(now.heatmap);
    this.heat.say(now.source === LESIONS ? 'Lesions' : 'Heatmap');
    this.threshold.element.hidden = now.source === LESIONS;
    this.source.show(now.source ?? undefined);
    this.opacity.show(Math.round(now.opacity * 100));
    this.threshold.show(now.threshold);
    this.outlines.show(now.outlines);
    this.lungs.show(now.lungs);
    this.lungs.element.hidden = !this.hasLungs;
    this.lobes.show(now.lobes);
    this.lobes.element.hidden = !this.hasLobes;
    this.brush.show(now.brushMm);
    this.mode.show(now.tool === 'eraser' ? 'eraser' : 'brush');
    this.inside.show(now.insideLung && this.hasLungs);
    this.inside.input.disabled = !this.hasLungs;
    const session = this.draw.current;
    this.drawChip.replaceChildren(icon('pencil'), session ? `${session.fresh ? 'Drawing' : 'Redrawing'} ${session.label}` : '');
  }
}
