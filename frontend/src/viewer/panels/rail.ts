import { el, setText } from '../../shared/dom';
import { fullScale, type Evidence } from '../evidence';
import { viridisCss } from '../overlay/colormap';
import { styleColour } from '../overlay/painter';
import type { RegionView } from '../regions/regions';
import type { ViewState } from '../state';
import type { Store } from '../store';
import type { Grid } from '../volume/geometry';
import type { Thumbnails } from './thumbnails';
import type { WorstBar } from './worst-bar';

const TOP = 26;
const BOTTOM = 10;
const EVERY = 12;
const TICK = 20;
const SPEAK_MS = 500;

/** What the rail shows besides thumbnails. */
export interface RailContent {
  /** Evidence per slice; null while AI is hidden or there is none. */
  evidence: Evidence | null;
  regions: RegionView[];
}

/** The slice rail: thumbnails, evidence per slice, dots for regions; one slider for the keyboard. */
export class Rail {
  private readonly canvas = el('canvas', {});
  private readonly slider: HTMLElement;
  private readonly badge = el('span', { class: 'num' });
  private readonly marker = el('div', { class: 'rail-m' }, el('i', {}), this.badge);
  private readonly frame = el('div', { class: 'rail-f' });
  private speak: ReturnType<typeof setTimeout> | null = null;
  private content: RailContent = { evidence: null, regions: [] };

  constructor(
    host: HTMLElement, private readonly grid: Grid, private readonly state: Store<ViewState>,
    private readonly thumbnails: Thumbnails, private readonly worst: WorstBar, private readonly say: (text: string) => void,
  ) {
    this.slider = el('div', {
      class: 'rail-s', role: 'slider', tabindex: 0, 'aria-label': 'Slice', 'aria-orientation': 'vertical',
      'aria-valuemin': 1, 'aria-valuemax': grid.nz, 'data-testid': 'rail',
    }, this.canvas, this.frame, this.marker);
    host.append(this.slider, worst.element);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.slider);
    state.on((now, before) => {
      if (now.cursor.z === before.cursor.z) return;
      this.showCurrent();
      this.announce();
    }, 'cursor');
    state.on(() => this.draw(), 'aiHidden');
  }

  update(content: RailContent): void {
    this.content = content;
    this.worst.show(this.evidence);
    this.draw();
  }

  private listen(): void {
    const go = (event: PointerEvent): void => {
      const y = event.clientY - this.slider.getBoundingClientRect().top;
      const number = Math.round(((y - TOP) / this.length) * (this.grid.nz - 1)) + 1;
      const clamped = Math.min(this.grid.nz, Math.max(1, number));
      this.state.set({ cursor: { ...this.state.value.cursor, z: this.grid.nz - clamped } });
    };
    this.slider.addEventListener('pointerdown', (event) => {
      this.slider.setPointerCapture(event.pointerId);
      go(event);
    });
    this.slider.addEventListener('pointermove', (event) => {
      if (event.buttons & 1) go(event);
    });
  }

  private get length(): number {
    return Math.max(1, this.slider.clientHeight - TOP - BOTTOM);
  }

  private y(number: number): number {
    return TOP + ((number - 1) / Math.max(1, this.grid.nz - 1)) * this.length;
  }

  private get number(): number {
    return this.grid.nz - this.state.value.cursor.z;
  }

  private get evidence(): Evidence | null {
    return this.state.value.aiHidden ? null : this.content.evidence;
  }

  private announce(): void {
    const strength = this.evidence?.values[this.number - 1];
    const text = `Slice ${this.number} of ${this.grid.nz}${strength === undefined ? '' : `, evidence ${strength.toFixed(2)}`}`;
    this.slider.setAttribute('aria-valuenow', String(this.number));
    this.slider.setAttribute('aria-valuetext', text);
    if (this.speak) clearTimeout(this.speak);
    this.speak = setTimeout(() => this.say(text), SPEAK_MS);
  }

  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.slider;
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return;
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.slider);
    const token = (name: string): string => style.getPropertyValue(name).trim();
    context.font = `11px ${style.fontFamily}`;
    context.fillStyle = token('--ls-text-3');
    context.fillText('Slices', 10, 16);
    const left = Math.round(width * 0.61);
    if (this.evidence) context.fillText('Evidence', left - 4, 16);
    this.drawThumbnails(context, width);
    this.drawTicks(context, left, token('--ls-text-3'), token('--ls-line'));
    this.drawEvidence(context, left, width);
    this.drawDots(context, width, token('--ls-text'));
    this.showCurrent();
  }

  private thumbSize(width: number): [number, number] {
    const wide = Math.round(width * 0.43);
    return [wide, Math.round(wide * 0.75)];
  }

  /** Numbers of the slices that have a thumbnail; fewer where they would overlap. */
  private get thumbNumbers(): number[] {
    const [, tall] = this.thumbSize(this.slider.clientWidth);
    const room = (this.length * EVERY) / Math.max(1, this.grid.nz - 1);
    const every = EVERY * Math.max(1, Math.ceil((tall + 4) / room));
    const numbers: number[] = [];
    for (let n = Math.ceil(every / 2); n <= this.grid.nz; n += every) numbers.push(n);
    return numbers;
  }

  private drawThumbnails(context: CanvasRenderingContext2D, width: number): void {
    const [wide, tall] = this.thumbSize(width);
    for (const number of this.thumbNumbers) {
      const top = this.thumbTop(number, tall);
      const picture = this.thumbnails.slice(this.grid.nz - number);
      context.fillStyle = '#000';
      context.fillRect(8, top, wide, tall);
      if (picture) {
        const scale = Math.max(wide / picture.width, tall / picture.height);
        const [w, h] = [wide / scale, tall / scale];
        context.drawImage(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h, 8, top, wide, tall);
      }
    }
  }

  private thumbTop(number: number, tall: number): number {
    return Math.round(Math.min(this.slider.clientHeight - tall - 2, Math.max(TOP - 6, this.y(number) - tall / 2)));
  }

  private drawTicks(context: CanvasRenderingContext2D, left: number, text: string, line: string): void {
    const step = this.grid.nz > 320 ? TICK * 2 : TICK;
    context.fillStyle = text;
    context.textAlign = 'right';
    for (let n = step; n <= this.grid.nz; n += step) context.fillText(String(n), left - 5, this.y(n) + 4);
    context.textAlign = 'left';
    context.strokeStyle = line;
    context.lineWidth = 1;
    for (const share of this.evidence ? [0, 0.5, 1] : [0]) {
      const x = Math.round(left + share * (this.slider.clientWidth - left - 22)) + 0.5;
      context.beginPath();
      context.moveTo(x, TOP);
      context.lineTo(x, TOP + this.length);
      context.stroke();
    }
  }

  private drawEvidence(context: CanvasRenderingContext2D, left: number, width: number): void {
    const evidence = this.evidence;
    if (!evidence) return;
    const full = fullScale(evidence);
    const step = this.length / Math.max(1, this.grid.nz - 1);
    evidence.values.forEach((value, i) => {
      const share = Math.min(1, value / full);
      if (share < 0.01) return;
      context.fillStyle = viridisCss(0.3 + 0.7 * share);
      context.fillRect(left, this.y(i + 1) - step / 2, share * (width - left - 22), Math.max(1, step + 0.3));
    });
  }

  private drawDots(context: CanvasRenderingContext2D, width: number, colour: string): void {
    for (const region of this.content.regions) {
      if ((this.state.value.aiHidden && !region.own) || region.ml === 0) continue;
      context.beginPath();
      context.arc(width - 9, this.y(region.slice), 3.5, 0, 2 * Math.PI);
      if (region.style === 'pending') {
        context.strokeStyle = colour;
        context.lineWidth = 1.5;
        context.stroke();
      } else {
        context.fillStyle = styleColour(region.style);
        context.fill();
      }
    }
  }

  /** Moves the marker and the frame around the nearest thumbnail; the rest of the rail stays painted. */
  private showCurrent(): void {
    const number = this.number;
    setText(this.badge, String(number));
    this.marker.style.transform = `translateY(${Math.round(this.y(number))}px)`;
    this.slider.setAttribute('aria-valuenow', String(number));
    const [wide, tall] = this.thumbSize(this.slider.clientWidth);
    const nearest = this.thumbNumbers.reduce((best, n) => (Math.abs(n - number) < Math.abs(best - number) ? n : best), -1e9);
    this.frame.style.width = `${wide + 2}px`;
    this.frame.style.height = `${tall + 2}px`;
    this.frame.style.transform = `translateY(${this.thumbTop(nearest, tall) - 1}px)`;
  }
}
