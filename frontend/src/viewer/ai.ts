import { confirmAction } from '../shared/dialog';
import { ApiError, json } from '../shared/api';
import { toast } from '../shared/toast';
import type { Analysis, HeatmapInfo, Reading, SegmentationKind, Series } from '../shared/types';
import { AnalysisWatch } from './analysis-watch';
import { AnotherAnalysis } from './another-analysis';
import { chooseSystems } from './panels/new-analysis';
import * as loading from './loading';
import { LabelSource } from './masks/source';
import { HeatLayer } from './overlay/heat-layer';
import { LesionLayer } from './overlay/lesion-layer';
import type { LobeSource } from './overlay/painter';
import { LOBES } from './reading/words';
import type { ReadingModel } from './reading/model';
import type { ReadingSession } from './reading/session';
import type { Regions } from './regions/regions';
import { LESIONS, type ViewState } from './state';
import { Signal, type Store } from './store';
import { firstMap, inOrder, predicts, Systems } from './systems';
import type { Grid } from './volume/geometry';

/** The AI side of the page: the analysis, what of it may be shown, and its overlays. */
export class Ai {
  readonly changed = new Signal();
  readonly regionsLoaded = new Signal();
  analysis: Analysis | null = null;
  readonly another: AnotherAnalysis;
  systems = new Systems([]);
  heatmaps: HeatmapInfo[] = [];
  heat: HeatLayer | null = null;
  lungs: LabelSource | null = null;
  /** Loaded when they are first asked for. */
  lobes: LobeSource[] = [];
  lesions: LesionLayer | null = null;
  /** What went wrong with an overlay; the rest stays usable. */
  problem: string | null = null;
  overlayReady = false;
  private readonly layers = new Map<string, Promise<HeatLayer>>();
  private watch: AnalysisWatch | null = null;
  /** The heatmap shown last, to come back to from the lesion types. */
  private lastHeatmap: string | null = null;

  constructor(
    private readonly series: Series, private readonly grid: Grid, private readonly state: Store<ViewState>,
    private readonly model: ReadingModel, private readonly regions: Regions, private readonly session: ReadingSession,
  ) {
    this.another = new AnotherAnalysis(model);
    this.another.changed.on(() => this.changed.emit());
    state.on(() => void this.chooseSource(), 'source');
    state.on(() => void this.loadLobes(), 'lobes');
  }

  /** Whether the analysis made this label volume. */
  segmented(kind: SegmentationKind): boolean {
    return this.analysis?.results?.segmentation?.[kind] !== undefined;
  }

  get concealed(): boolean {
    const { ai } = this.model.server;
    return this.analysis?.hidden === true || ai.policy === 'never';
  }

  get shown(): boolean {
    return this.analysis?.state === 'succeeded' && !this.concealed && !this.state.value.aiHidden;
  }

  /** The heatmap that is chosen, shown or not; null for none and for lesion types. */
  get map(): HeatmapInfo | null {
    return this.heatmaps.find(({ id }) => id === this.state.value.source) ?? null;
  }

  /** Whether the map speaks beyond the image: that of a class predicted negative does once somebody asked for it. */
  get mapSpeaks(): boolean {
    const { map, analysis } = this;
    return map !== null && (this.state.value.heatmap || predicts(analysis?.results?.systems?.[map.system], map.class) !== false);
  }

  async start(): Promise<void> {
    [this.analysis, this.systems] = await Promise.all([loading.analysis(this.series, this.model.server), loading.systems()]);
    this.another.follow(loading.another(this.series, this.analysis));
    await this.bind();
    this.follow();
    await this.loadOverlays();
  }

  /** Where AI is shown at once, a reading begun before the analysis ended goes over to it when it has. */
  private async bind(): Promise<void> {
    const { server } = this.model;
    if (this.analysis?.state !== 'succeeded' || this.model.readOnly || server.analysis || server.ai.policy !== 'at_once') return;
    await this.session.autosave.flush();
    try {
      this.model.adopt(await json<Reading>(`readings/${server.id}/reveal/`, { method: 'POST', json: {}, ifMatch: this.model.server.revision }));
    } catch (error) {
      // Changed elsewhere meanwhile: autosave will meet that version and ask.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  private follow(): void {
    this.watch?.stop();
    this.watch = this.analysis ? new AnalysisWatch(this.analysis, (analysis) => void this.progress(analysis)) : null;
    this.changed.emit();
  }

  private async progress(analysis: Analysis): Promise<void> {
    this.analysis = analysis;
    this.changed.emit();
    if (analysis.state !== 'succeeded') return;
    await this.bind();
    await this.loadOverlays();
  }

  private async loadOverlays(): Promise<void> {
    const { analysis } = this;
    if (!analysis || analysis.state !== 'succeeded' || this.concealed) return;
    const parts = await Promise.allSettled([this.loadHeatmaps(analysis.id), this.loadRegions(analysis.id), this.loadLungs(analysis.id)]);
    const failed = parts.find((part) => part.status === 'rejected');
    if (failed) {
      if (!(failed.reason instanceof Error)) throw failed.reason;
      this.problem = `A part of the AI results could not be loaded: ${failed.reason.message}`;
    }
    this.overlayReady = true;
    this.changed.emit();
  }

  private async loadRegions(analysis: string): Promise<void> {
    const { regions, labels } = await loading.aiRegions(analysis, this.grid);
    this.regions.setAi(regions, labels, (system) => this.systems.title(system));
    this.regionsLoaded.emit();
    this.changed.emit();
  }

  private async loadLungs(analysis: string): Promise<void> {
    this.lungs = await loading.lungs(analysis, this.grid);
    this.changed.emit();
  }

  private async loadHeatmaps(id: string): Promise<void> {
    const { analysis } = this;
    if (!analysis?.results) return;
    this.heatmaps = inOrder(await loading.heatmaps(id), analysis);
    const { source, shown } = firstMap(this.heatmaps, analysis.results, this.segmented('lesions'));
    if (!source) return;
    this.state.set({ source, heatmap: shown });
    await this.chooseSource();
  }

  /** Shows the first map of a system. */
  showMap(system: string): void {
    const map = this.heatmaps.find((one) => one.system === system);
    if (map) this.state.set({ source: map.id, heatmap: true });
  }

  /** From heatmap to lesion types and back, where there are both. */
  otherSource(): void {
    const heatmap = this.heatmaps.find(({ id }) => id === this.lastHeatmap) ?? this.heatmaps[0];
    if (this.state.value.source !== LESIONS && this.segmented('lesions')) this.state.set({ source: LESIONS, heatmap: true });
    else if (heatmap) this.state.set({ source: heatmap.id, heatmap: true });
  }

  private async chooseSource(): Promise<void> {
    await this.later(() => (this.state.value.source === LESIONS ? this.loadLesions() : this.chooseHeatmap()));
  }

  private async loadLesions(): Promise<void> {
    if (this.lesions || !this.analysis || !this.segmented('lesions')) return;
    this.lesions = new LesionLayer(await loading.segmentation(this.analysis.id, 'lesions', this.grid), this.grid);
  }

  private async loadLobes(): Promise<void> {
    const { analysis } = this;
    if (!this.state.value.lobes || this.lobes.length > 0 || !analysis || !this.segmented('lobes')) return;
    await this.later(async () => {
      const volume = await loading.segmentation(analysis.id, 'lobes', this.grid);
      this.lobes = [...volume.boxes()].map(([value, box]) => ({
        name: LOBES[value - 1] ?? '', source: new LabelSource(volume.labels, this.grid, value, box),
      }));
    });
  }

  /** Loads something that was asked for later on; what goes wrong is said, and the rest stays usable. */
  private async later(load: () => Promise<void>): Promise<void> {
    try {
      await load();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.problem = `A part of the AI results could not be loaded: ${error.message}`;
    }
    this.changed.emit();
  }

  private async chooseHeatmap(): Promise<void> {
    const info = this.map;
    if (!info || !this.analysis) return;
    this.lastHeatmap = info.id;
    // Never the map before under the name of this one.
    this.heat = null;
    const layer = await this.layer(info, this.analysis.id);
    if (this.state.value.source === info.id) this.heat = layer;
  }

  /** The layer of a heatmap, loaded once. */
  private layer(info: HeatmapInfo, analysis: string): Promise<HeatLayer> {
    const kept = this.layers.get(info.id);
    if (kept) return kept;
    const made = loading.heatmap(analysis, info, this.grid).then((map) => new HeatLayer(map, this.grid));
    this.layers.set(info.id, made);
    made.catch(() => this.layers.delete(info.id));
    return made;
  }

  /** F2 and the AI switch: hides, shows again, or reveals after the first answers. */
  async show(on: boolean): Promise<void> {
    if (this.model.server.ai.policy === 'never') {
      toast('This cohort reads without AI results.');
    } else if (this.concealed && on) {
      await this.reveal();
    } else {
      this.state.set({ aiHidden: !on });
      this.changed.emit();
    }
  }

  async reveal(): Promise<void> {
    const agreed = await confirmAction('Show AI now?', 'Your answers so far are recorded as your first read. This cannot be undone.', 'Show AI', 'Go back');
    if (!agreed) return;
    await this.session.autosave.flush();
    if (this.model.changes.count > 0) {
      toast('Your answers are not saved yet. Show AI once they are.');
      return;
    }
    try {
      this.model.adopt(await json<Reading>(`readings/${this.model.server.id}/reveal/`, {
        method: 'POST', json: {}, ifMatch: this.model.server.revision,
      }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(error.sentence);
      return;
    }
    this.analysis = await loading.analysis(this.series, this.model.server);
    this.state.set({ aiHidden: false });
    this.follow();
    await this.loadOverlays();
  }

  /** Goes over to the newer analysis; verdicts on the earlier one's regions go, if the reader agrees. */
  async useNewer(): Promise<void> {
    const use = (confirm: boolean): Promise<Reading> => json<Reading>(`readings/${this.model.server.id}/use-analysis/`, {
      method: 'POST', json: { confirm }, ifMatch: this.model.server.revision,
    });
    await this.session.autosave.flush();
    try {
      this.model.adopt(await use(false));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.body.code !== 'verdicts_exist') return toast(error.sentence);
      if (!(await confirmAction('Use the newer analysis?', error.body.message, 'Use it', 'Stay with the earlier one'))) return;
      this.model.adopt(await use(true));
    }
    this.model.forgetSteps();
    this.layers.clear();
    [this.lobes, this.lesions] = [[], null];
    this.state.set({ lobes: false });
    await this.start();
  }

  async retry(): Promise<void> {
    if (!this.analysis) return;
    await this.ask(() => json<Analysis>(`analyses/${this.analysis?.id}/retry/`, { method: 'POST', json: {} }));
  }

  /** Asks which systems shall run and starts them; what is shown stays until the reader changes over. */
  async begin(): Promise<void> {
    if (this.systems.all.length === 0) this.systems = await loading.systems();
    if (this.systems.all.length === 0) return toast('The list of systems could not be loaded. Load the page again.');
    const chosen = await chooseSystems(this.systems.all);
    if (!chosen) return;
    const request = (): Promise<Analysis> => json<Analysis>(`series/${this.series.id}/analyses/`, { method: 'POST', json: { systems: chosen } });
    if (this.analysis?.state !== 'succeeded') return this.ask(request);
    try {
      this.another.follow(await request());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(error.sentence);
    }
  }

  private async ask(request: () => Promise<Analysis>): Promise<void> {
    try {
      this.analysis = await request();
      this.follow();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(error.sentence);
    }
  }
}
