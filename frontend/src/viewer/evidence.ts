import type { AnalysisResults, EvidenceUnit } from '../shared/types';
import { Signal, type Store } from './store';
import { LESIONS, type ViewState } from './state';
import type { Systems } from './systems';
import type { Grid } from './volume/geometry';

/** Slices nearer than this to a worse one are the same finding. */
const APART_MM = 10;
/** Slices with less than this part of the most evidence are no step of their own. */
const LEAST_SHARE = 0.1;

/** Evidence of one system for every slice, from cranial to caudal. */
export interface Evidence {
  values: number[];
  /** Whose it is. */
  name: string;
  unit: EvidenceUnit;
}

/** The evidence at the right edge of the curve: probabilities have a fixed scale, everything else the scan's most. */
export function fullScale({ values, unit }: Evidence): number {
  return unit === 'probability' ? 1 : Math.max(...values, 1e-9);
}

/** What the curve shows and how far it reaches, in words. */
export function scaleWords(evidence: Evidence): string {
  if (evidence.unit === 'probability') return 'P(COVID-19) of each slice, 0 to 1';
  const full = fullScale(evidence);
  if (evidence.unit === 'share') return `share of the evidence, 0 to ${full.toFixed(2)}`;
  return `ml in each slice, 0 to ${full.toFixed(full < 10 ? 1 : 0)}`;
}

/** Numbers of slices (1 is the most cranial), the worst first, each at least 10 mm from all before it. */
export function worstFirst(values: number[], sliceMm: number): number[] {
  const least = LEAST_SHARE * Math.max(0, ...values);
  const apart = Math.max(1, Math.round(APART_MM / sliceMm));
  const ranked = values.map((value, i) => ({ value, number: i + 1 })).filter(({ value }) => value > 0 && value >= least)
    .sort((a, b) => b.value - a.value);
  const taken: number[] = [];
  for (const { number } of ranked) if (taken.every((other) => Math.abs(other - number) >= apart)) taken.push(number);
  return taken;
}

/** The evidence of the system whose map is chosen, as long as that map speaks; else of what measured the infected volume. */
export function evidenceOf(
  { systems: found = {}, quantification }: AnalysisResults, map: { system: string } | null, systems: Systems,
): Evidence | null {
  const ofMap = map && found[map.system]?.slice_evidence;
  if (map && ofMap) return { values: ofMap, name: systems.title(map.system), unit: systems.evidence(map.system) };
  const values = quantification?.slice_evidence;
  return values ? { values, name: systems.title(quantification.source === 'density' ? 'density' : LESIONS), unit: 'ml' } : null;
}

/** Leads through the slices of a scan, those with most evidence first. */
export class WorstSlices {
  readonly changed = new Signal();
  private order: number[] = [];
  private values: number[] | null = null;
  private at = -1;

  constructor(private readonly grid: Grid, private readonly state: Store<ViewState>) {}

  /** Other evidence begins anew; the same goes on. Null: there is none, or it is hidden. */
  take(evidence: Evidence | null): void {
    if (this.values === (evidence?.values ?? null)) return;
    this.values = evidence?.values ?? null;
    this.order = this.values ? worstFirst(this.values, this.grid.sz) : [];
    this.at = -1;
    this.changed.emit();
  }

  /** The step that was taken last (0 before the first) and how many there are. */
  get place(): { at: number; of: number } {
    return { at: this.at + 1, of: this.order.length };
  }

  /** Goes to the next worst slice, or back to the one before. */
  step(direction: 1 | -1): void {
    if (this.order.length === 0) return;
    this.at = Math.min(this.order.length - 1, Math.max(0, this.at + direction));
    const number = this.order[this.at] ?? 1;
    this.state.set({ cursor: { ...this.state.value.cursor, z: this.grid.nz - number } });
    this.changed.emit();
  }
}
