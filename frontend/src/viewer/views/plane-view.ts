import { Enums } from '@cornerstonejs/core';
import type { Types } from '@cornerstonejs/core';
import { el } from '../../shared/dom';
import type { Windowing } from '../state';
import { Signal } from '../store';
import type { CtVolume } from '../volume/cornerstone';
import type { Grid, Point } from '../volume/geometry';
import { spacing, voxelAt, type Plane } from './planes';

/** Voxel (u, v) of the shown slice to CSS pixels: x = a u + c v + e, y = b u + d v + f. */
export interface SliceTransform {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
}

/** One plane on the screen: the image, the canvas over it, and the way between pixels and voxels. */
export class PlaneView {
  readonly element: HTMLElement;
  readonly overlay = el('canvas', { class: 'over', 'aria-hidden': 'true' });
  readonly rendered = new Signal();
  /** Zoom or pan was changed by the reader. */
  readonly moved = new Signal();
  private readonly image: HTMLDivElement;
  private index = -1;
  private connected = false;

  /** `id` tells two views of one plane apart. */
  constructor(readonly plane: Plane, private readonly grid: Grid, private readonly volume: CtVolume, readonly id: string = plane.name) {
    this.image = el('div', { class: 'im' });
    this.element = el('section', {
      class: 'vp', tabindex: 0, 'aria-label': `${plane.title} view`, 'data-testid': `view-${id}`,
    }, this.image, this.overlay);
    this.image.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.rendered.emit());
  }

  /** What the engine has to know; call for all views before `attach`. */
  get input(): Types.PublicViewportInput {
    return {
      viewportId: this.id, type: Enums.ViewportType.STACK, element: this.image,
      defaultOptions: { background: [0, 0, 0] },
    };
  }

  private get viewport(): Types.IStackViewport {
    return this.volume.engine.getViewport(this.id) as Types.IStackViewport;
  }

  /** Shows a slice; from now on the view can be drawn. */
  async attach(index: number): Promise<void> {
    await this.viewport.setStack([this.volume.idOf(this.plane, index)]);
    this.viewport.resetCamera();
    this.connected = true;
    this.setSlice(index);
  }

  render(): void {
    if (this.visible) this.viewport.render();
  }

  /** Whether the engine draws it. */
  get attached(): boolean {
    return this.connected;
  }

  /** Whether it can be drawn: connected to the engine and laid out on the page. */
  get visible(): boolean {
    return this.connected && this.element.clientWidth > 0 && this.element.clientHeight > 0;
  }

  get slice(): number {
    return this.index;
  }

  setWindow({ width, level }: Windowing): void {
    this.viewport.setProperties({ voiRange: { lower: level - width / 2, upper: level + width / 2 } });
  }

  /** Shows another slice, or the same one again when more of it has arrived. Zoom and pan stay. */
  setSlice(index: number): void {
    this.index = index;
    if (this.connected) this.viewport.renderImageObject(this.volume.image(this.plane, index));
  }

  private world(voxel: Point): Types.Point3 {
    return [voxel.x * this.grid.sx, voxel.y * this.grid.sy, voxel.z * this.grid.sz];
  }

  /** CSS pixel of a voxel centre. */
  toCanvas(voxel: Point): [number, number] {
    const [x, y] = this.viewport.worldToCanvas(this.world(voxel));
    return [x, y];
  }

  /** The voxel (with fractions) under a CSS pixel, in the shown slice. */
  toVoxel(x: number, y: number): Point {
    const [wx, wy, wz] = this.viewport.canvasToWorld([x, y]);
    const voxel = { x: wx / this.grid.sx, y: wy / this.grid.sy, z: wz / this.grid.sz };
    voxel[this.plane.normal] = this.index;
    return voxel;
  }

  get transform(): SliceTransform {
    const at = (u: number, v: number): [number, number] => this.toCanvas(voxelAt(this.plane, this.index, u, v));
    const [e, f] = at(0, 0);
    const [ux, uy] = at(1, 0);
    const [vx, vy] = at(0, 1);
    return { a: ux - e, b: uy - f, c: vx - e, d: vy - f, e, f };
  }

  /** Screen pixels per millimetre. */
  get pixelsPerMm(): number {
    const { a, b } = this.transform;
    return Math.hypot(a, b) / spacing(this.grid, this.plane.u);
  }

  zoomAt(factor: number, x: number, y: number): void {
    const before = this.viewport.canvasToWorld([x, y]);
    const { parallelScale } = this.viewport.getCamera();
    if (!parallelScale) return;
    this.viewport.setCamera({ parallelScale: Math.min(2000, Math.max(5, parallelScale / factor)) });
    this.shiftBy(before, this.viewport.canvasToWorld([x, y]));
    this.moved.emit();
  }

  panBy(dx: number, dy: number): void {
    this.shiftBy(this.viewport.canvasToWorld([0, 0]), this.viewport.canvasToWorld([dx, dy]));
    this.moved.emit();
  }

  /** Takes over zoom and pan of a view of the same plane and size. */
  follow(other: PlaneView): void {
    if (!this.visible || !other.visible) return;
    const { parallelScale, focalPoint, position } = other.viewport.getCamera();
    if (parallelScale === undefined || !focalPoint || !position) return;
    this.viewport.setCamera({ parallelScale, focalPoint, position });
    this.render();
  }

  private shiftBy(from: Types.Point3, to: Types.Point3): void {
    const { focalPoint, position } = this.viewport.getCamera();
    if (!focalPoint || !position) return;
    const moved = (point: Types.Point3): Types.Point3 =>
      point.map((value, i) => value + (from[i] ?? 0) - (to[i] ?? 0)) as Types.Point3;
    this.viewport.setCamera({ focalPoint: moved(focalPoint), position: moved(position) });
    this.render();
  }

  /** Fits the whole slice into the view. */
  reset(): void {
    this.viewport.resetCamera();
    this.render();
  }
}
