import type { ViewState } from '../state';
import { Signal, type Store } from '../store';
import type { Point } from '../volume/geometry';
import type { PlaneView } from './plane-view';
import type { Stage } from './stage';

/** A drawing tool, as far as the pointer knows it. */
export interface Painter {
  begin(view: PlaneView, voxel: Point, erase: boolean): void;
  move(voxel: Point): void;
  end(): void;
}

type Drag = 'window' | 'pan' | 'zoom' | 'crosshair' | 'paint';

const CLICK_PX = 4;
const WHEEL_PX = 40;

/** Mouse, pen and touch on the views. */
export class Pointer {
  readonly hovered = new Signal<{ view: PlaneView; voxel: Point } | null>();
  readonly clicked = new Signal<{ view: PlaneView; voxel: Point; radius: number }>();
  private drag: Drag | null = null;
  private start: [number, number] = [0, 0];
  private last: [number, number] = [0, 0];
  private wheelRest = 0;
  private fingers = new Map<number, [number, number]>();

  constructor(private readonly stage: Stage, private readonly state: Store<ViewState>, private readonly painter: Painter) {
    for (const view of stage.all) this.listen(view);
  }

  private listen(view: PlaneView): void {
    const { element } = view;
    element.addEventListener('pointerdown', (event) => this.down(view, event));
    element.addEventListener('pointermove', (event) => this.move(view, event));
    element.addEventListener('pointerup', (event) => this.up(view, event));
    element.addEventListener('pointercancel', (event) => this.up(view, event));
    element.addEventListener('pointerleave', () => this.hovered.emit(null));
    element.addEventListener('wheel', (event) => this.wheel(view, event), { passive: false });
    element.addEventListener('contextmenu', (event) => event.preventDefault());
    element.addEventListener('dblclick', () => this.enlarge(view));
    element.addEventListener('focus', () => this.state.set({ active: view.plane.name }));
  }

  private place(view: PlaneView, event: MouseEvent): [number, number] {
    const box = view.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private dragFor(event: PointerEvent): Drag {
    if (event.pointerType === 'touch') return this.fingers.size > 1 ? 'zoom' : 'pan';
    if (event.button === 1) return 'pan';
    if (event.button === 2) return 'window';
    const { tool } = this.state.value;
    return tool === 'brush' || tool === 'eraser' ? 'paint' : tool;
  }

  private down(view: PlaneView, event: PointerEvent): void {
    event.preventDefault();
    view.element.focus({ preventScroll: true });
    view.element.setPointerCapture(event.pointerId);
    const at = this.place(view, event);
    if (event.pointerType === 'touch') this.fingers.set(event.pointerId, at);
    this.start = at;
    this.last = at;
    this.drag = this.dragFor(event);
    if (this.drag === 'paint') {
      this.painter.begin(view, view.toVoxel(...at), this.state.value.tool === 'eraser' || event.ctrlKey);
    }
  }

  private move(view: PlaneView, event: PointerEvent): void {
    const at = this.place(view, event);
    this.hovered.emit({ view, voxel: view.toVoxel(...at) });
    if (!this.drag) return;
    if (event.pointerType === 'touch') this.touchMove(view, event.pointerId, at);
    else this.dragMove(view, at);
    this.last = at;
  }

  private dragMove(view: PlaneView, at: [number, number]): void {
    const [dx, dy] = [at[0] - this.last[0], at[1] - this.last[1]];
    if (this.drag === 'paint') this.painter.move(view.toVoxel(...at));
    else if (this.moved(at) === false) return;
    else if (this.drag === 'pan') view.panBy(dx, dy);
    else if (this.drag === 'zoom') view.zoomAt(Math.exp(-dy / 150), ...this.start);
    else if (this.drag === 'crosshair') this.stage.moveTo(view.toVoxel(...at));
    else this.changeWindow(dx, dy);
    if (this.drag === 'zoom') view.render();
  }

  /** One finger goes through slices, two pan and zoom. */
  private touchMove(view: PlaneView, id: number, at: [number, number]): void {
    const before = [...this.fingers.values()];
    this.fingers.set(id, at);
    const [one, two] = [...this.fingers.values()];
    if (one && two && before[0] && before[1]) {
      const wide = (a: number[], b: number[]): number => Math.hypot((a[0] ?? 0) - (b[0] ?? 0), (a[1] ?? 0) - (b[1] ?? 0));
      view.zoomAt(wide(one, two) / Math.max(1, wide(before[0], before[1])), (one[0] + two[0]) / 2, (one[1] + two[1]) / 2);
      view.panBy((one[0] + two[0] - before[0][0] - before[1][0]) / 2, (one[1] + two[1] - before[0][1] - before[1][1]) / 2);
      return;
    }
    this.wheelRest += at[1] - this.last[1];
    const steps = Math.trunc(this.wheelRest / 12);
    this.wheelRest -= steps * 12;
    if (steps !== 0) this.stage.step(view, steps);
  }

  private moved(at: [number, number]): boolean {
    return Math.hypot(at[0] - this.start[0], at[1] - this.start[1]) > CLICK_PX;
  }

  private changeWindow(dx: number, dy: number): void {
    const { width, level } = this.state.value.window;
    this.state.set({ window: { width: Math.max(1, Math.round(width + dx * 4)), level: Math.round(level + dy * 2) } });
  }

  private up(view: PlaneView, event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const at = this.place(view, event);
    const wasPaint = this.drag === 'paint';
    if (wasPaint) this.painter.end();
    this.drag = null;
    if (wasPaint || event.button !== 0 || event.type !== 'pointerup' || this.moved(at)) return;
    this.clicked.emit({ view, voxel: view.toVoxel(...at), radius: 6 });
  }

  private wheel(view: PlaneView, event: WheelEvent): void {
    event.preventDefault();
    if (this.drag === 'paint') return;
    if (event.ctrlKey) {
      view.zoomAt(event.deltaY < 0 ? 1.1 : 1 / 1.1, ...this.place(view, event));
      view.render();
      return;
    }
    // Shift turns the wheel sideways in browsers.
    const delta = event.deltaY || event.deltaX;
    const notches = event.deltaMode === 0 ? delta / WHEEL_PX : delta;
    this.wheelRest = Math.abs(notches) >= 1 ? 0 : this.wheelRest + notches;
    const steps = Math.abs(notches) >= 1 ? Math.sign(notches) : Math.trunc(this.wheelRest);
    this.wheelRest -= Math.abs(notches) >= 1 ? 0 : steps;
    if (steps !== 0) this.stage.step(view, steps * (event.shiftKey ? 10 : 1));
  }

  private enlarge(view: PlaneView): void {
    const { layout, tool } = this.state.value;
    if (tool === 'brush' || tool === 'eraser') return;
    this.state.set({ layout: layout === 'one' ? 'three' : 'one', active: view.plane.name });
  }
}
