import type { Answers, Reading } from '../../shared/types';
import { BoxMask } from '../masks/box-mask';
import { Signal } from '../store';
import type { UndoStack } from '../undo';
import { Changes, mergedAnswers, type AnswerField, type OwnChange, type VerdictChange } from './changes';

/** An own region as the reader sees it. `key` stays the same while the server gives it an id. */
export interface OwnView {
  key: string;
  id?: string;
  label: string;
  lesionValue?: number;
}

/** The reading as the reader sees it: the server's version with the kept changes over it; every edit can be undone. */
export class ReadingModel {
  readonly changed = new Signal();
  readonly changes = new Changes();
  /** Masks drawn by the reader, by AI region id or own region key. */
  readonly masks = new Map<string, BoxMask>();
  /** Which server region each own region drawn in this visit became. */
  readonly ownIds = new Map<string, string>();
  private drawn = 0;

  constructor(public server: Reading, private readonly undoStack: UndoStack) {
    this.changes.changed.on(() => this.changed.emit());
  }

  get readOnly(): boolean {
    return !this.server.mine || this.server.state === 'signed';
  }

  /** Forgets the undo steps: they were made on a version that no longer stands. */
  forgetSteps(): void {
    this.undoStack.clear();
  }

  adopt(reading: Reading): void {
    this.server = reading;
    this.changed.emit();
  }

  get answers(): Answers {
    return mergedAnswers(this.server, this.changes.list);
  }

  /** Records an answer; undefined takes it back. Typing (`merge`) becomes one undo step. */
  setAnswer<F extends AnswerField>(field: F, value: Answers[F] | undefined, merge?: string): void {
    if (this.readOnly) return;
    const before = this.answers[field];
    if (before === value) return;
    const put = (to: unknown): void => this.changes.set(`answer:${field}`, to ?? null);
    put(value);
    this.undoStack.push({
      label: 'answer', undo: () => put(before), redo: () => put(value), ...(merge !== undefined && { merge }),
    });
  }

  verdict(region: string): VerdictChange {
    const kept = this.changes.get(`verdict:${region}`);
    if (kept) return kept.value as VerdictChange;
    const said = this.server.verdicts[region];
    if (!said) return null;
    const mask = this.masks.get(region);
    return {
      verdict: said.verdict, ...(said.reason && { reason: said.reason }),
      ...(said.verdict === 'redrawn' && mask && { mask }),
    };
  }

  /** Records a verdict as one undo step. */
  setVerdict(region: string, verdict: VerdictChange, label: string): void {
    if (this.readOnly) return;
    const before = this.verdict(region);
    this.putVerdict(region, verdict);
    this.undoStack.push({
      label, undo: () => this.putVerdict(region, before), redo: () => this.putVerdict(region, verdict),
    });
  }

  /** Records a verdict without an undo step: drawing keeps its own. */
  putVerdict(region: string, verdict: VerdictChange): void {
    if (verdict?.mask) this.masks.set(region, verdict.mask);
    this.changes.set(`verdict:${region}`, verdict);
  }

  /** The key of an own region known by its server id. */
  keyOf(id: string): string {
    return [...this.ownIds].find(([, known]) => known === id)?.[0] ?? id;
  }

  get own(): OwnView[] {
    const shown: OwnView[] = [];
    for (const region of this.server.own_regions) {
      const key = this.keyOf(region.id);
      if (this.changes.get(`own:${key}`)?.value === null) continue;
      const { id, label, lesion_value: lesionValue } = region;
      shown.push({ key, id, label, ...(lesionValue !== undefined && { lesionValue }) });
    }
    for (const { key, value } of this.changes.list) {
      const name = key.slice('own:'.length);
      if (!key.startsWith('own:') || value === null) continue;
      const { lesionValue } = value as NonNullable<OwnChange>;
      const known = shown.find((own) => own.key === name) ?? { key: name, label: this.nextLabel(shown) };
      if (lesionValue !== undefined) known.lesionValue = lesionValue;
      if (!shown.includes(known)) shown.push(known);
    }
    return shown;
  }

  private nextLabel(shown: OwnView[]): string {
    const numbers = shown.map((own) => Number(own.label.slice(1))).filter(Number.isFinite);
    return `N${Math.max(0, ...numbers) + 1}`;
  }

  /** Adds an empty own region and returns its key. */
  addOwn(): string {
    this.drawn += 1;
    const key = `new-${Date.now()}-${this.drawn}`;
    this.putOwn(key, BoxMask.empty());
    this.undoStack.push({
      label: 'region added', undo: () => this.changes.set(`own:${key}`, null),
      redo: () => this.putOwn(key, this.masks.get(key) ?? BoxMask.empty()),
    });
    return key;
  }

  putOwn(key: string, mask: BoxMask): void {
    this.masks.set(key, mask);
    this.changeOwn(key, { mask });
  }

  /** Adds to what is already waiting for this region, so that neither drawing nor kind gets lost. */
  private changeOwn(key: string, change: NonNullable<OwnChange>): void {
    const id = this.ownIds.get(key) ?? this.server.own_regions.find((region) => region.id === key)?.id;
    const waiting = (this.changes.get(`own:${key}`)?.value ?? {}) as NonNullable<OwnChange>;
    this.changes.set(`own:${key}`, { ...waiting, ...change, ...(id !== undefined && { id }) });
  }

  /** Says what an own region is (lesion values of the project). */
  setKind(key: string, value: number, label: string): void {
    const before = this.own.find((own) => own.key === key)?.lesionValue ?? value;
    if (this.readOnly || before === value) return;
    const put = (lesionValue: number): void => this.changeOwn(key, { lesionValue });
    put(value);
    this.undoStack.push({ label: `kind of ${label}`, undo: () => put(before), redo: () => put(value) });
  }

  removeOwn(key: string, label: string): void {
    if (this.readOnly) return;
    const mask = this.masks.get(key) ?? BoxMask.empty();
    const remove = (): void => this.changes.set(`own:${key}`, null);
    remove();
    this.undoStack.push({ label: `${label} deleted`, undo: () => this.putOwn(key, mask), redo: remove });
  }
}
