import { el, setText } from '../../shared/dom';
import type { ViewState } from '../state';
import type { Store } from '../store';
import type { Grid, Point } from '../volume/geometry';
import type { PlaneView } from './plane-view';
import { extent, shownNumber, spacing } from './planes';

interface Texts {
  slice: HTMLElement;
  window: HTMLElement;
  value: HTMLElement;
  zoom: HTMLElement;
}

/** Text in the corners of each view, and the letters R L A P S I, which never turn. */
export class Corners {
  private readonly texts = new Map<PlaneView, Texts>();

  constructor(
    views: PlaneView[], private readonly grid: Grid, private readonly voxels: Int16Array,
    private readonly ready: Uint8Array, private readonly state: Store<ViewState>,
  ) {
    for (const view of views) {
      this.build(view);
      view.rendered.on(() => this.show(view));
    }
  }

  private build(view: PlaneView): void {
    const { plane, element, id } = view;
    const made = {
      slice: el('span', { 'data-testid': `slice-${id}` }), window: el('div', {}),
      value: el('div', { class: 'c bl1 num', 'data-testid': `value-${id}` }), zoom: el('div', { class: 'c br1 num' }),
    };
    this.texts.set(view, made);
    made.value.hidden = true;
    element.append(
      el('div', { class: 'c tl1 num' }, el('b', { class: 'w6' }, plane.title), made.slice, made.window), made.value, made.zoom,
      el('span', { class: 'o oL' }, plane.left), el('span', { class: 'o oR' }, plane.right),
      el('span', { class: 'o oT' }, plane.top), el('span', { class: 'o oB' }, plane.bottom));
  }

  private show(view: PlaneView): void {
    const texts = this.texts.get(view);
    if (!texts || !view.visible) return;
    const { plane } = view;
    const { window, active, layout } = this.state.value;
    const number = shownNumber(plane, this.grid, view.slice);
    setText(texts.slice, ` · ${number} of ${extent(this.grid, plane.normal)}`);
    const large = active === plane.name || layout === 'one';
    texts.window.hidden = !large;
    const level = String(window.level).replace('-', '−');
    setText(texts.window, `W ${window.width} L ${level} · ${spacing(this.grid, plane.normal).toFixed(1)} mm`);
    texts.zoom.hidden = !large;
    const size = spacing(this.grid, plane.u);
    setText(texts.zoom, `Zoom ${(view.pixelsPerMm * size).toFixed(1)} · ${size.toFixed(2)} mm`);
  }

  /** Value under the pointer, or nothing. */
  point(at: { view: PlaneView; voxel: Point } | null): void {
    for (const [view, { value }] of this.texts) {
      const here = at?.view === view ? this.read(at.voxel) : null;
      value.hidden = here === null;
      setText(value, here ?? '');
    }
  }

  private read(voxel: Point): string | null {
    const { nx, ny, nz } = this.grid;
    const [x, y, z] = [Math.round(voxel.x), Math.round(voxel.y), Math.round(voxel.z)];
    if (x < 0 || y < 0 || z < 0 || x >= nx || y >= ny || z >= nz) return null;
    const place = `${x}, ${y}, ${nz - z}`;
    if (!this.ready[z]) return `loading at ${place}`;
    return `HU ${String(this.voxels[(z * ny + y) * nx + x]).replace('-', '−')} at ${place}`;
  }
}
