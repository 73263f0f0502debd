import { Store } from './store';
import type { PlaneName } from './views/planes';
import type { Point } from './volume/geometry';

export type Tool = 'window' | 'pan' | 'zoom' | 'crosshair' | 'brush' | 'eraser';

export type Layout = 'one' | 'three' | 'pair';

export interface Windowing {
  width: number;
  level: number;
}

export const WINDOW_PRESETS: { name: string; window: Windowing }[] = [
  { name: 'Lung', window: { width: 1400, level: -500 } },
  { name: 'Soft', window: { width: 400, level: 40 } },
  { name: 'Bone', window: { width: 1800, level: 400 } },
];

/** The source that shows lesion types instead of a heatmap: one map at a time. */
export const LESIONS = 'lesions';

/** What is on the screen; nothing of it is saved with the reading. */
export interface ViewState {
  /** The voxel all three planes pass through. */
  cursor: Point;
  active: PlaneName;
  /** One view, the three planes, or the axial slice twice with a map of its own over each. */
  layout: Layout;
  tool: Tool;
  window: Windowing;
  heatmap: boolean;
  /** Id of the heatmap shown, or LESIONS for the lesion types; null when there is neither. */
  source: string | null;
  /** The same for the second of two views side by side. */
  beside: string | null;
  opacity: number;
  threshold: number;
  outlines: boolean;
  lungs: boolean;
  lobes: boolean;
  /** Values of the lesion types that are switched off. */
  hiddenTypes: ReadonlySet<number>;
  /** Space is held: the image without anything over it. */
  plain: boolean;
  /** The reader hid the AI results (only the view; they stay revealed). */
  aiHidden: boolean;
  legendFolded: boolean;
  /** The only system whose regions are listed and outlined; null for all. */
  regionSystem: string | null;
  selected: string | null;
  /** The region being drawn, and how. */
  drawing: string | null;
  brushMm: number;
  insideLung: boolean;
}

export function initialState(cursor: Point): Store<ViewState> {
  return new Store<ViewState>({
    cursor, active: 'axial', layout: 'three', tool: 'crosshair', window: { width: 1400, level: -500 },
    heatmap: true, source: null, beside: null, opacity: 0.5, threshold: 0.35, outlines: true, lungs: false, lobes: false,
    hiddenTypes: new Set<number>(), plain: false, aiHidden: false, legendFolded: false, regionSystem: null, selected: null, drawing: null, brushMm: 6, insideLung: true,
  });
}
