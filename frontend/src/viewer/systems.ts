import type { Analysis, AnalysisResults, EvidenceUnit, HeatmapInfo, SystemInfo, SystemResult } from '../shared/types';
import { LESIONS } from './state';

export const COVID = 'COVID-19';

/** Maps that belong beside each other: both inputs of one answer, and two sizes of one question. */
const PAIRS: [string, string][] = [['lung relevance', 'lesion relevance'], ['coarse', 'fine'], ['conv3', 'conv5']];

/** One probability of a system, and what the system makes of it. */
export interface Prediction {
  key: string;
  probability: number;
  /** From this probability on the system predicts it; absent where it decides nothing. */
  point?: number;
  positive?: boolean;
}

/** What a system predicts, COVID-19 first; other keys as the results have them. */
export function predictions({ probabilities = {}, operating_points: points = {} }: SystemResult): Prediction[] {
  return Object.entries(probabilities).sort(([a], [b]) => Number(b === COVID) - Number(a === COVID)).map(([key, probability]) => {
    const point = points[key];
    return { key, probability, ...(point !== undefined && { point, positive: probability >= point }) };
  });
}

/** Whether a system predicts a class; undefined when it decides nothing about it. */
export function predicts(result: SystemResult | undefined, key: string): boolean | undefined {
  return result && predictions(result).find((one) => one.key === key)?.positive;
}

/** How many systems say yes and how many no to COVID-19. */
export function votes(results: AnalysisResults): { yes: number; no: number } {
  const said = Object.values(results.systems ?? {}).map((result) => predicts(result, COVID));
  return { yes: said.filter((one) => one === true).length, no: said.filter((one) => one === false).length };
}

/** The names of the systems for people, and what the site knows of their weights. */
export class Systems {
  private readonly known: Map<string, SystemInfo>;

  constructor(readonly all: SystemInfo[]) {
    this.known = new Map(all.map((system) => [system.name, system]));
  }

  title(name: string): string {
    return name === LESIONS ? 'Lesion segmentation' : this.known.get(name)?.title ?? name;
  }

  /** What was measured of exactly the weights that gave a result; undefined when the site has others now. */
  measured(name: string, version: string | undefined): SystemInfo | undefined {
    const system = this.known.get(name);
    return system?.version === version ? system : undefined;
  }

  /** What a heatmap shows: system, class, kind. */
  heatmap({ system, class: shown, kind }: HeatmapInfo): string {
    return [this.title(system), shown, ...(kind === system ? [] : [this.words(system, kind)?.name ?? kind])].join(', ');
  }

  /** What the map is, in a sentence for people; '' when the site does not know its kind. */
  about({ system, kind }: HeatmapInfo): string {
    return this.words(system, kind)?.about ?? '';
  }

  private words(system: string, kind: string): { name: string; about: string } | undefined {
    return this.known.get(system)?.heatmaps.find((map) => map.kind === kind);
  }

  /** What the evidence per slice of a system is. */
  evidence(system: string): EvidenceUnit {
    return this.known.get(system)?.evidence ?? 'ml';
  }

  /** A heatmap in a menu: its system unless that goes without saying, and what tells it from the system's other ones. */
  inMenu({ system, class: shown, kind }: HeatmapInfo, all: HeatmapInfo[], understood?: string): string {
    const same = all.filter((map) => map.system === system);
    const several = (part: 'class' | 'kind'): boolean => new Set(same.map((map) => map[part])).size > 1;
    return [...(system === understood && same.length > 1 ? [] : [this.title(system)]), ...(several('class') ? [shown] : []), ...(several('kind') ? [this.words(system, kind)?.name ?? kind] : [])].join(' ');
  }
}

/** The heatmaps in the order in which the systems ran, those of one system as it gave them. */
export function inOrder(heatmaps: HeatmapInfo[], { systems, results }: Analysis): HeatmapInfo[] {
  const given = systems.flatMap((name) => results?.systems?.[name]?.heatmaps ?? []).map(({ id }) => id);
  const place = ({ id }: HeatmapInfo): number => (given.includes(id) ? given.indexOf(id) : given.length);
  return [...heatmaps].sort((a, b) => place(a) - place(b));
}

/**
 * The map that is shown first, and whether it is shown before somebody asks for it.
 *
 * The first heatmap whose class is predicted; a system without classes is positive when it points at a region.
 * Else a map that needs no class, else the lesion types, and last the map of a class that was predicted
 * negative: that one only on request.
 */
export function firstMap(
  heatmaps: HeatmapInfo[], { systems = {} }: AnalysisResults, segmented: boolean,
): { source: string | null; shown: boolean } {
  const said = (map: HeatmapInfo): boolean | undefined => predicts(systems[map.system], map.class);
  const points = (map: HeatmapInfo): boolean => (systems[map.system]?.regions?.length ?? 0) > 0;
  const found = heatmaps.find((map) => said(map) ?? points(map)) ?? heatmaps.find((map) => said(map) === undefined);
  if (found) return { source: found.id, shown: true };
  if (segmented) return { source: LESIONS, shown: true };
  return { source: heatmaps[0]?.id ?? null, shown: false };
}

/** The map to set beside another one: its counterpart, else another one of its system, else one of another system. */
export function beside(map: HeatmapInfo, heatmaps: HeatmapInfo[]): HeatmapInfo | undefined {
  const others = heatmaps.filter(({ id }) => id !== map.id);
  const same = others.filter(({ system }) => system === map.system);
  const pair = PAIRS.find((kinds) => kinds.includes(map.kind));
  const counterpart = pair?.find((kind) => kind !== map.kind);
  return same.find((one) => one.kind === counterpart && one.class === map.class) ?? same[0] ?? others[0];
}
