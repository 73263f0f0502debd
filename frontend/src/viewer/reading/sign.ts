import { ApiError, json } from '../../shared/api';
import { Dialog } from '../../shared/dialog';
import { el } from '../../shared/dom';
import { percent, range } from '../../shared/format';
import { icon } from '../../shared/icons';
import type { Quantification, Reading } from '../../shared/types';
import type { RegionView } from '../regions/regions';
import { answerText, LOBES, severityTotal, VERDICT_WORDS } from './words';

export interface SignContent {
  title: string;
  /** Who signs, for the browser's password keeper. */
  email: string;
  reading: Reading;
  regions: RegionView[];
  quantification: Quantification | undefined;
}

function row(name: string, value: string, note = ''): HTMLElement {
  return el('tr', {}, el('th', { scope: 'row' }, name),
    el('td', {}, el('b', { class: 'w6' }, value), note ? el('span', { class: 't2' }, ` ${note}`) : null));
}

function verdictCounts(regions: RegionView[]): string {
  const judged = regions.filter((region) => !region.own && region.style !== 'pending');
  const counts = Object.entries(VERDICT_WORDS)
    .map(([verdict, word]) => [judged.filter((region) => region.style === verdict).length, word.toLowerCase()] as const)
    .filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const own = regions.filter((region) => region.own).length;
  if (own > 0) counts.push(`${own} of your own`);
  return counts.length > 0 ? counts.join(', ') : 'None';
}

function summary({ reading, regions, quantification }: SignContent): HTMLElement {
  const { answers, answers_before_ai: before } = reading;
  const { total } = severityTotal(answers.severity);
  const first = (field: 'co_rads' | 'diagnosis'): string =>
    before && before[field] !== answers[field] ? `first read: ${answerText(field, before[field])}` : '';
  return el('table', { class: 'sum' }, el('tbody', {},
    row('CO-RADS', answerText('co_rads', answers.co_rads), first('co_rads')),
    answers.co_rads === 6 ? row('PCR result', answerText('pcr', answers.pcr)) : null,
    row('CT severity', `${total} of 25`, LOBES.map((lobe) => answers.severity?.[lobe] ?? '–').join(' · ')),
    row('Diagnosis', answerText('diagnosis', answers.diagnosis), first('diagnosis')),
    row('Confidence', answerText('confidence', answers.confidence)),
    row('Regions', verdictCounts(regions), answers.nothing_else ? 'nothing else is infected' : ''),
    quantification?.infected_percent === undefined ? null : row('Infected volume', percent(quantification.infected_percent), asMeasured(quantification)),
    answers.note ? row('Note', answers.note) : null));
}

function asMeasured({ interval_percent: interval, spread }: Quantification): string {
  if (interval) return `as measured, calibrated 90 % interval ${range(interval)}`;
  return spread ? `as measured, spread ${range(spread)}` : 'as measured';
}

/** Repeats every answer and asks for the password; resolves with the signed reading, or null when closed. */
export async function signDialog(content: SignContent): Promise<Reading | null> {
  const { reading } = content;
  const password = el('input', { class: 'f', type: 'password', id: 'sign-password', autocomplete: 'current-password', 'data-testid': 'sign-password' });
  const error = el('div', { class: 'err', role: 'alert', 'data-testid': 'sign-error' });
  const back = el('button', { type: 'button', class: 'b' }, 'Go back');
  const sign = el('button', { type: 'submit', class: 'b p', form: 'sign-form', 'data-testid': 'sign-confirm' }, 'Sign');
  const form = el('form', { id: 'sign-form' }, summary(content),
    el('input', { type: 'text', autocomplete: 'username', value: content.email, hidden: true, readonly: true }),
    el('div', { class: 'al info' }, icon('info'),
      el('span', {}, 'Signed readings cannot be edited. They become labels for training. You can add an addendum later.')),
    el('label', { for: 'sign-password', class: 'gap2' }, 'Your password'), password, error);
  const dialog = new Dialog({
    title: 'Sign this reading?', subtitle: `${content.title} · revision ${reading.revision}`, body: [form], actions: [back, sign], testid: 'sign-dialog',
  });
  let signed: Reading | null = null;
  back.addEventListener('click', () => dialog.close());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    sign.disabled = true;
    json<Reading>(`readings/${reading.id}/sign/`, { method: 'POST', json: { password: password.value }, ifMatch: reading.revision })
      .then((answer) => {
        signed = answer;
        dialog.close();
      })
      .catch((problem: unknown) => {
        if (!(problem instanceof ApiError)) throw problem;
        sign.disabled = false;
        const missing = (problem.body['missing'] as Reading['missing'] | undefined)?.map((one) => one.sentence).join(' ');
        error.replaceChildren(icon('octagon'), missing || problem.sentence);
        password.select();
      });
  });
  await dialog.open(password).closed;
  return signed;
}
