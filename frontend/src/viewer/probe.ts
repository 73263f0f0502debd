import type { Ai } from './ai';
import type { ReadingModel } from './reading/model';
import type { ReadingSession } from './reading/session';
import type { Drawing } from './regions/drawing';
import type { Regions } from './regions/regions';
import type { ViewState } from './state';
import type { Store } from './store';
import type { Stage } from './views/stage';
import { PLANES } from './views/planes';
import { apply, type Grid, type Point } from './volume/geometry';

/** Milliseconds since navigation. */
export interface Timings {
  /** The first image was on the screen. */
  firstImage?: number;
  /** Every slice had arrived and was on the screen. */
  fullLoad?: number;
  /** Heatmap, regions and lungs were on the screen. */
  overlay?: number;
}

export interface ProbeParts {
  grid: Grid;
  voxels: Int16Array;
  ready: Uint8Array;
  state: Store<ViewState>;
  stage: Stage;
  regions: Regions;
  model: ReadingModel;
  session: ReadingSession;
  drawing: Drawing;
  ai: Ai;
  timings: Timings;
  pointer(): Point | null;
}

/** What tests and benchmarks may read of the page; nothing can be changed through it. */
export function probe({ grid, voxels, ready, state, stage, regions, model, session, drawing, ai, timings, pointer }: ProbeParts): object {
  const canvasOf = (plane: 'axial' | 'coronal' | 'sagittal', x: number, y: number, z: number): [number, number] => {
    const view = stage.views[plane];
    const box = view.element.getBoundingClientRect();
    const [cx, cy] = view.toCanvas({ x, y, z });
    return [box.left + cx, box.top + cy];
  };
  const filled = (): boolean => state.value.heatmap && !state.value.plain && !state.value.aiHidden;
  return Object.freeze({
    get cursor() { return { ...state.value.cursor }; },
    get slice() { return grid.nz - state.value.cursor.z; },
    get slices() { return grid.nz; },
    get spacing() { return [grid.sz, grid.sy, grid.sx]; },
    get orientation() {
      return Object.fromEntries(Object.values(PLANES).map(({ name, left, right, top, bottom }) => [name, { left, right, top, bottom }]));
    },
    get layout() { return state.value.layout; },
    get tool() { return state.value.tool; },
    get window() { return { ...state.value.window }; },
    get selected() { return regions.get(state.value.selected)?.label ?? null; },
    get regions() {
      return regions.all.map(({ label, system, ml, style, reason, slice, own, place, centre }) => ({ label, system, ml, style, reason, slice, own, place, centre }));
    },
    get drawing() {
      const now = drawing.current;
      return now && { label: now.label, ml: drawing.ml, strokes: now.strokes, voxels: now.mask.count };
    },
    get answers() { return structuredClone(model.answers); },
    get revision() { return model.server.revision; },
    get unsaved() { return model.changes.count; },
    get saveState() { return session.autosave.status.value.state; },
    get aiShown() { return ai.shown; },
    /** What the heatmap that is chosen shows. */
    get map() {
      const { chosen } = ai.maps;
      return chosen && { system: chosen.system, class: chosen.class, kind: chosen.kind, name: ai.systems.heatmap(chosen) };
    },
    get heatmap() { return ai.maps.layers('source').heat !== null && filled(); },
    get lesionTypes() { return ai.maps.layers('source').lesions !== null && filled(); },
    /** Slices of the views that are on the screen, by view. */
    get shownSlices() { return Object.fromEntries(stage.all.filter(({ visible }) => visible).map((view) => [view.id, view.slice])); },
    /** Whether a map lies over the second of two views side by side. */
    get heatmapBeside() { return state.value.layout === 'pair' && filled() && ai.maps.layers('beside').heat !== null; },
    get lobes() { return state.value.lobes ? ai.lobes.map(({ name }) => name) : []; },
    get loaded() { return ready.reduce((sum, one) => sum + one, 0); },
    get timings() { return { ...timings }; },
    /** Voxel under the pointer and its place in the patient (LPS mm). */
    get pointer() {
      const voxel = pointer();
      return voxel && { voxel, mm: apply(grid.affine, voxel) };
    },
    mmOf: (x: number, y: number, z: number) => apply(grid.affine, { x, y, z }),
    huAt: (x: number, y: number, z: number) => voxels[(z * grid.ny + y) * grid.nx + x],
    evidenceAt: (x: number, y: number, z: number) => ai.maps.chosenLayer?.map.at(x, y, z) ?? null,
    /** Page pixel of a voxel in a view. */
    pixelOf: canvasOf,
  });
}
