import { confirmAction } from '../shared/dialog';
import { toast } from '../shared/toast';
import type { Core } from './core';
import type { KeyActions } from './keys';
import { showKeys } from './panels/key-help';
import { BRUSH_RANGE } from './panels/overlay-bar';
import type { RegionList } from './panels/region-list';
import { addendumDialog } from './reading/addendum';
import { signDialog } from './reading/sign';
import { WINDOW_PRESETS, type Tool } from './state';

/** What the reader can ask of the page, by button or by key. */
export class Commands {
  constructor(private readonly core: Core) {}

  /** Leads to what is missing: a region, a field of the form, or the question whether to show AI. */
  goTo(target: string): void {
    const { regions, shell, judging, ai } = this.core;
    if (target === 'reveal') return void ai.reveal();
    const region = regions.get(target);
    shell.tabs.querySelector<HTMLElement>(`[data-tab=${region ? 'regions' : 'form'}]`)?.click();
    if (region) return judging.select(region.id);
    const name = target.replace('.', '-').replaceAll('_', '-');
    shell.form.querySelector<HTMLElement>(`[data-testid="${name}"], [data-testid^="${name}-"]`)?.focus();
  }

  /** Chooses a tool; a drawing tool starts with the selected region, or with a new one. */
  tool(tool: Tool): void {
    const { state, model, drawing, regions, judging } = this.core;
    if (tool === 'brush' || tool === 'eraser') {
      if (model.readOnly) return;
      const { selected, aiHidden } = state.value;
      const chosen = regions.get(selected);
      if (!drawing.current && chosen && (chosen.own || !aiHidden)) drawing.start(chosen.id);
      else if (!drawing.current) judging.add();
    }
    state.set({ tool });
  }

  /** Esc while drawing: asks only when there is something to lose. */
  async cancelDrawing(): Promise<void> {
    const { drawing } = this.core;
    const now = drawing.current;
    if (!now) return;
    const agreed = now.strokes === 0 || await confirmAction(
      `Discard the drawing of ${now.label}?`, 'The region becomes what it was before.', 'Discard', 'Keep drawing');
    if (agreed) drawing.cancel();
  }

  async sign(): Promise<void> {
    const { session, model, regions, ai, drawing, undo, context } = this.core;
    drawing.keep();
    await session.autosave.flush();
    if (model.readOnly || model.changes.count > 0 || model.server.missing.length > 0) return;
    const signed = await signDialog({
      title: document.title.replace(' · Lungsight', ''), email: context.me.email, reading: model.server, regions: regions.all,
      quantification: ai.shown ? ai.analysis?.results?.quantification : undefined,
    });
    if (!signed) return;
    model.adopt(signed);
    session.close();
    undo.clear();
    const { next } = context;
    toast('Reading signed.', next && { word: 'Open next', run: () => location.assign(next.url) });
  }

  async addendum(): Promise<void> {
    const written = await addendumDialog(this.core.model.server.id);
    if (written) this.core.model.adopt(written);
  }

  /** What each key does. */
  keys(list: RegionList): KeyActions {
    const { state, stage, judging, drawing, undo, session, ai, worst, context } = this.core;
    return {
      step: (slices) => stage.step(stage.active, slices),
      end: (end) => stage.jumpToEnd(stage.active, end),
      region: (direction) => judging.walk(direction),
      study: (direction) => {
        const other = direction === 1 ? context.next : context.previous;
        if (other) location.assign(other.url);
      },
      resetView: () => stage.resetViews(),
      tool: (tool) => this.tool(tool),
      window: (index) => {
        const preset = WINDOW_PRESETS[index];
        if (preset) state.set({ window: preset.window });
      },
      layout: () => state.set({ layout: state.value.layout === 'one' ? 'three' : 'one' }),
      heatmap: () => state.set({ heatmap: !state.value.heatmap }),
      source: () => {
        if (ai.shown) ai.maps.other();
      },
      compare: () => {
        if (state.value.layout === 'pair') ai.maps.leavePair();
        else if (ai.shown) ai.maps.compare();
      },
      worst: (direction) => worst.step(direction),
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
      keep: () => drawing.keep(),
      cancel: () => {
        if (drawing.current) void this.cancelDrawing();
        else if (list.askedFor) list.ask(null);
        else stage.active.element.focus();
      },
      undo: () => undo.undo(),
      redo: () => undo.redo(),
      save: () => void session.autosave.flush(),
      sign: () => void this.sign(),
      ai: () => void ai.show(ai.concealed || state.value.aiHidden),
      help: showKeys,
    };
  }
}
