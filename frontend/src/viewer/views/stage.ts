import { el } from '../../shared/dom';
import type { ViewState } from '../state';
import type { Store } from '../store';
import type { CtVolume } from '../volume/cornerstone';
import { clampVoxel, type Grid, type Point } from '../volume/geometry';
import { PlaneView } from './plane-view';
import { extent, PLANE_NAMES, PLANES, type PlaneName } from './planes';

/** The three views, their layout and the cursor that ties them together. */
export class Stage {
  readonly element = el('div', { class: 'vps m3', 'data-testid': 'views' });
  readonly views: Record<PlaneName, PlaneView>;

  constructor(private readonly grid: Grid, private readonly volume: CtVolume, private readonly state: Store<ViewState>) {
    this.views = {
      axial: new PlaneView(PLANES.axial, grid, volume),
      coronal: new PlaneView(PLANES.coronal, grid, volume),
      sagittal: new PlaneView(PLANES.sagittal, grid, volume),
    };
    this.element.append(...this.all.map((view) => view.element));
  }

  get all(): PlaneView[] {
    return PLANE_NAMES.map((name) => this.views[name]);
  }

  get active(): PlaneView {
    return this.views[this.state.value.active];
  }

  /** Starts drawing; call once the element is in the page. */
  async start(): Promise<void> {
    this.arrange();
    this.volume.engine.setViewports(this.all.map((view) => view.input));
    await Promise.all(this.all.map((view) => view.attach(this.state.value.cursor[view.plane.normal])));
    this.applyWindow();
    new ResizeObserver(() => this.resize()).observe(this.element);
    this.state.on(() => this.applyCursor(), 'cursor');
    this.state.on(() => this.applyWindow(), 'window');
    this.state.on(() => this.rearrange(), 'layout');
    this.state.on((now) => this.activate(now), 'active');
  }

  private arrange(): void {
    const { layout, active } = this.state.value;
    this.element.classList.toggle('m3', layout === 'three');
    for (const view of this.all) {
      view.element.hidden = layout === 'one' && view.plane.name !== active;
      view.element.classList.toggle('act', view.plane.name === active);
    }
  }

  private activate(now: Readonly<ViewState>): void {
    if (now.layout === 'one') this.rearrange();
    else this.arrange();
  }

  private rearrange(): void {
    this.arrange();
    this.resize();
    this.resetViews();
  }

  private resize(): void {
    this.volume.engine.resize(true, true);
    this.render();
  }

  private applyCursor(): void {
    const { cursor } = this.state.value;
    for (const view of this.all) {
      const index = cursor[view.plane.normal];
      if (index !== view.slice) {
        view.setSlice(index);
        view.render();
      }
    }
  }

  private applyWindow(): void {
    for (const view of this.all) view.setWindow(this.state.value.window);
    this.render();
  }

  /** Fits every slice into its view again. */
  resetViews(): void {
    for (const view of this.all) if (view.visible) view.reset();
  }

  render(): void {
    for (const view of this.all) view.render();
  }

  /** More slices have arrived: shows those that pass through what is on the screen. */
  refresh(arrived: number[]): void {
    for (const view of this.all) {
      const touched = view.plane.normal === 'z' ? arrived.includes(view.slice) : arrived.length > 0;
      if (!touched || !view.visible) continue;
      view.setSlice(view.slice);
      view.render();
    }
  }

  /** Draws only what lies over the images again. */
  redrawOverlays(): void {
    for (const view of this.all) if (view.visible) view.rendered.emit();
  }

  moveTo(point: Point): void {
    this.state.set({ cursor: clampVoxel(this.grid, point) });
  }

  /** Steps through a view's slices; axial steps go towards the feet, as its numbers do. */
  step(view: PlaneView, slices: number): void {
    const { normal } = view.plane;
    const { cursor } = this.state.value;
    const sign = normal === 'z' ? -1 : 1;
    this.moveTo({ ...cursor, [normal]: cursor[normal] + sign * slices });
  }

  /** First or last slice of a view, as people count them. */
  jumpToEnd(view: PlaneView, end: 'first' | 'last'): void {
    const { normal } = view.plane;
    const high = (end === 'first') === (normal === 'z');
    this.moveTo({ ...this.state.value.cursor, [normal]: high ? extent(this.grid, normal) - 1 : 0 });
  }
}
