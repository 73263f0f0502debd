import { ApiError, json, list, send } from '../shared/api';
import type { AiPolicy, AiRegion, Analysis, HeatmapInfo, HeatmapPreview, Me, Reading, SegmentationKind, Series, Study, SystemInfo } from '../shared/types';
import { LabelVolume } from './masks/label-volume';
import { LabelSource } from './masks/source';
import { Heatmap } from './overlay/heatmap';
import { Systems } from './systems';
import { gridBox } from './masks/brush';
import type { Grid } from './volume/geometry';

/** What the page was rendered with. */
export interface ViewerContext {
  series: string;
  me: Me;
  /** The cohort through which the series is opened. */
  cohort: { slug: string; name: string; ai_policy: AiPolicy; may_read: boolean };
  previous?: { url: string };
  next?: { url: string };
}

function absent(error: unknown): boolean {
  return error instanceof ApiError && [403, 404].includes(error.status);
}

/** The grid of a ready series. */
export function gridOf(series: Series): Grid {
  if (!series.volume) throw new Error('The series has no volume.');
  const { shape: [nz, ny, nx], spacing_mm: [sz, sy, sx], affine } = series.volume;
  return { nx, ny, nz, sx, sy, sz, affine };
}

/** The reader's own reading, made when there is none; without the right to read, the first that may be seen. */
export async function openReading({ series, cohort }: ViewerContext): Promise<Reading | null> {
  if (!cohort.may_read) return (await list<Reading>(`series/${series}/readings/`))[0] ?? null;
  const round = new URLSearchParams(location.search).get('round');
  return json<Reading>(`series/${series}/readings/`, { method: 'POST', json: { cohort: cohort.slug, ...(round && { round }) } });
}

/** Stands in where the user may look and nobody has read yet. */
export function noReading({ series, cohort }: ViewerContext): Reading {
  return {
    id: '', series, cohort: cohort.slug, round: 'first', reader: { id: '', name: 'Nobody', initials: '' }, state: 'draft',
    revision: 0, mine: false, ai: { policy: cohort.ai_policy, shown: false }, answers: {}, verdicts: {}, own_regions: [],
    missing: [],
  };
}

export async function study(series: Series): Promise<Study | null> {
  const id = typeof series.study === 'string' ? series.study : series.study.id;
  try {
    return await json<Study>(`studies/${id}/`);
  } catch (error) {
    if (absent(error)) return null;
    throw error;
  }
}

function newestFirst(series: Series): Analysis[] {
  return [...(series.analyses ?? [])].sort((a, b) => (b.created_at ?? '').localeCompare(a.created_at ?? ''));
}

/** The analysis that the reading is about, else the newest one of the series. */
export async function analysis(series: Series, reading: Reading): Promise<Analysis | null> {
  const id = reading.analysis ?? newestFirst(series)[0]?.id;
  return id ? json<Analysis>(`analyses/${id}/`) : null;
}

/** Another analysis of the series that waits or runs. */
export function another(series: Series, shown: Analysis | null): Analysis | null {
  return newestFirst(series).find(({ id, state }) => id !== shown?.id && (state === 'queued' || state === 'running')) ?? null;
}

/** The systems of this site; without an answer the page goes on with their bare names. */
export async function systems(): Promise<Systems> {
  try {
    return new Systems(await list<SystemInfo>('systems/'));
  } catch (error) {
    if (error instanceof ApiError) return new Systems([]);
    throw error;
  }
}

async function labelVolume(path: string, grid: Grid): Promise<Uint8Array | Uint16Array> {
  const response = await send(path);
  const bytes = await response.arrayBuffer();
  const labels = response.headers.get('X-Lungsight-Dtype') === 'uint16' ? new Uint16Array(bytes) : new Uint8Array(bytes);
  if (labels.length !== grid.nx * grid.ny * grid.nz) throw new Error('The labels do not fit the image.');
  return labels;
}

/** The AI regions and, per system, the volume they are numbered in. */
export async function aiRegions(
  analysis: string, grid: Grid,
): Promise<{ regions: AiRegion[]; labels: Map<string, Uint8Array | Uint16Array> }> {
  const regions = await list<AiRegion>(`analyses/${analysis}/regions/`);
  const systems = [...new Set(regions.map((region) => region.system))];
  const volumes = await Promise.all(systems.map(async (system) =>
    [system, await labelVolume(`analyses/${analysis}/regions/labels?system=${encodeURIComponent(system)}`, grid)] as const));
  return { regions, labels: new Map(volumes) };
}

export async function heatmaps(analysis: string): Promise<HeatmapInfo[]> {
  return list<HeatmapInfo>(`analyses/${analysis}/heatmaps/`);
}

export async function heatmap(analysis: string, info: HeatmapInfo, grid: Grid): Promise<Heatmap> {
  const response = await send(info.url ?? `analyses/${analysis}/heatmaps/${info.id}/data`);
  return new Heatmap(new Uint8Array(await response.arrayBuffer()), info.shape, info.affine, grid);
}

/** The heatmaps that a running analysis is making; none where they may not be seen. */
export async function previews(analysis: string): Promise<HeatmapPreview[]> {
  try {
    return await list<HeatmapPreview>(`analyses/${analysis}/previews/`);
  } catch (error) {
    if (absent(error)) return [];
    throw error;
  }
}

/** One of them as far as it is made, or null when it is made no longer. */
export async function preview(info: HeatmapPreview, grid: Grid): Promise<Heatmap | null> {
  try {
    return await heatmap('', info, grid);
  } catch (error) {
    if (absent(error)) return null;
    throw error;
  }
}

/** Lobes or lesion types of a whole series. */
export async function segmentation(analysis: string, kind: SegmentationKind, grid: Grid): Promise<LabelVolume> {
  const labels = await labelVolume(`analyses/${analysis}/segmentations/${kind}`, grid);
  if (!(labels instanceof Uint8Array)) throw new Error('The labels are not bytes.');
  return new LabelVolume(labels, grid);
}

/** The lungs, or null where there are none for this user. */
export async function lungs(analysis: string, grid: Grid): Promise<LabelSource | null> {
  try {
    return new LabelSource(await labelVolume(`analyses/${analysis}/segmentations/lungs`, grid), grid, 'any', gridBox(grid));
  } catch (error) {
    if (absent(error)) return null;
    throw error;
  }
}
