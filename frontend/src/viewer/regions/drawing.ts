import { BoxMask } from '../masks/box-mask';
import { maskMl, Stroke } from '../masks/brush';
import type { MaskSource } from '../masks/source';
import type { VerdictChange } from '../reading/changes';
import type { ReadingModel } from '../reading/model';
import type { ViewState } from '../state';
import { Signal, type Store } from '../store';
import type { UndoStack } from '../undo';
import type { PlaneView } from '../views/plane-view';
import type { Painter } from '../views/pointer';
import type { Grid, Point } from '../volume/geometry';
import type { Regions } from './regions';

interface Session {
  id: string;
  own: boolean;
  label: string;
  /** Made by this drawing, so cancelling removes it. */
  fresh: boolean;
  mask: BoxMask;
  before: VerdictChange;
  beforeMask: BoxMask;
  beforeMl: number;
  strokes: number;
  slices: Set<number>;
}

/** Redrawing a region or drawing a new one. Every stroke is kept at once; cancelling brings the old one back. */
export class Drawing implements Painter {
  readonly changed = new Signal();
  private session: Session | null = null;
  private stroke: Stroke | null = null;

  constructor(
    private readonly grid: Grid, private readonly state: Store<ViewState>, private readonly model: ReadingModel,
    private readonly regions: Regions, private readonly undoStack: UndoStack, private readonly lungs: () => MaskSource | null,
  ) {}

  get current(): Readonly<Session> | null {
    return this.session;
  }

  get ml(): number {
    return this.session ? maskMl(this.grid, this.session.mask.count) : 0;
  }

  /** Starts redrawing; does nothing in a read-only reading. */
  start(id: string, fresh = false): void {
    const region = this.regions.get(id);
    if (!region || this.model.readOnly || this.session?.id === id) return;
    if (this.session) this.keep();
    const mask = BoxMask.copyOf(region.source);
    this.session = {
      id, own: region.own, label: region.label, fresh, mask, before: region.own ? null : this.model.verdict(id),
      beforeMask: BoxMask.copyOf(region.source), beforeMl: region.ml, strokes: 0, slices: new Set(),
    };
    this.state.set({ drawing: id, selected: id, tool: 'brush' });
    this.changed.emit();
  }

  /** Adds an own region and starts drawing it. */
  add(): void {
    if (this.model.readOnly) return;
    this.start(this.model.addOwn(), true);
  }

  private put(session: Session): void {
    if (session.own) this.model.putOwn(session.id, session.mask);
    else this.model.putVerdict(session.id, { verdict: 'redrawn', mask: session.mask });
    this.changed.emit();
  }

  begin(view: PlaneView, voxel: Point, erase: boolean): void {
    const { session } = this;
    if (!session) return;
    const lungs = this.lungs();
    const { insideLung, brushMm } = this.state.value;
    this.stroke = new Stroke(session.mask, this.grid, view.plane, view.slice, {
      radiusMm: brushMm, erase, ...(insideLung && lungs && { allowed: (z, y, x) => lungs.has(z, y, x) }),
    });
    if (session.strokes === 0) this.put(session);
    session.slices.add(view.slice);
    this.paintTo(view, voxel);
    this.view = view;
  }

  private view: PlaneView | null = null;

  private paintTo(view: PlaneView, voxel: Point): void {
    this.stroke?.moveTo(voxel[view.plane.u], voxel[view.plane.v]);
    this.changed.emit();
  }

  move(voxel: Point): void {
    if (this.view) this.paintTo(this.view, voxel);
  }

  end(): void {
    const { session, stroke } = this;
    this.stroke = null;
    this.view = null;
    if (!session || !stroke) return;
    if (stroke.changed === 0) {
      if (session.strokes === 0) this.revert(session);
      return;
    }
    session.strokes += 1;
    const first = session.strokes === 1;
    this.put(session);
    this.undoStack.push({
      label: `stroke in ${session.label}`,
      undo: () => {
        stroke.undo();
        session.strokes -= 1;
        if (first) this.revert(session);
        else this.put(session);
      },
      redo: () => {
        stroke.redo();
        session.strokes += 1;
        this.put(session);
      },
    });
  }

  private revert(session: Session): void {
    if (session.own) this.model.putOwn(session.id, session.mask);
    else this.model.putVerdict(session.id, session.before);
    this.changed.emit();
  }

  /** Ends drawing and keeps what was drawn; false when nothing was being drawn. */
  keep(): boolean {
    if (!this.session) return false;
    this.leave();
    return true;
  }

  /** Ends drawing and brings back what was there before, as one more undo step. */
  cancel(): void {
    const { session } = this;
    if (!session) return;
    if (session.own && session.fresh) this.model.removeOwn(session.id, session.label);
    else if (session.strokes > 0) this.restore(session);
    this.leave();
  }

  /** Puts back the region as it was when drawing began, without leaving. */
  startOver(): void {
    const { session } = this;
    if (!session || session.strokes === 0) return;
    this.restore(session);
    this.session = { ...session, mask: BoxMask.copyOf(session.beforeMask), strokes: 0, slices: new Set() };
    if (session.own) this.model.putOwn(session.id, this.session.mask);
    this.changed.emit();
  }

  private restore(session: Session): void {
    const { id, before, beforeMask, mask, own } = session;
    const old = BoxMask.copyOf(beforeMask);
    const back = (): void => (own ? this.model.putOwn(id, old) : this.model.putVerdict(id, before));
    const again = (): void =>
      own ? this.model.putOwn(id, mask) : this.model.putVerdict(id, { verdict: 'redrawn', mask });
    back();
    this.undoStack.push({ label: `${session.label} as before`, undo: again, redo: back });
  }

  private leave(): void {
    this.session = null;
    this.stroke = null;
    this.state.set({ drawing: null, tool: 'crosshair' });
    this.changed.emit();
  }
}
