import type { Answers, Reading, RejectReason, VerdictName } from '../../shared/types';
import type { BoxMask } from '../masks/box-mask';
import { Signal } from '../store';

/** What the reader decided about one AI region; a redrawn one carries its mask. Null takes the verdict back. */
export type VerdictChange = { verdict: VerdictName; reason?: RejectReason; mask?: BoxMask } | null;

/** What an own region shall be; null removes it. `id` is absent until the server has made it. */
export type OwnChange = { id?: string; lesionValue?: number; mask?: BoxMask } | null;

export type AnswerField = keyof Answers;

/** A change that the server does not have yet. Keys: 'answer:note', 'verdict:<id>', 'own:<key>'. */
export interface Change {
  key: string;
  value: unknown;
  /** Grows with every edit, so that an edit made while saving is not taken for saved. */
  seq: number;
}

/** Changes kept until the server has them; the last value of each field wins. */
export class Changes {
  readonly changed = new Signal();
  private readonly kept = new Map<string, Change>();
  private seq = 0;

  set(key: string, value: unknown): void {
    this.seq += 1;
    this.kept.set(key, { key, value, seq: this.seq });
    this.changed.emit();
  }

  get(key: string): Change | undefined {
    return this.kept.get(key);
  }

  /** Forgets changes that the server now has, unless they were edited again meanwhile. */
  settle(saved: Change[]): void {
    for (const { key, seq } of saved) {
      if (this.kept.get(key)?.seq === seq) this.kept.delete(key);
    }
    this.changed.emit();
  }

  drop(keys: string[]): void {
    for (const key of keys) this.kept.delete(key);
    this.changed.emit();
  }

  get list(): Change[] {
    return [...this.kept.values()];
  }

  get count(): number {
    return this.kept.size;
  }

  /** Takes back what an earlier visit had kept. */
  restore(changes: { key: string; value: unknown }[]): void {
    for (const { key, value } of changes) this.set(key, value);
  }
}

/** The answers as the reader sees them: the server's with the kept changes over them. */
export function mergedAnswers(reading: Reading, changes: Change[]): Answers {
  const merged: Record<string, unknown> = { ...reading.answers };
  for (const { key, value } of changes) {
    if (!key.startsWith('answer:')) continue;
    const field = key.slice('answer:'.length);
    if (value === null || value === undefined) delete merged[field];
    else merged[field] = value;
  }
  return merged as Answers;
}
