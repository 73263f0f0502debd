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
  /** The axial slice once more, for another map: side by side with the first it scrolls, zooms and pans. */
  readonly second: PlaneView;
  private secondOpened: Promise<void> | null = null;

  constructor(private readonly grid: Grid, private readonly volume: CtVolume, private readonly state: Store<ViewState>) {
    this.views = {
      axial: new PlaneView(PLANES.axial, grid, volume),
      coronal: new PlaneView(PLANES.coronal, grid, volume),
      sagittal: new PlaneView(PLANES.sagittal, grid, volume),
    };
    this.second = new PlaneView(PLANES.axial, grid, volume, 'second');
    this.element.append(this.views.axial.element, this.second.element, this.views.coronal.element, this.views.sagittal.element);
    this.views.axial.moved.on(() => this.second.follow(this.views.axial));
    this.second.moved.on(() => this.views.axial.follow(this.second));
  }

  get all(): PlaneView[] {
    return [...this.planes, this.second];
  }

  /** The views of the three planes. */
  private get planes(): PlaneView[] {
    return PLANE_NAMES.map((name) => this.views[name]);
  }

  get active(): PlaneView {
    return this.views[this.state.value.active];
  }

  /** Starts drawing; call once the element is in the page. */
  async start(): Promise<void> {
    this.arrange();
    this.volume.engine.setViewports(this.planes.map((view) => view.input));
    await Promise.all(this.planes.map((view) => view.attach(this.state.value.cursor[view.plane.normal])));
    this.applyWindow();
    new ResizeObserver(() => this.resize()).observe(this.element);
    this.state.on(() => this.applyCursor(), 'cursor');
    this.state.on(() => this.applyWindow(), 'window');
    this.state.on(() => void this.rearrange(), 'layout');
    this.state.on((now) => this.activate(now), 'active');
  }

  private arrange(): void {
    const { layout, active } = this.state.value;
    this.element.classList.toggle('m3', layout === 'three');
    this.element.classList.toggle('m2', layout === 'pair');
    for (const view of this.planes) {
      const shown = { one: view.plane.name === active, three: true, pair: view === this.views.axial }[layout];
      view.element.hidden = !shown;
      view.element.classList.toggle('act', layout !== 'pair' && view.plane.name === active);
    }
    this.second.element.hidden = layout !== 'pair';
  }

  private activate(now: Readonly<ViewState>): void {
    if (now.layout === 'one') void this.rearrange();
    else this.arrange();
  }

  private async rearrange(): Promise<void> {
    this.arrange();
    if (this.state.value.layout === 'pair') await (this.secondOpened ??= this.openSecond());
    this.resize();
    this.resetViews();
  }

  /** The engine wants a view that has a size, so the second one is connected when it is first shown. */
  private async openSecond(): Promise<void> {
    this.volume.engine.enableElement(this.second.input);
    await this.second.attach(this.state.value.cursor.z);
    this.second.setWindow(this.state.value.window);
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
    for (const view of this.all) if (view.attached) view.setWindow(this.state.value.window);
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
