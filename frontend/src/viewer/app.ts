import { confirmAction } from '../shared/dialog';
import { toast } from '../shared/toast';
import type { Reading, Series } from '../shared/types';
import { Ai } from './ai';
import { Judging } from './judging';
import { listenToKeys, type KeyActions } from './keys';
import * as loading from './loading';
import { Legend } from './overlay/legend';
import { OverlayPainter } from './overlay/painter';
import { Banners } from './panels/banner';
import { DrawBar } from './panels/draw-bar';
import { ReadingForm } from './panels/form';
import { showKeys } from './panels/key-help';
import { BRUSH_RANGE, OverlayBar } from './panels/overlay-bar';
import { Rail } from './panels/rail';
import { RegionList } from './panels/region-list';
import { Results } from './panels/results';
import { SignBar } from './panels/sign-bar';
import { Thumbnails } from './panels/thumbnails';
import { Toolbar } from './panels/toolbar';
import { TopBar } from './panels/topbar';
import { ReadingModel } from './reading/model';
import { ReadingSession } from './reading/session';
import { signDialog } from './reading/sign';
import { fetchMask } from './reading/transport';
import { Drawing } from './regions/drawing';
import { Regions } from './regions/regions';
import { buildShell } from './shell';
import { initialState, WINDOW_PRESETS } from './state';
import { UndoStack } from './undo';
import { Corners } from './views/corners';
import { Crosshair } from './views/crosshair';
import { Pointer } from './views/pointer';
import { Stage } from './views/stage';
import type { CtVolume } from './volume/cornerstone';
import type { Grid } from './volume/geometry';
import type { Timings } from './probe';

export interface AppInput {
  root: HTMLElement;
  series: Series;
  grid: Grid;
  voxels: Int16Array;
  ready: Uint8Array;
  volume: CtVolume;
  context: loading.ViewerContext;
  reading: Reading;
  timings: Timings;
}

/** Builds the viewer's parts and connects them. */
export function createApp(input: AppInput) {
  const { series, grid, voxels, ready, context, timings } = input;
  const { me, cohort } = context;
  const shell = buildShell(input.root);
  const state = initialState({ x: Math.floor(grid.nx / 2), y: Math.floor(grid.ny / 2), z: Math.floor(grid.nz / 2) });
  const undo = new UndoStack();
  const model = new ReadingModel(input.reading, undo);
  const regions = new Regions(grid, model);
  const banners = new Banners(shell.banners);
  const session = new ReadingSession(model, me, banners, (id) => regions.get(id)?.label ?? 'Region');
  const ai = new Ai(series, grid, state, model, regions, session);
  const stage = new Stage(grid, input.volume, state);
  const drawing = new Drawing(grid, state, model, regions, undo, () => ai.lungs);
  const thumbnails = new Thumbnails(grid, voxels, ready);
  const seen = new Set<number>();
  const judging = new Judging({ state, model, regions, undo, drawing, stage, seen });
  const list = new RegionList(shell.regions, regions, state, thumbnails, judging, emptyText, () => model.readOnly);
  judging.attach(list);
  const legend = new Legend(state);
  const overlayBar = new OverlayBar(shell.overlayBar, state, drawing);
  const drawBar = new DrawBar(drawing, { keep: () => drawing.keep(), cancel: () => void cancelDrawing() });
  const topBar = new TopBar(shell.top, me);
  const rail = new Rail(shell.rail, grid, state, thumbnails, (text) => (shell.status.textContent = text));
  const results = new Results(shell.results, {
    reveal: () => void ai.reveal(), retry: () => void ai.retry(), start: () => void ai.begin(),
  });
  const form = new ReadingForm(shell.form, model);
  const signBar = new SignBar(shell.sign, { sign: () => void sign(), reveal: () => void ai.reveal(), goTo });
  const toolbar = new Toolbar(state, undo, {
    tool: chooseTool, undo: () => undo.undo(), redo: () => undo.redo(), keys: showKeys, showAi: (on) => void ai.show(on),
  });
  shell.tools.append(toolbar.element);
  shell.stage.append(stage.element, drawBar.element);
  stage.views.axial.element.append(legend.element);

  let hover: Parameters<Corners['point']>[0] = null;
  new Crosshair(stage.all, state);
  const corners = new Corners(stage.all, grid, voxels, ready, state);
  const painter = new OverlayPainter(state, () => ({
    heat: ai.heat, regions, lungs: ai.lungs,
    pointer: hover && { view: hover.view, u: hover.voxel[hover.view.plane.u], v: hover.voxel[hover.view.plane.v] },
  }));
  for (const view of stage.all) view.rendered.on(() => painter.paint(view));
  stage.views.axial.rendered.on(() => seen.add(stage.views.axial.slice));

  const pointer = new Pointer(stage, state, drawing);
  pointer.hovered.on((at) => {
    hover = at;
    corners.point(at);
    if (at && state.value.drawing !== null) painter.paint(at.view);
  });
  pointer.clicked.on(({ view, voxel, radius }) => {
    const region = hitNear(view, voxel, radius);
    if (region) judging.select(region.id, false);
    else if (state.value.tool === 'crosshair') stage.moveTo(voxel);
  });

  function hitNear(view: (typeof stage.all)[number], voxel: typeof state.value.cursor, radius: number) {
    if (!state.value.outlines) return undefined;
    const [x, y] = view.toCanvas(voxel);
    const around = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => (i * Math.PI) / 4)
      .map((turn) => view.toVoxel(x + radius * Math.cos(turn), y + radius * Math.sin(turn)));
    const found = [voxel, ...around].map((at) => regions.hit(at)).find((one) => one !== undefined);
    return found && (found.own || !state.value.aiHidden) ? found : undefined;
  }

  function emptyText(): string {
    const { analysis } = ai;
    if (ai.concealed || state.value.aiHidden) return 'AI regions are hidden. Draw what you see with N.';
    if (analysis?.state === 'succeeded') return 'The systems point at no region. Add what they missed with N.';
    return 'Regions appear here when the analysis is done. Draw what you see with N.';
  }

  /** Leads to what is missing: a region, a field of the form, or the question whether to show AI. */
  function goTo(target: string): void {
    if (target === 'reveal') return void ai.reveal();
    const region = regions.get(target);
    shell.tabs.querySelector<HTMLElement>(`[data-tab=${region ? 'regions' : 'form'}]`)?.click();
    if (region) return judging.select(region.id);
    const name = target.replace('.', '-').replaceAll('_', '-');
    shell.form.querySelector<HTMLElement>(`[data-testid="${name}"], [data-testid^="${name}-"]`)?.focus();
  }

  function chooseTool(tool: Parameters<KeyActions['tool']>[0]): void {
    if (tool !== 'brush' && tool !== 'eraser') return state.set({ tool });
    if (model.readOnly) return;
    if (!drawing.current) {
      const { selected } = state.value;
      if (selected && regions.get(selected)) drawing.start(selected);
      else judging.add();
    }
    state.set({ tool });
  }

  async function cancelDrawing(): Promise<void> {
    const now = drawing.current;
    if (!now) return;
    if (now.strokes > 0 && !(await confirmAction(`Discard the drawing of ${now.label}?`, 'The region becomes what it was before.', 'Discard', 'Keep drawing'))) return;
    drawing.cancel();
  }

  async function sign(): Promise<void> {
    await session.autosave.flush();
    if (model.readOnly || model.changes.count > 0 || model.server.missing.length > 0) return;
    const signed = await signDialog({
      title: document.title.replace(' · Lungsight', ''), email: me.email, reading: model.server, regions: regions.all,
      quantification: ai.shown ? ai.analysis?.results?.quantification : undefined,
    });
    if (!signed) return;
    drawing.keep();
    model.adopt(signed);
    session.close();
    undo.clear();
    const { next } = context;
    toast('Reading signed.', next && { word: 'Open next', run: () => location.assign(next.url) });
    refresh();
  }

  function showAi(): void {
    const { analysis } = ai;
    const { policy, shown_at: since } = model.server.ai;
    toolbar.showAi({
      mode: policy === 'never' ? 'never' : ai.concealed ? 'first' : 'free', shown: !ai.concealed && !state.value.aiHidden, ...(since && { since }),
    });
    overlayBar.setHeatmaps(ai.heatmaps);
    overlayBar.allowLungs(ai.lungs !== null);
    overlayBar.setNotice({ text: overlayNotice() });
    thumbnails.setHeat(ai.shown ? ai.heat?.map ?? null : null);
    legend.available(ai.heat !== null && ai.shown);
    const quantification = ai.shown ? analysis?.results?.quantification : undefined;
    results.show({
      analysis, policy, concealed: ai.concealed, hiddenByReader: state.value.aiHidden,
      mayStart: cohort.may_read,
    });
    form.showMeasured(quantification);
    list.refreshPictures();
    if (model.server.newer_analysis) {
      banners.show('newer', 'A newer analysis is ready.', 'This reading stays with the earlier one until you change over.', [
        { word: 'Use the newer one', testid: 'use-newer', run: () => void ai.useNewer() },
      ]);
    } else {
      banners.hide('newer');
    }
    if (ai.problem) banners.show('overlay', 'A part is missing.', ai.problem);
    refresh();
  }

  function overlayNotice(): string | null {
    if (model.server.ai.policy === 'never') return 'This cohort reads without AI results.';
    if (ai.concealed) return 'First read. AI results are hidden until you choose Show AI. Your first answers are kept.';
    if (state.value.aiHidden) return 'AI results are hidden. F2 shows them again.';
    if (ai.analysis?.state !== 'succeeded') return 'No overlay yet: the analysis is not done.';
    return null;
  }

  function evidence(): number[] | null {
    if (!ai.shown) return null;
    const found = ai.analysis?.results;
    const own = Object.values(found?.systems ?? {}).find((system) => system.slice_evidence)?.slice_evidence;
    return found?.quantification?.slice_evidence ?? own ?? null;
  }

  function refresh(): void {
    list.render();
    rail.update({ evidence: evidence(), regions: regions.all });
    topBar.showSave(session.autosave.status.value, model.changes.count, model.server);
    toolbar.allowDrawing(!model.readOnly);
    const firstRead = ai.concealed && model.server.ai.policy === 'after_first_answers' && ai.analysis?.state === 'succeeded';
    signBar.show({ reading: model.server, unsaved: model.changes.count, firstRead });
    const { done, all } = regions.judged;
    const tab = shell.tabs.querySelector('[data-tab=regions]');
    if (tab) tab.textContent = all > 0 ? `Regions ${done}/${all}` : 'Regions';
    stage.redrawOverlays();
  }

  let queued = false;
  const later = (): void => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      refresh();
    });
  };
  model.changed.on(later);
  drawing.changed.on(() => stage.redrawOverlays());
  session.autosave.status.on(later);
  ai.changed.on(showAi);
  state.on(showAi, 'aiHidden');
  state.on(() => stage.redrawOverlays(), 'heatmap', 'opacity', 'threshold', 'outlines', 'lungs', 'plain', 'selected', 'tool', 'drawing');

  const actions: KeyActions = {
    step: (slices) => stage.step(stage.active, slices),
    end: (end) => stage.jumpToEnd(stage.active, end),
    region: (direction) => judging.walk(direction),
    study: (direction) => {
      const other = direction === 1 ? context.next : context.previous;
      if (other) location.assign(other.url);
    },
    resetView: () => stage.all.filter((view) => view.visible).forEach((view) => view.reset()),
    tool: chooseTool,
    window: (index) => {
      const preset = WINDOW_PRESETS[index];
      if (preset) state.set({ window: preset.window });
    },
    layout: () => state.set({ layout: state.value.layout === 'one' ? 'three' : 'one' }),
    heatmap: () => state.set({ heatmap: !state.value.heatmap }),
    plain: (on) => state.set({ plain: on }),
    opacity: (direction) => state.set({ opacity: Math.min(1, Math.max(0, Math.round(state.value.opacity * 10 + direction) / 10)) }),
    brush: (direction) => state.set({ brushMm: Math.min(BRUSH_RANGE.max, Math.max(BRUSH_RANGE.min, state.value.brushMm + direction)) }),
    accept: () => judging.judgeSelected('accepted'),
    reject: () => judging.rejectSelected(),
    reason: (index) => judging.reasonKey(index),
    redraw: () => judging.redrawSelected(),
    unsure: () => judging.judgeSelected('unsure'),
    add: () => judging.add(),
    remove: () => judging.removeSelected(),
    keep: () => {
      if (!drawing.current) return false;
      drawing.keep();
      return true;
    },
    cancel: () => {
      if (drawing.current) void cancelDrawing();
      else if (list.askedFor) list.ask(null);
      else stage.active.element.focus();
    },
    undo: () => undo.undo(),
    redo: () => undo.redo(),
    save: () => void session.autosave.flush(),
    sign: () => void sign(),
    ai: () => void ai.show(ai.concealed || state.value.aiHidden),
    help: showKeys,
  };

  async function loadMasks(): Promise<void> {
    const drawn = [
      ...Object.entries(model.server.verdicts).filter(([, said]) => said.mask).map(([id]) => id),
      ...model.server.own_regions.filter((own) => own.mask).map((own) => own.id),
    ];
    await Promise.all(drawn.map(async (id) => {
      if (!model.masks.has(id)) model.masks.set(id, await fetchMask(model.server.id, id));
    }));
    later();
  }

  async function start(): Promise<void> {
    listenToKeys(actions);
    topBar.showNearby(context.previous?.url, context.next?.url);
    refresh();
    showAi();
    await stage.start();
    await Promise.all([
      ai.start().then(() => (timings.overlay = performance.now())),
      loadMasks().then(() => session.restore()),
      loading.study(series).then((study) => topBar.showStudy(series, study, cohort.name)),
    ]);
    if (!model.server.id) banners.show('look', 'Read only.', 'You may look at this study; nobody has read it yet.');
  }

  return {
    start, state, stage, regions, model, session, drawing, ai, rail, list,
    pointer: () => hover?.voxel ?? null,
  };
}
