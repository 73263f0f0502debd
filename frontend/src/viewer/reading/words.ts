import type { Answers, Lobe, RejectReason, VerdictName } from '../../shared/types';

/** Words and choices of the reading form, the same on every part of the page. */

export const LOBES: Lobe[] = ['RUL', 'RML', 'RLL', 'LUL', 'LLL'];
export const SEVERITY_BOUNDS = ['0', '<5', '5–25', '26–49', '50–75', '>75'];
export const CO_RADS = ['Very low', 'Low', 'Equivocal', 'High', 'Very high', 'Proven'];

export const DIAGNOSES: [string, string][] = [
  ['COVID-19', 'COVID-19'], ['CAP', 'CAP'], ['other', 'Other'], ['NP', 'No pneumonia'],
];
export const CONFIDENCES: [string, string][] = [
  ['certain', 'Certain'], ['confident', 'Confident'], ['unsure', 'Unsure'],
];
export const PCR_RESULTS: [string, string][] = [
  ['positive', 'Positive'], ['negative', 'Negative'], ['unknown', 'Not known'],
];
export const REASONS: [RejectReason, string][] = [
  ['vessel', 'Vessel'], ['motion', 'Motion'], ['atelectasis', 'Atelectasis'], ['effusion', 'Effusion'],
  ['fibrosis', 'Fibrosis'], ['outside_lung', 'Outside lung'], ['other', 'Other'],
];
export const VERDICT_WORDS: Record<VerdictName, string> = {
  accepted: 'Accepted', rejected: 'Rejected', redrawn: 'Redrawn', unsure: 'Unsure',
};
export const LESION_KINDS: [number, string][] = [
  [1, 'Ground glass'], [2, 'Crazy paving'], [3, 'Consolidation'], [4, 'Combined or not known'],
];

function choice(choices: [string, string][], value: unknown): string {
  return choices.find(([code]) => code === value)?.[1] ?? '–';
}

export function reasonWord(reason: RejectReason | undefined): string {
  return REASONS.find(([code]) => code === reason)?.[1] ?? '';
}

/** Sum of the five lobes, 0 to 25, and how many lobes are scored. */
export function severityTotal(severity: Answers['severity']): { total: number; scored: number } {
  const values = LOBES.map((lobe) => severity?.[lobe]).filter((value) => value !== undefined);
  return { total: values.reduce((sum, value) => sum + value, 0), scored: values.length };
}

/** One answer as a person reads it; an en dash where there is none. */
export function answerText(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '–';
  if (field === 'co_rads') return `${Number(value)}, ${(CO_RADS[Number(value) - 1] ?? '').toLowerCase()}`;
  if (field === 'severity') {
    const severity = value as NonNullable<Answers['severity']>;
    return LOBES.map((lobe) => `${lobe} ${severity[lobe] ?? '–'}`).join(', ');
  }
  if (field === 'diagnosis') return choice(DIAGNOSES, value);
  if (field === 'confidence') return choice(CONFIDENCES, value);
  if (field === 'pcr') return choice(PCR_RESULTS, value);
  if (field === 'nothing_else') return value ? 'Ticked' : 'Not ticked';
  return String(value);
}

export const ANSWER_LABELS: Record<string, string> = {
  co_rads: 'CO-RADS', pcr: 'PCR result', severity: 'CT severity', diagnosis: 'Diagnosis', confidence: 'Confidence',
  note: 'Note', nothing_else: 'Nothing else is infected',
};
