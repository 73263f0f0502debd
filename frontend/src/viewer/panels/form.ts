import { el } from '../../shared/dom';
import { clock, day, percent } from '../../shared/format';
import type { Answers, Lobe, Quantification } from '../../shared/types';
import type { ReadingModel } from '../reading/model';
import { ANSWER_LABELS, answerText, CO_RADS, CONFIDENCES, DIAGNOSES, LOBES, PCR_RESULTS, SEVERITY_BOUNDS, severityTotal } from '../reading/words';
import { Check, Choice, Select } from './controls';

const CHOOSE: [string, string] = ['', 'Choose'];

/** The reading form: nothing is preset, every change is recorded at once. */
export class ReadingForm {
  private readonly coRads: Choice<number>;
  private readonly pcr: Choice<string>;
  private readonly severity = new Map<Lobe, { row: Choice<number>; ai: HTMLElement }>();
  private readonly diagnosis: Select;
  private readonly confidence: Select;
  private readonly note = el('textarea', { class: 'f note', id: 'note', 'data-testid': 'note', maxlength: 4000 });
  private readonly nothingElse: Check;
  private readonly coRadsWord = el('span', { class: 's12 t2', 'data-testid': 'co-rads-word' });
  private readonly total = el('span', { class: 's12 t2 num', 'data-testid': 'severity-total' });
  private readonly first = el('span', { class: 't3 s12' });
  private readonly pcrRow: HTMLElement;
  private readonly aiHead = el('span', { class: 't3 s11 end' });
  private readonly suggestion = el('p', { class: 't3 s12 gap', 'data-testid': 'severity-suggestion' });
  private readonly addenda = el('div', { class: 'addenda', 'data-testid': 'addenda' });
  private typing = 0;

  constructor(host: HTMLElement, private readonly model: ReadingModel) {
    this.coRads = new Choice({ class: 'cr', label: 'CO-RADS', testid: 'co-rads' },
      CO_RADS.map((word, i) => ({ value: i + 1, content: [String(i + 1)], title: word })), (value) => this.chooseCoRads(value));
    this.pcr = new Choice({ class: 'seg', label: 'PCR result', testid: 'pcr' },
      PCR_RESULTS.map(([value, word]) => ({ value, content: [word] })), (value) => model.setAnswer('pcr', value as Answers['pcr']));
    this.pcrRow = el('div', { class: 'gap row-x' }, el('span', { class: 'lab' }, 'PCR result'), this.pcr.element);
    this.diagnosis = new Select('Diagnosis', [CHOOSE, ...DIAGNOSES], (value) => model.setAnswer('diagnosis', value || undefined), 'diagnosis');
    this.confidence = new Select('Confidence', [CHOOSE, ...CONFIDENCES], (value) => model.setAnswer('confidence', value || undefined), 'confidence');
    this.nothingElse = new Check('Nothing else is infected', (on) => model.setAnswer('nothing_else', on), 'nothing-else');
    this.note.addEventListener('focus', () => (this.typing += 1));
    this.note.addEventListener('input', () => model.setAnswer('note', this.note.value, `note-${this.typing}`));
    host.append(this.build());
    model.changed.on(() => this.show());
    this.show();
  }

  private build(): HTMLElement {
    return el('div', { class: 'sec' },
      el('header', {}, el('h2', {}, 'Reading'), el('span', { class: 'sp' }), this.first),
      el('div', { class: 'row-x' }, el('span', { class: 'lab' }, 'CO-RADS'), el('span', { class: 'sp' }), this.coRadsWord),
      this.coRads.element, this.pcrRow,
      el('div', { class: 'row-x gap2' }, el('span', { class: 'lab' }, 'CT severity, % of lobe'), el('span', { class: 'sp' }), this.total),
      this.grid(), this.suggestion,
      el('div', { class: 'two' }, this.diagnosis.element, this.confidence.element),
      el('div', { class: 'gap2' }, this.nothingElse.element),
      el('div', { class: 'gap2' }, el('label', { for: 'note' }, 'Note'), this.note), this.addenda);
  }

  private grid(): HTMLElement {
    const head = [el('span', {}), ...SEVERITY_BOUNDS.map((bound) => el('span', { class: 't3 s11 mid-t' }, bound)), this.aiHead];
    const rows = LOBES.map((lobe) => {
      const row = new Choice<number>({ class: 'sg-r', label: `${lobe} severity`, testid: `severity-${lobe}` },
        SEVERITY_BOUNDS.map((bound, value) => ({
          value, content: [String(value)], label: `${lobe} severity ${value}`, title: `${bound} %`,
        })), (value) => this.score(lobe, value));
      const ai = el('span', { class: 't2 num end', 'data-testid': `severity-ai-${lobe}` });
      this.severity.set(lobe, { row, ai });
      return [el('span', { class: 't2' }, lobe), row.element, ai];
    });
    return el('div', { class: 'sg' }, ...head, ...rows.flat());
  }

  private chooseCoRads(value: number): void {
    this.model.setAnswer('co_rads', value);
    if (value !== 6 && this.model.answers.pcr) this.model.setAnswer('pcr', undefined);
  }

  private score(lobe: Lobe, value: number): void {
    this.model.setAnswer('severity', { ...this.model.answers.severity, [lobe]: value });
  }

  /**
   * The measured share per lobe and the score it suggests, beside the grid; undefined takes them away.
   * Nothing is filled in: the score is the reader's own. `method` names what measured.
   */
  showMeasured(quantification: Quantification | undefined, method: string | undefined): void {
    const { lobes, severity } = quantification ?? {};
    this.aiHead.textContent = severity ? 'AI · %' : lobes ? 'AI %' : '';
    for (const [lobe, { ai }] of this.severity) {
      const [share, score] = [lobes?.[lobe]?.infected_percent, severity?.lobes[lobe]];
      const measured = share === undefined ? '' : percent(share, 0);
      ai.replaceChildren(...(score === undefined ? [measured] : [el('b', { class: 'w6' }, String(score)), measured && ` · ${measured}`]));
      ai.title = score === undefined ? '' : `Suggested for ${lobe}: ${score}, from ${percent(share)} infected`;
    }
    this.suggestion.hidden = severity === undefined;
    this.suggestion.textContent = severity ? suggestionOf(severity, method) : '';
  }

  private show(): void {
    const { answers, readOnly, server } = this.model;
    this.coRads.show(answers.co_rads);
    this.coRads.enable(!readOnly);
    this.coRadsWord.textContent = answers.co_rads ? `${answers.co_rads} · ${CO_RADS[answers.co_rads - 1] ?? ''}` : '';
    this.pcrRow.hidden = answers.co_rads !== 6;
    this.pcr.show(answers.pcr);
    this.pcr.enable(!readOnly);
    for (const [lobe, { row }] of this.severity) {
      row.show(answers.severity?.[lobe]);
      row.enable(!readOnly);
    }
    const { total, scored } = severityTotal(answers.severity);
    this.total.textContent = scored === LOBES.length ? `${total} of 25` : `${scored} of 5 lobes scored`;
    this.diagnosis.show(answers.diagnosis);
    this.confidence.show(answers.confidence);
    this.nothingElse.show(answers.nothing_else ?? false);
    for (const input of [this.diagnosis.input, this.confidence.input, this.nothingElse.input, this.note]) input.disabled = readOnly;
    if (this.note.value !== (answers.note ?? '')) this.note.value = answers.note ?? '';
    this.first.textContent = this.firstRead(server.answers_before_ai);
    this.addenda.replaceChildren(...(server.addenda ?? []).map(({ text, at }) =>
      el('p', { class: 's12' }, el('span', { class: 't3' }, `Addendum, ${day(at)} ${clock(at, false)}. `), text)));
  }

  private firstRead(before: Answers | undefined): string {
    if (!before) return '';
    const words = [
      before.co_rads !== undefined ? `${ANSWER_LABELS['co_rads']} ${before.co_rads}` : '',
      before.diagnosis ? answerText('diagnosis', before.diagnosis) : '',
    ].filter(Boolean);
    return words.length > 0 ? `First read: ${words.join(', ')}` : '';
  }
}

function suggestionOf({ lobes, total }: NonNullable<Quantification['severity']>, method: string | undefined): string {
  const scored = Object.keys(lobes).length;
  const sum = total === undefined ? `${scored} of 5 lobes` : `${total} of 25`;
  return `AI suggests ${sum}${method ? `, measured by ${method}` : ''}. Nothing is filled in.`;
}
