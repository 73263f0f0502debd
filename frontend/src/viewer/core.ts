import type { Reading, Series } from '../shared/types';
import { Ai } from './ai';
import { WorstSlices } from './evidence';
import { Judging } from './judging';
import type { ViewerContext } from './loading';
import { Banners } from './panels/banner';
import type { Timings } from './probe';
import { ReadingModel } from './reading/model';
import { ReadingSession } from './reading/session';
import { Drawing } from './regions/drawing';
import { Regions } from './regions/regions';
import { buildShell, type Shell } from './shell';
import { initialState, type ViewState } from './state';
import type { Store } from './store';
import { UndoStack } from './undo';
import { Stage } from './views/stage';
import type { CtVolume } from './volume/cornerstone';
import type { Grid } from './volume/geometry';

/** What the viewer is opened with. */
export interface AppInput {
  root: HTMLElement;
  context: ViewerContext;
  series: Series;
  reading: Reading;
  grid: Grid;
  /** The whole volume [z, y, x]; filled while the viewer is already open. */
  voxels: Int16Array;
  /** Per slice: 1 once it has arrived. */
  ready: Uint8Array;
  volume: CtVolume;
  timings: Timings;
}

/** The parts without a face of their own, shared by everything that has one. */
export interface Core extends AppInput {
  shell: Shell;
  state: Store<ViewState>;
  undo: UndoStack;
  model: ReadingModel;
  regions: Regions;
  banners: Banners;
  session: ReadingSession;
  ai: Ai;
  worst: WorstSlices;
  stage: Stage;
  drawing: Drawing;
  judging: Judging;
  /** Axial slices that have been on screen. */
  seen: Set<number>;
}

export function createCore(input: AppInput): Core {
  const { grid, series, context } = input;
  const shell = buildShell(input.root);
  const state = initialState({ x: Math.floor(grid.nx / 2), y: Math.floor(grid.ny / 2), z: Math.floor(grid.nz / 2) });
  const undo = new UndoStack();
  const model = new ReadingModel(input.reading, undo);
  const regions = new Regions(grid, model);
  const banners = new Banners(shell.banners);
  const session = new ReadingSession(model, context.me, banners, (id) => regions.get(id)?.label ?? 'Region');
  const ai = new Ai(series, grid, state, model, regions, session);
  const worst = new WorstSlices(grid, state);
  const stage = new Stage(grid, input.volume, state);
  const drawing = new Drawing(grid, state, model, regions, undo, () => ai.lungs);
  const seen = new Set<number>();
  const judging = new Judging({ state, model, regions, undo, drawing, stage, seen });
  return { ...input, shell, state, undo, model, regions, banners, session, ai, worst, stage, drawing, judging, seen };
}
