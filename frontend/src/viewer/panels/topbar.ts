import { el, svg } from '../../shared/dom';
import { clock, day, plural } from '../../shared/format';
import { icon, type IconName } from '../../shared/icons';
import type { Me, Reading, Series, Study } from '../../shared/types';
import type { SaveStatus } from '../reading/autosave';

const GRADES: Record<string, [string, IconName, string]> = {
  full: ['ok', 'checkCircle', 'Geometry full'], limited: ['warn', 'triangle', 'Geometry limited'],
  unusable: ['bad', 'octagon', 'Geometry unusable'],
};

/** The save state in its exact words. */
export function saveWords(status: SaveStatus, unsaved: number, reading: Reading): string {
  if (status.state === 'read_only') {
    if (reading.state === 'signed') return `Read only. Signed ${reading.signed_at ? clock(reading.signed_at, false) : ''}`.trim();
    return `Read only. ${reading.reader.name} is reading`;
  }
  if (['offline', 'signed_out', 'conflict', 'refused'].includes(status.state)) {
    return `Not saved. ${plural(unsaved, 'change')} kept on this computer`;
  }
  if (status.state === 'saving' || status.state === 'waiting') return 'Saving';
  return status.savedAt ? `Saved ${clock(status.savedAt)}, revision ${status.revision}` : `Revision ${status.revision}`;
}

function logo(): SVGSVGElement {
  const lung = (d: string): SVGPathElement => svg('path', { d, fill: 'none', stroke: 'var(--ls-accent)', 'stroke-width': 1.7 });
  return svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    lung('M10.4 4v9.2c0 4.2-1.6 6.8-4.4 6.8-2 0-3.2-1.2-3.2-3.6C2.8 11.6 6 6 8.4 6c1.3 0 2 .8 2 2.2'),
    lung('M13.6 4v9.2c0 4.2 1.6 6.8 4.4 6.8 2 0 3.2-1.2 3.2-3.6C21.2 11.6 18 6 15.6 6c-1.3 0-2 .8-2 2.2'));
}

/** Patient, study, geometry, save state and the way to other studies. */
export class TopBar {
  private readonly save = el('span', { class: 't2 s12 row-x save', 'data-testid': 'save-state' });
  private readonly nearby = el('span', { class: 'row-x' });
  private readonly chip = el('span', { 'data-testid': 'geometry' });
  private readonly facts = el('span', { class: 't3 hide-s' });
  private readonly person = el('span', { class: 't2' });
  private readonly name = el('span', { class: 'mono' });

  constructor(host: HTMLElement, me: Me) {
    host.append(
      el('a', { class: 'skip b', href: '#main' }, 'Skip to the image'),
      el('a', { class: 'logo', href: '/worklist/', 'aria-label': 'Lungsight, back to worklist' }, logo()),
      el('a', { class: 'b q sm', href: '/worklist/' }, icon('chevronLeft'), 'Worklist'), el('span', { class: 'vsep' }),
      el('h1', {}, this.name), this.person, this.facts, this.chip, el('span', { class: 'sp' }), this.save, this.nearby,
      el('span', { class: 'avatar', role: 'img', 'aria-label': me.name }, me.initials));
  }

  showStudy(series: Series, study: Study | null, cohort: string): void {
    const patient = study?.patient;
    this.name.textContent = patient?.pseudonym ?? series.description;
    document.title = `${patient?.pseudonym ?? 'Series'} · Lungsight`;
    this.person.textContent = [patient?.sex, patient?.age].filter((part) => part !== undefined && part !== '').join(' ');
    const { shape: [slices] = [0], spacing_mm: [thick] = [0] } = series.volume ?? {};
    const size = series.volume ? `${slices} × ${thick?.toFixed(1)} mm` : '';
    this.facts.textContent = [series.description, day(study?.study_date), size, cohort && `Cohort ${cohort}`].filter(Boolean).join(' · ');
    const grade = GRADES[series.geometry?.grade ?? ''];
    if (!grade) return;
    const why = (series.geometry?.reasons ?? []).map((reason) => reason.sentence).join(' ');
    this.chip.className = `chip ${grade[0]}`;
    this.chip.title = why;
    this.chip.replaceChildren(icon(grade[1]), grade[2]);
  }

  showSave(status: SaveStatus, unsaved: number, reading: Reading): void {
    const words = saveWords(status, unsaved, reading);
    const lost = words.startsWith('Not saved');
    this.save.classList.toggle('lost', lost);
    this.save.title = status.message;
    this.save.dataset['state'] = status.state;
    this.save.replaceChildren(icon(lost ? 'cloudSlash' : words.startsWith('Read only') ? 'lock' : 'cloudCheck'), el('span', {}, words));
  }

  /** The way to the studies before and after this one. */
  showNearby(previous: string | undefined, next: string | undefined): void {
    const link = (href: string | undefined, label: string, arrow: string): HTMLElement =>
      href ? el('a', { class: 'b q sm ic', href, 'aria-label': label, title: label }, arrow)
        : el('button', { class: 'b q sm ic', disabled: true, 'aria-label': label }, arrow);
    this.nearby.replaceChildren(el('span', { class: 'vsep' }), link(previous, 'Previous study (Shift K)', '↑'),
      link(next, 'Next study (Shift J)', '↓'));
  }
}
