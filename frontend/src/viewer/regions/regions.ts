import type { AiRegion, RejectReason, VerdictName } from '../../shared/types';
import { maskMl } from '../masks/brush';
import { BoxMask } from '../masks/box-mask';
import { LabelSource, type MaskSource } from '../masks/source';
import { lesionType, type LesionType } from '../overlay/lesion-types';
import type { ReadingModel } from '../reading/model';
import { LESIONS } from '../state';
import { sliceNumber, type Grid, type Point } from '../volume/geometry';

export type RegionStyle = 'pending' | VerdictName | 'own';
export type RegionOrder = 'size' | 'lobe' | 'evidence' | 'open';

/** One row of the region list and one outline in the image. */
export interface RegionView {
  /** AI region id, or the key of an own region. */
  id: string;
  own: boolean;
  /** The system that points at it, or LESIONS; absent for an own region. */
  system?: string;
  /** Its name, which no other region of the study has. */
  label: string;
  /** Its number alone, where the system stands beside it. */
  short: string;
  place: string;
  ml: number;
  /** Volume before redrawing, when it was redrawn. */
  wasMl?: number;
  evidence?: number;
  /** The type of most of it, for a region of the lesion segmentation. */
  type?: LesionType;
  /** Slice to jump to: as people count it, and as a voxel. */
  slice: number;
  centre: Point;
  style: RegionStyle;
  reason?: RejectReason;
  /** Kind of an own region, as the project numbers lesions. */
  lesionValue?: number;
  source: MaskSource;
}

interface Known {
  region: AiRegion;
  source: MaskSource;
}

/** All regions of this study: those of the systems once shown, and the reader's own. */
export class Regions {
  private known: Known[] = [];
  /** Several systems count their regions from R1: then the name of the system goes before the number. */
  private prefix: (system: string) => string = () => '';
  private readonly centres = new WeakMap<MaskSource, { version: number; centre: Point }>();

  constructor(private readonly grid: Grid, private readonly model: ReadingModel) {}

  /** Takes the AI regions and, per system, the label volume they are numbered in and its title. */
  setAi(regions: AiRegion[], labels: Map<string, Uint8Array | Uint16Array>, title: (system: string) => string): void {
    const counting = new Set(regions.map(({ system }) => system).filter((system) => system !== LESIONS));
    this.prefix = (system) => (counting.size > 1 && system !== LESIONS ? `${title(system)} ` : '');
    this.known = regions.flatMap((region) => {
      const volume = labels.get(region.system);
      const value = Number(region.label.replace(/\D+/g, ''));
      if (!volume || !Number.isInteger(value)) return [];
      return [{ region, source: new LabelSource(volume, this.grid, value, region.box) }];
    });
  }

  get(id: string | null): RegionView | undefined {
    return id === null ? undefined : this.all.find((region) => region.id === id);
  }

  get all(): RegionView[] {
    return [...this.known.map((known) => this.aiView(known)), ...this.ownViews];
  }

  private aiView({ region, source }: Known): RegionView {
    const verdict = this.model.verdict(region.id);
    const mask = verdict?.verdict === 'redrawn' ? verdict.mask : undefined;
    const [z, y, x] = region.centre;
    const type = region.system === LESIONS ? lesionType(region.class) : undefined;
    return {
      id: region.id, own: false, system: region.system, label: `${this.prefix(region.system)}${region.label}`,
      short: region.label, place: region.lobe ?? sideWord(region.side),
      ml: mask ? maskMl(this.grid, mask.count) : region.volume_ml, ...(mask && { wasMl: region.volume_ml }),
      ...(region.evidence !== undefined && { evidence: region.evidence }), ...(type && { type }),
      slice: sliceNumber(this.grid.nz, region.largest_slice),
      centre: { x, y, z: region.largest_slice ?? z },
      style: verdict?.verdict ?? 'pending', ...(verdict?.reason && { reason: verdict.reason }),
      source: mask ?? source,
    };
  }

  private get ownViews(): RegionView[] {
    return this.model.own.map((own) => {
      const source = this.model.masks.get(own.key) ?? BoxMask.empty();
      const centre = this.centreOf(source);
      const place = source.count === 0 ? '' : centre.x < this.grid.nx / 2 ? 'Right' : 'Left';
      return {
        id: own.key, own: true, label: own.label, short: own.label, place, ml: maskMl(this.grid, source.count),
        slice: sliceNumber(this.grid.nz, centre.z), centre, style: 'own' as const, source,
        ...(own.lesionValue !== undefined && { lesionValue: own.lesionValue }),
      };
    });
  }

  /** The middle voxel of a mask's fullest axial slice. */
  private centreOf(mask: BoxMask): Point {
    const cached = this.centres.get(mask);
    if (cached?.version === mask.version) return cached.centre;
    let best = { count: 0, centre: { x: 0, y: 0, z: 0 } };
    for (let z = mask.box[0]; z < mask.box[3]; z += 1) {
      const plane = mask.plane('axial', z);
      if (!plane) continue;
      let [count, sumU, sumV] = [0, 0, 0];
      for (let i = 0; i < plane.data.length; i += 1) {
        if (!plane.data[i]) continue;
        count += 1;
        sumU += i % plane.width;
        sumV += Math.floor(i / plane.width);
      }
      const centre = { x: plane.u0 + Math.round(sumU / count), y: plane.v0 + Math.round(sumV / count), z };
      if (count > best.count) best = { count, centre };
    }
    this.centres.set(mask, { version: mask.version, centre: best.centre });
    return best.centre;
  }

  /** The regions of one system and the reader's own; all of them for null. */
  of(system: string | null): RegionView[] {
    return this.all.filter((region) => region.own || system === null || region.system === system);
  }

  /** The region of these at a voxel; the smallest one, so that a small one inside a large one can be hit. */
  hit(voxel: Point, system: string | null): RegionView | undefined {
    const [z, y, x] = [Math.round(voxel.z), Math.round(voxel.y), Math.round(voxel.x)];
    return this.of(system).sort((a, b) => a.ml - b.ml).find((region) => region.source.has(z, y, x));
  }

  /** Those of a system (all for null) in the order the list shows them; own regions come last. */
  sorted(order: RegionOrder, system: string | null): RegionView[] {
    const open = (region: RegionView): number => (region.style === 'pending' ? 0 : 1);
    const compare: Record<RegionOrder, (a: RegionView, b: RegionView) => number> = {
      size: (a, b) => b.ml - a.ml,
      lobe: (a, b) => a.place.localeCompare(b.place) || b.ml - a.ml,
      evidence: (a, b) => (b.evidence ?? 0) - (a.evidence ?? 0),
      open: (a, b) => open(a) - open(b) || b.ml - a.ml,
    };
    const views = this.of(system);
    // A redrawn region keeps its place: rows must not move under the reader's pointer.
    const bySize = (a: RegionView, b: RegionView): number => (b.wasMl ?? b.ml) - (a.wasMl ?? a.ml);
    const chosen = order === 'size' ? bySize : compare[order];
    return [...views.filter((view) => !view.own).sort(chosen), ...views.filter((view) => view.own)];
  }

  get judged(): { done: number; all: number } {
    const ai = this.all.filter((region) => !region.own);
    return { done: ai.filter((region) => region.style !== 'pending').length, all: ai.length };
  }
}

function sideWord(side: string | undefined): string {
  if (!side) return '';
  return side.charAt(0).toUpperCase() + side.slice(1);
}
