import { el, svg } from '../../shared/dom';
import { ml, percent, range } from '../../shared/format';
import type { AnalysisResults, Quantification, SegmentationKind, Side } from '../../shared/types';
import { LESION_TYPES } from '../overlay/lesion-types';
import { LOBES } from '../reading/words';
import type { Systems } from '../systems';

const ZONES: [string, string][] = [
  ['upper', 'Upper third'], ['middle', 'Middle third'], ['lower', 'Lower third'], ['subpleural', 'Subpleural'], ['central', 'Central'],
];
const SEGMENTATIONS: [SegmentationKind, string][] = [['lungs', 'Lungs'], ['lobes', 'Lobes'], ['lesions', 'Lesions']];

/** What found the infected voxels, in words; with its version where it has one. */
export function methodOf({ quantification, segmentation }: AnalysisResults): string | undefined {
  if (quantification?.source === 'lesions') return `the lesion network${segmentation?.lesions ? ` (${segmentation.lesions})` : ''}`;
  return quantification?.source === 'density' ? 'lung density' : undefined;
}

/** The range of the infected part in words: calibrated, or a mere spread; '' without one. */
export function rangeWords({ infected_percent: share, interval_percent: interval, spread }: Quantification): string {
  const [found, name] = interval ? [interval, 'calibrated 90 % interval'] : [spread, 'spread, not calibrated'];
  return found && share !== undefined ? `${share.toFixed(1)} % (${range(found)}), ${name}` : '';
}

/** The results' second section: infected volume by lung, lobe and zone, lesion types, and what measured. */
export class Volumes {
  /** Which foldable parts the reader has open. */
  private readonly open = new Set<string>(['types']);

  section(results: AnalysisResults, systems: Systems): HTMLElement {
    const { quantification: measured = {} } = results;
    const method = methodOf(results);
    return el('div', { class: 'sec', 'data-testid': 'infected' },
      el('header', {}, el('h2', {}, 'Infected volume'), el('span', { class: 'sp' }), el('span', { class: 't3 s12' }, 'before verdicts')),
      el('div', { class: 'lbt' }, ...this.shares(measured)),
      this.words(rangeWords(measured), 'infected-range'),
      this.words(method ? `Measured by ${method}.` : '', 'measured-by'),
      this.others(results, systems), this.types(measured), this.zones(measured), this.made(results));
  }

  private words(text: string, testid: string): HTMLElement | null {
    return text ? el('p', { class: 't3 s12 gap', 'data-testid': testid }, text) : null;
  }

  private shares(measured: Quantification): (HTMLElement | SVGElement)[] {
    const rows: [string, Side | undefined][] = [
      ...LOBES.map((lobe): [string, Side | undefined] => [lobe, measured.lobes?.[lobe]]),
      ['Right', measured.right], ['Left', measured.left], ['Lungs', measured],
    ];
    return rows.flatMap(([name, side]) => (side ? this.row(name, side) : []));
  }

  private row(name: string, side: Quantification): (HTMLElement | SVGElement)[] {
    if (side.infected_percent === undefined) return [];
    const share = Math.min(100, side.infected_percent);
    const total = name === 'Lungs';
    const bar = svg('svg', { viewBox: '0 0 200 14', preserveAspectRatio: 'none', class: 'vol', role: 'img', 'aria-label': `${name} ${percent(share)}` },
      svg('rect', { y: 3, width: 200, height: 8, rx: 1, fill: 'var(--ls-s-3)' }),
      svg('rect', { y: 3, width: 2 * share, height: 8, fill: total ? 'var(--ls-accent-fill)' : 'var(--ls-edge)' }),
      ...whisker(side.interval_percent));
    return [
      el('span', { class: total ? 'w6' : 't2' }, name), bar,
      el('b', { class: 'num w6 end', 'data-testid': `infected-${name.toLowerCase().replaceAll(' ', '-')}` }, percent(side.infected_percent)),
      el('span', { class: 'num t3 end' }, side.infected_ml === undefined ? '' : ml(side.infected_ml)),
    ];
  }

  /** What the systems measured by themselves, below what stands above; null where none of them did. */
  private others({ quantification: main = {}, systems: found = {} }: AnalysisResults, systems: Systems): HTMLElement | null {
    const own = Object.entries(found).flatMap(([name, { quantification }]): [string, Quantification][] =>
      (quantification && name !== main.source ? [[name, quantification]] : []));
    if (own.length === 0) return null;
    const all: [string, Quantification][] = [...(main.source ? [[main.source, main] as [string, Quantification]] : []), ...own];
    return el('div', { class: 'vol-by', 'data-testid': 'infected-by' }, this.words('Both lungs, as each method measures them', 'measured-by-each'),
      el('div', { class: 'lbt by' }, ...all.flatMap(([name, share]) => this.row(systems.title(name), share))));
  }

  private types({ types_ml: volumes }: Quantification): HTMLElement | null {
    if (!volumes) return null;
    const found = LESION_TYPES.filter(({ name }) => (volumes[name] ?? 0) > 0);
    return this.fold('types', 'Lesion types', found.length === 0 ? [this.words('None found.', 'no-types')] : found.map(({ name, word, token, infected }) => {
      const square = el('i', { class: 'sq' });
      square.style.background = `var(${token})`;
      return el('div', { class: 'row-x s12' }, el('span', {}, square, word), el('span', { class: 't3 sp' }, infected ? '' : 'not counted as infected'),
        el('span', { class: 'num t2', 'data-testid': `type-${name.replace(' ', '-')}` }, ml(volumes[name] ?? 0)));
    }));
  }

  private zones({ zones }: Quantification): HTMLElement | null {
    if (!zones) return null;
    return this.fold('zones', 'Zones of the lungs', [el('div', { class: 'lbt zones' }, ...ZONES.flatMap(([zone, word]) => this.row(word, zones[zone] ?? {})))]);
  }

  private made({ segmentation }: AnalysisResults): HTMLElement | null {
    const lines = SEGMENTATIONS.flatMap(([kind, word]) => (segmentation?.[kind] ? [`${word}: ${segmentation[kind]}`] : []));
    return lines.length > 0 ? this.fold('made', 'Segmentation', [this.words(lines.join('. '), 'segmentation')]) : null;
  }

  private fold(name: string, title: string, body: (HTMLElement | null)[]): HTMLElement {
    const part = el('details', { class: 'fold', open: this.open.has(name), 'data-testid': `fold-${name}` },
      el('summary', { class: 's12 t2' }, title), ...body);
    part.addEventListener('toggle', () => (part.open ? this.open.add(name) : this.open.delete(name)));
    return part;
  }
}

/** The calibrated interval over a bar of 200 units; a range that is not calibrated has none. */
function whisker(interval: [number, number] | undefined): SVGElement[] {
  if (!interval) return [];
  const [low, high] = interval.map((value) => 2 * Math.min(100, Math.max(0, value))) as [number, number];
  return [svg('path', {
    d: `M${low} 7H${high}M${low} 3.5V10.5M${high} 3.5V10.5`, stroke: 'var(--ls-text)', 'stroke-width': 1.5, fill: 'none',
    'vector-effect': 'non-scaling-stroke', class: 'whisker',
  })];
}
