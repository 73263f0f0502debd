import type { Analysis, HeatmapInfo, HeatmapPreview } from '../shared/types';
import * as loading from './loading';
import { HeatLayer } from './overlay/heat-layer';
import { LesionLayer } from './overlay/lesion-layer';
import { LESIONS, type ViewState } from './state';
import type { Store } from './store';
import { beside, firstMap, inOrder, predicts } from './systems';
import type { Grid } from './volume/geometry';

/** The heatmaps of an analysis and its lesion types: which is chosen, which stands beside it, and how they are drawn. */
export class Maps {
  all: HeatmapInfo[] = [];
  private analysis: Analysis | null = null;
  /** The heatmap of a running analysis that is shown while it is made. */
  making: HeatmapPreview | null = null;
  private heat: HeatLayer | null = null;
  private heatBeside: HeatLayer | null = null;
  private lesionTypes: LesionLayer | null = null;
  private readonly kept = new Map<string, Promise<HeatLayer>>();
  /** The heatmap shown last, to come back to from the lesion types. */
  private lastHeatmap: string | null = null;

  /** `attempt` runs what loads something that was asked for: what goes wrong there is said, and the rest stays usable. */
  constructor(
    private readonly grid: Grid, private readonly state: Store<ViewState>, private readonly attempt: (load: () => Promise<void>) => Promise<void>,
  ) {
    state.on((now, before) => {
      // Beside the chosen map always stands another one.
      if (now.source !== null && now.source === now.beside) state.set({ beside: before.source });
      void attempt(() => this.choose());
    }, 'source');
    state.on(() => void attempt(() => this.chooseBeside()), 'beside');
  }

  /** The heatmap that is chosen, shown or not; null for none and for lesion types. */
  get chosen(): HeatmapInfo | null {
    return this.all.find(({ id }) => id === this.state.value.source) ?? null;
  }

  /** Its picture, once it is loaded. */
  get chosenLayer(): HeatLayer | null {
    return this.heat;
  }

  /** Whether the chosen map speaks beyond the image: that of a class predicted negative does once somebody asked for it. */
  get speaks(): boolean {
    const { chosen, analysis } = this;
    return chosen !== null && (this.state.value.heatmap || predicts(analysis?.results?.systems?.[chosen.system], chosen.class) !== false);
  }

  get hasLesions(): boolean {
    return this.analysis?.results?.segmentation?.lesions !== undefined;
  }

  get lesions(): LesionLayer | null {
    return this.lesionTypes;
  }

  /** Whether there are two to set side by side. */
  get comparable(): boolean {
    return this.all.length + Number(this.hasLesions) > 1;
  }

  /** What lies over a view: the map chosen for it, or the lesion types. */
  layers(place: 'source' | 'beside'): { heat: HeatLayer | null; lesions: LesionLayer | null } {
    if (this.state.value[place] === LESIONS) return { heat: null, lesions: this.lesionTypes };
    return { heat: place === 'source' ? this.heat : this.heatBeside, lesions: null };
  }

  /** Begins with the maps of an analysis whose results are shown. */
  async load(analysis: Analysis): Promise<void> {
    if (!analysis.results) return;
    this.clearPreview();
    this.analysis = analysis;
    this.all = inOrder(await loading.heatmaps(analysis.id), analysis);
    const { source, shown } = firstMap(this.all, analysis.results, this.hasLesions);
    if (!source) return;
    this.state.set({ source, heatmap: shown });
    await this.attempt(() => this.choose());
  }

  /** Takes what is made so far of a heatmap of a running analysis. Shown at once where there is nothing else, else on request. */
  async preview(analysis: string): Promise<void> {
    const [info] = await loading.previews(analysis);
    const heatmap = info && (await loading.preview(info, this.grid));
    if (!info || !heatmap) return;
    const finished = this.all.filter(({ id }) => id !== this.making?.id);
    this.making = info;
    this.all = [...finished, info];
    this.kept.set(info.id, Promise.resolve(new HeatLayer(heatmap, this.grid)));
    const { source, beside: second } = this.state.value;
    if (source === null) this.state.set({ source: info.id, heatmap: true });
    else if (source === info.id) await this.choose();
    if (second === info.id) await this.chooseBeside();
  }

  /** Forgets what a running analysis has shown: it has ended. */
  clearPreview(): void {
    const { making } = this;
    if (!making) return;
    this.kept.delete(making.id);
    this.making = null;
    this.all = this.all.filter(({ id }) => id !== making.id);
    const { source, beside: second } = this.state.value;
    if (second === making.id) this.leavePair();
    if (source === making.id) {
      this.heat = null;
      this.state.set({ source: this.all[0]?.id ?? null });
    }
  }

  /** Forgets the maps: another analysis follows. */
  clear(): void {
    this.clearPreview();
    this.kept.clear();
    this.lesionTypes = null;
    this.leavePair();
    this.state.set({ beside: null });
  }

  /** Shows the first map of a system. */
  show(system: string): void {
    const map = this.all.find((one) => one.system === system);
    if (map) this.state.set({ source: map.id, heatmap: true });
  }

  /** From heatmap to lesion types and back, where there are both. */
  other(): void {
    const heatmap = this.all.find(({ id }) => id === this.lastHeatmap) ?? this.all[0];
    if (this.state.value.source !== LESIONS && this.hasLesions) this.state.set({ source: LESIONS, heatmap: true });
    else if (heatmap) this.state.set({ source: heatmap.id, heatmap: true });
  }

  /** Two maps side by side: those of a system when it is named, else the chosen one and its counterpart. */
  compare(system?: string): void {
    if (!this.comparable) return;
    if (system) this.show(system);
    const now = this.state.value.beside;
    const counterpart = this.chosen ? beside(this.chosen, this.all)?.id ?? LESIONS : this.all[0]?.id ?? null;
    this.state.set({ layout: 'pair', active: 'axial', heatmap: true, beside: system || now === null ? counterpart : now });
  }

  /** Goes back from two maps to the three planes. */
  leavePair(): void {
    if (this.state.value.layout === 'pair') this.state.set({ layout: 'three' });
  }

  private async choose(): Promise<void> {
    if (this.state.value.source === LESIONS) return this.loadLesions();
    const { chosen } = this;
    if (!chosen) return;
    if (chosen !== this.making) this.lastHeatmap = chosen.id;
    // Never the map before under the name of this one.
    if (chosen !== this.making) this.heat = null;
    const layer = await this.layer(chosen);
    if (this.state.value.source === chosen.id) this.heat = layer;
  }

  private async chooseBeside(): Promise<void> {
    const { beside: id } = this.state.value;
    if (id === LESIONS) return this.loadLesions();
    if (id !== this.making?.id) this.heatBeside = null;
    const map = this.all.find((one) => one.id === id);
    const layer = map ? await this.layer(map) : null;
    if (this.state.value.beside === id) this.heatBeside = layer;
  }

  private async loadLesions(): Promise<void> {
    if (this.lesionTypes || !this.analysis || !this.hasLesions) return;
    this.lesionTypes = new LesionLayer(await loading.segmentation(this.analysis.id, 'lesions', this.grid), this.grid);
  }

  /** The layer of a heatmap, loaded once. */
  private async layer(map: HeatmapInfo): Promise<HeatLayer | null> {
    const kept = this.kept.get(map.id);
    if (kept || !this.analysis) return kept ?? null;
    const made = loading.heatmap(this.analysis.id, map, this.grid).then((heatmap) => new HeatLayer(heatmap, this.grid));
    this.kept.set(map.id, made);
    made.catch(() => this.kept.delete(map.id));
    return made;
  }
}
