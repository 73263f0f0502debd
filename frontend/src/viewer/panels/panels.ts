import type { Commands } from '../commands';
import type { Core } from '../core';
import { evidenceOf, type Evidence } from '../evidence';
import { LESIONS } from '../state';
import { predicts } from '../systems';
import { Legend } from '../overlay/legend';
import { LesionLegend } from '../overlay/lesion-legend';
import { DrawBar } from './draw-bar';
import { ReadingForm } from './form';
import { showKeys } from './key-help';
import { OverlayBar } from './overlay-bar';
import { Rail } from './rail';
import { RegionFilter } from './region-filter';
import { RegionList } from './region-list';
import { drawn, Results } from './results';
import { MapCaptions } from './map-captions';
import { methodOf } from './volumes';
import { WorstBar } from './worst-bar';
import { SignBar } from './sign-bar';
import { Thumbnails } from './thumbnails';
import { Toolbar } from './toolbar';
import { TopBar } from './topbar';

/** All panels around the images, kept in step with the reading and the analysis. */
export class Panels {
  readonly list: RegionList;
  readonly topBar: TopBar;
  readonly rail: Rail;
  private readonly filter: RegionFilter;
  private readonly toolbar: Toolbar;
  private readonly overlayBar: OverlayBar;
  private readonly legend: Legend;
  private readonly lesionLegend: LesionLegend;
  private readonly captions: MapCaptions;
  private readonly results: Results;
  private readonly form: ReadingForm;
  private readonly signBar: SignBar;
  private readonly thumbnails: Thumbnails;
  private waiting = false;

  constructor(private readonly core: Core, commands: Commands) {
    const { shell, state, grid, voxels, ready, regions, model, drawing, judging, ai, undo, stage, context, session } = core;
    this.thumbnails = new Thumbnails(grid, voxels, ready);
    const title = (system: string): string => ai.systems.title(system);
    this.filter = new RegionFilter(state, regions, context.me.id, title);
    this.list = new RegionList(shell.regions, regions, state, this.filter, this.thumbnails, judging, title, () => this.emptyText, () => model.readOnly);
    judging.attach(this.list);
    this.legend = new Legend(state);
    this.lesionLegend = new LesionLegend(state);
    this.overlayBar = new OverlayBar(shell.overlayBar, state, drawing);
    this.topBar = new TopBar(shell.top, context.me);
    this.rail = new Rail(shell.rail, grid, state, this.thumbnails, new WorstBar(core.worst), (text) => (shell.status.textContent = text));
    this.results = new Results(shell.results, {
      reveal: () => void ai.reveal(), retry: () => void ai.retry(), stop: () => void ai.stop(), start: () => void ai.begin(),
      showMap: (system) => ai.maps.show(system), compare: (system) => ai.maps.compare(system),
    });
    this.form = new ReadingForm(shell.form, model);
    this.signBar = new SignBar(shell.sign, {
      sign: () => void commands.sign(), reveal: () => void ai.reveal(), addendum: () => void commands.addendum(),
      goTo: (target) => commands.goTo(target),
    });
    this.toolbar = new Toolbar(state, undo, {
      tool: (tool) => commands.tool(tool), undo: () => undo.undo(), redo: () => undo.redo(), keys: showKeys,
      showAi: (on) => void ai.show(on), compare: () => ai.shown && ai.maps.compare(),
    });
    const drawBar = new DrawBar(drawing, { keep: () => drawing.keep(), cancel: () => void commands.cancelDrawing() });
    shell.tools.append(this.toolbar.element);
    shell.stage.append(stage.element, drawBar.element);
    stage.views.axial.element.append(this.legend.element, this.lesionLegend.element);
    this.captions = new MapCaptions({ axial: stage.views.axial, second: stage.second }, state);
    this.topBar.showNearby(context.previous?.url, context.next?.url);
    model.changed.on(() => this.later());
    session.autosave.status.on(() => this.later());
    ai.changed.on(() => this.showAi());
    ai.regionsLoaded.on(() => this.filter.restore());
    state.on(() => this.showAi(), 'aiHidden', 'source');
    state.on(() => {
      this.showPictures();
      this.later();
    }, 'heatmap');
    state.on(() => this.leaveHidden(), 'regionSystem');
  }

  private get emptyText(): string {
    const { ai, state } = this.core;
    if (ai.concealed || state.value.aiHidden) return 'AI regions are hidden. Draw what you see with N.';
    if (ai.analysis?.state === 'succeeded') return 'The systems point at no region. Add what they missed with N.';
    return 'Regions appear here when the analysis is done. Draw what you see with N.';
  }

  /** What the overlay bar says instead of sliders; null while there is an overlay to set. */
  private get notice(): string | null {
    const { ai, model, state } = this.core;
    if (model.server.ai.policy === 'never') return 'This cohort reads without AI results.';
    if (ai.concealed) return 'First read. AI results are hidden until you choose Show AI. Your first answers are kept.';
    if (state.value.aiHidden) return 'AI results are hidden. F2 shows them again.';
    return ai.shown ? null : 'No overlay yet: the analysis is not done.';
  }

  /** The evidence per slice of the map that is chosen, else of what was measured. */
  private get evidence(): Evidence | null {
    const { ai } = this.core;
    if (!ai.shown || !ai.analysis?.results) return null;
    return evidenceOf(ai.analysis.results, ai.maps.speaks ? ai.maps.chosen : null, ai.systems);
  }

  /** What can lie over the images, by id with its name; heatmaps of a class that was predicted negative say so. */
  private sources(understood?: string): [string, string][] {
    const { ai } = this.core;
    const { all } = ai.maps;
    const { systems = {} } = ai.analysis?.results ?? {};
    const said = (system: string, name: string): string => (predicts(systems[system], name) === false ? ' (predicted negative)' : '');
    const { making } = ai.maps;
    const heatmaps = all.map((map): [string, string] => [
      map.id, ai.systems.inMenu(map, all, understood) + (map.id === making?.id ? ` (${drawn(making)})` : said(map.system, map.class)),
    ]);
    return ai.maps.hasLesions ? [...heatmaps, [LESIONS, 'Lesion types']] : heatmaps;
  }

  /** A region that the filter hides is neither selected nor drawn any longer. */
  private leaveHidden(): void {
    const { state, regions, drawing } = this.core;
    const { selected, regionSystem } = state.value;
    if (selected !== null && !regions.of(regionSystem).some(({ id }) => id === selected)) {
      if (drawing.current) drawing.keep();
      state.set({ selected: null });
    }
    this.refresh();
  }

  /** The analysis, or what of it may be seen, has changed. */
  showAi(): void {
    const { ai, model, state, context } = this.core;
    const { policy, shown_at: since } = model.server.ai;
    const { aiHidden } = state.value;
    this.toolbar.showAi({
      mode: policy === 'never' ? 'never' : ai.concealed ? 'first' : 'free', shown: !ai.concealed && !aiHidden, ...(since && { since }),
    });
    const { maps } = ai;
    const { chosen } = maps;
    this.overlayBar.setSources(this.sources(), chosen ? `${ai.systems.heatmap(chosen)}. ${ai.systems.about(chosen)}` : '');
    this.captions.setSources(ai.shown ? this.sources(chosen?.system) : []);
    this.toolbar.allowPair(ai.shown && maps.comparable);
    this.overlayBar.allow({ lungs: ai.lungs !== null, lobes: ai.segmented('lobes') });
    this.overlayBar.setNotice(this.notice);
    this.legend.available(chosen && maps.chosenLayer !== null && ai.shown ? {
      name: ai.systems.heatmap(chosen), about: ai.systems.about(chosen), ...(chosen.threshold !== undefined && { threshold: chosen.threshold }),
    } : null);
    this.results.show({ analysis: ai.analysis, another: ai.another.running, systems: ai.systems, making: maps.making, policy, concealed: ai.concealed, hiddenByReader: aiHidden, mayStart: context.cohort.may_read });
    const results = ai.shown ? ai.analysis?.results : undefined;
    const quantification = results?.quantification;
    this.lesionLegend.available(maps.lesions && ai.shown ? quantification?.types_ml ?? {} : null);
    this.form.showMeasured(quantification, results && methodOf(results));
    this.list.showInfected(quantification?.infected_percent);
    this.showPictures();
    this.showAiBanners();
    this.refresh();
  }

  private showPictures(): void {
    const { ai } = this.core;
    const heat = ai.shown && (ai.maps.speaks || ai.maps.chosen === null) ? ai.maps.chosenLayer?.map ?? null : null;
    if (this.thumbnails.setHeat(heat)) this.list.refreshPictures();
  }

  private showAiBanners(): void {
    const { ai, banners, model } = this.core;
    if (ai.problem) banners.show('overlay', 'A part is missing.', ai.problem);
    if (!model.server.newer_analysis) return banners.hide('newer');
    banners.show('newer', 'A newer analysis is ready.', 'This reading stays with the earlier one until you change over.', [
      { word: 'Use the newer one', testid: 'use-newer', run: () => void ai.useNewer() },
    ]);
  }

  /** Refreshes at the next frame, once for many changes. */
  private later(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.refresh();
    });
  }

  refresh(): void {
    const { regions, session, model, ai, stage, shell, state, worst } = this.core;
    this.list.render();
    const { evidence } = this;
    worst.take(evidence);
    this.rail.update({ evidence, regions: regions.of(state.value.regionSystem) });
    this.topBar.showSave(session.autosave.status.value, model.changes.count, model.server);
    this.toolbar.allowDrawing(!model.readOnly);
    const firstRead = ai.concealed && model.server.ai.policy === 'after_first_answers' && ai.analysis?.state === 'succeeded';
    this.signBar.show({ reading: model.server, unsaved: model.changes.count, firstRead });
    const { done, all } = regions.judged;
    const tab = shell.tabs.querySelector('[data-tab=regions]');
    if (tab) tab.textContent = all > 0 ? `Regions ${done}/${all}` : 'Regions';
    stage.redrawOverlays();
  }
}
