import { confirmAction } from '../shared/dialog';
import { ApiError, json } from '../shared/api';
import { toast } from '../shared/toast';
import type { Analysis, Reading, SegmentationKind, Series } from '../shared/types';
import { AnalysisWatch } from './analysis-watch';
import { AnotherAnalysis } from './another-analysis';
import { chooseSystems } from './panels/new-analysis';
import * as loading from './loading';
import { Maps } from './maps';
import { LabelSource } from './masks/source';
import type { LobeSource } from './overlay/painter';
import { LOBES } from './reading/words';
import type { ReadingModel } from './reading/model';
import type { ReadingSession } from './reading/session';
import type { Regions } from './regions/regions';
import type { ViewState } from './state';
import { Signal, type Store } from './store';
import { Systems } from './systems';
import type { Grid } from './volume/geometry';

/** The AI side of the page: the analysis, what of it may be shown, and its overlays. */
export class Ai {
  readonly changed = new Signal();
  readonly regionsLoaded = new Signal();
  analysis: Analysis | null = null;
  readonly another: AnotherAnalysis;
  systems = new Systems([]);
  readonly maps: Maps;
  lungs: LabelSource | null = null;
  /** Loaded when they are first asked for. */
  lobes: LobeSource[] = [];
  /** What went wrong with an overlay; the rest stays usable. */
  problem: string | null = null;
  overlayReady = false;
  private watch: AnalysisWatch | null = null;

  constructor(
    private readonly series: Series, private readonly grid: Grid, private readonly state: Store<ViewState>,
    private readonly model: ReadingModel, private readonly regions: Regions, private readonly session: ReadingSession,
  ) {
    this.another = new AnotherAnalysis(model, () => void this.preview());
    this.another.changed.on(() => {
      if (!this.making) this.maps.clearPreview();
      this.changed.emit();
    });
    this.maps = new Maps(grid, state, (load) => this.later(load));
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

  /** Whether there are results on the screen, or a heatmap that is still being made. */
  get shown(): boolean {
    return (this.analysis?.state === 'succeeded' || this.maps.making !== null) && !this.concealed && !this.state.value.aiHidden;
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
    this.watch = this.analysis
      ? new AnalysisWatch(this.analysis, (analysis) => void this.progress(analysis), () => void this.preview()) : null;
    this.changed.emit();
    void this.preview();
  }

  /** The analysis that runs: that of the reading, or a later one. */
  private get making(): Analysis | null {
    return this.inState('running');
  }

  /** The analysis of the reading, or a later one, that is in one of these states. */
  private inState(...states: Analysis['state'][]): Analysis | null {
    return [this.analysis, this.another.running].find((analysis) => analysis && states.includes(analysis.state)) ?? null;
  }

  /** Takes a heatmap as far as the running analysis has made it. */
  private async preview(): Promise<void> {
    const { making } = this;
    if (!making || this.concealed) return;
    await this.later(() => this.maps.preview(making.id));
    if (this.making?.id === making.id) return;
    this.maps.clearPreview();
    this.changed.emit();
  }

  private async progress(analysis: Analysis): Promise<void> {
    this.analysis = analysis;
    if (!this.making) this.maps.clearPreview();
    this.changed.emit();
    if (analysis.state !== 'succeeded') return;
    await this.bind();
    await this.loadOverlays();
  }

  private async loadOverlays(): Promise<void> {
    const { analysis } = this;
    if (!analysis || analysis.state !== 'succeeded' || this.concealed) return;
    const parts = await Promise.allSettled([this.maps.load(analysis), this.loadRegions(analysis.id), this.loadLungs(analysis.id)]);
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

  /** F2 and the AI switch: hides, shows again, or reveals after the first answers. */
  async show(on: boolean): Promise<void> {
    if (this.model.server.ai.policy === 'never') {
      toast('This cohort reads without AI results.');
    } else if (this.concealed && on) {
      await this.reveal();
    } else {
      this.state.set({ aiHidden: !on });
      this.maps.leavePair();
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
    this.maps.clear();
    this.lobes = [];
    this.state.set({ lobes: false });
    await this.start();
  }

  async retry(): Promise<void> {
    if (!this.analysis) return;
    await this.ask(() => json<Analysis>(`analyses/${this.analysis?.id}/retry/`, { method: 'POST', json: {} }));
  }

  /** Stops the analysis of the reading, or a later one, while it waits or runs. */
  async stop(): Promise<void> {
    const ends = this.inState('queued', 'running');
    if (!ends) return;
    try {
      await json<Analysis>(`analyses/${ends.id}/cancel/`, { method: 'POST', json: {} });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(error.sentence);
    }
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
