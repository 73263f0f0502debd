import type { Reading, Verdict } from '../../shared/types';
import type { Change, OwnChange, VerdictChange } from './changes';
import { ANSWER_LABELS, answerText, reasonWord, VERDICT_WORDS } from './words';

/** One field or region on which two versions differ. */
export interface Difference {
  key: string;
  label: string;
  mine: string;
  theirs: string;
}

function verdictText(verdict: Verdict | VerdictChange | undefined): string {
  if (!verdict) return 'No verdict';
  const word = VERDICT_WORDS[verdict.verdict];
  return verdict.reason ? `${word}, ${reasonWord(verdict.reason).toLowerCase()}` : word;
}

function sameAnswer(mine: unknown, theirs: unknown): boolean {
  const plain = (value: unknown): string =>
    value !== null && typeof value === 'object'
      ? JSON.stringify(Object.entries(value).filter(([, v]) => v !== null).sort())
      : JSON.stringify(value ?? null);
  return plain(mine) === plain(theirs) || (!mine && !theirs);
}

function differsInVerdict(mine: VerdictChange, theirs: Verdict | undefined): boolean {
  // Two drawings are compared by eye, never called equal.
  if (mine?.mask) return true;
  return mine?.verdict !== theirs?.verdict || mine?.reason !== theirs?.reason;
}

function ownText(own: OwnChange): string {
  return own ? 'Drawn here' : 'Removed here';
}

function difference(change: Change, theirs: Reading, names: (region: string) => string): Difference | null {
  const { key, value } = change;
  const name = key.slice(key.indexOf(':') + 1);
  if (key.startsWith('answer:')) {
    const other = (theirs.answers as Record<string, unknown>)[name];
    if (sameAnswer(value, other)) return null;
    return { key, label: ANSWER_LABELS[name] ?? name, mine: answerText(name, value), theirs: answerText(name, other) };
  }
  if (key.startsWith('verdict:')) {
    const mine = value as VerdictChange;
    const other = theirs.verdicts[name];
    if (!differsInVerdict(mine, other)) return null;
    return { key, label: names(name), mine: verdictText(mine), theirs: verdictText(other) };
  }
  const own = value as OwnChange;
  const kept = own?.id && theirs.own_regions.some((region) => region.id === own.id);
  return { key, label: names(name), mine: ownText(own), theirs: kept ? 'Another drawing' : 'Not there' };
}

/** Where the kept changes and the other version differ; empty when the server has them all. */
export function differences(changes: Change[], theirs: Reading, names: (region: string) => string): Difference[] {
  return changes.map((change) => difference(change, theirs, names)).filter((found) => found !== null);
}
