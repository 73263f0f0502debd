import { el } from '../../shared/dom';
import { ml, percent, plural } from '../../shared/format';
import { icon } from '../../shared/icons';
import type { RejectReason, VerdictName } from '../../shared/types';
import { viridisCss } from '../overlay/colormap';
import { LESION_KINDS, reasonWord, REASONS } from '../reading/words';
import type { RegionOrder, Regions, RegionView } from '../regions/regions';
import type { ViewState } from '../state';
import type { Store } from '../store';
import { Select } from './controls';
import type { RegionFilter } from './region-filter';
import type { Thumbnails } from './thumbnails';

export interface RegionActions {
  select(id: string): void;
  verdict(id: string, verdict: VerdictName): void;
  reason(id: string, reason: RejectReason): void;
  add(): void;
  remove(id: string): void;
  redraw(id: string): void;
  kind(id: string, lesionValue: number): void;
  acceptLeft(): void;
}

const BUTTONS: [VerdictName, string, string][] = [
  ['accepted', 'A', 'Accept'], ['rejected', 'R', 'Reject'], ['redrawn', 'E', 'Redraw'], ['unsure', 'U', 'Unsure'],
];
const ORDERS: [RegionOrder, string][] = [
  ['size', 'Largest first'], ['lobe', 'By place'], ['evidence', 'Most evidence'], ['open', 'Not judged first'],
];
const LEGEND: [string, string, string][] = [
  ['No verdict', 'pending', '6 3'], ['Accepted', 'accepted', ''], ['Redrawn', 'edited', ''], ['Unsure', 'unsure', '5 3'],
  ['Rejected', 'rejected', '1.5 3'], ['Own', 'own', ''],
];

/** The list of regions with their verdict buttons. */
export class RegionList {
  private readonly list = el('ol', { class: 'rgs', 'data-testid': 'regions' });
  private readonly count = el('span', { class: 'chip', 'data-testid': 'judged' });
  private readonly bar = el('i', {});
  private readonly empty = el('p', { class: 't3 rg-empty' });
  private readonly left = el('button', { type: 'button', class: 'b q sm', 'data-testid': 'accept-left' }, 'Accept all left…');
  private readonly infected = el('div', { class: 'only-s rg-inf', 'data-testid': 'infected-summary' });
  private readonly addButton: HTMLButtonElement;
  private order: RegionOrder = 'size';
  private pictures = new Map<string, { key: string; canvas: HTMLCanvasElement | null }>();
  /** Region whose reject reasons are shown. */
  private asking: string | null = null;

  constructor(
    host: HTMLElement, private readonly regions: Regions, private readonly state: Store<ViewState>,
    private readonly filter: RegionFilter, private readonly thumbnails: Thumbnails, private readonly actions: RegionActions,
    private readonly title: (system: string) => string, private readonly emptyText: () => string, private readonly readOnly: () => boolean,
  ) {
    this.addButton = el('button', { type: 'button', class: 'b sm', 'data-testid': 'add-region' },
      icon('plus'), 'Add region ', el('span', { class: 'k' }, 'N'));
    this.addButton.addEventListener('click', () => actions.add());
    this.left.addEventListener('click', () => actions.acceptLeft());
    const order = new Select('Order', ORDERS, (value) => {
      this.order = value as RegionOrder;
      this.render();
    }, 'region-order', true);
    host.append(
      this.infected, el('header', { class: 'rg-h' }, el('h2', {}, 'Regions'), this.count, el('span', { class: 'sp' }), order.element),
      el('div', { class: 'pb' }, this.bar), filter.element, el('div', { class: 'rg-scroll' }, this.list, this.empty,
        el('div', { class: 'row-x rg-more' }, this.addButton, this.left)), this.legend());
    state.on(() => this.render(), 'selected', 'aiHidden', 'drawing', 'regionSystem');
  }

  private legend(): HTMLElement {
    const line = (dash: string, token: string): SVGSVGElement => {
      const holder = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
      holder.setAttribute('viewBox', '0 0 26 8');
      holder.setAttribute('class', 'ln');
      holder.setAttribute('aria-hidden', 'true');
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      path.setAttribute('d', 'M1 4H25');
      path.setAttribute('stroke', `var(--ls-rg-${token})`);
      path.setAttribute('stroke-width', '2.5');
      path.setAttribute('stroke-dasharray', dash);
      holder.append(path);
      return holder;
    };
    return el('div', { class: 'lg rg-legend hide-s' },
      ...LEGEND.map(([word, token, dash]) => el('span', { class: 'row-x' }, line(dash, token), word)));
  }

  /** The measured share above the list, for narrow screens where the results are behind a tab. */
  showInfected(share: number | undefined): void {
    this.infected.textContent = share === undefined ? '' : `${percent(share)} infected`;
  }

  /** Regions in the order of the list, as J and K walk through them. */
  get visible(): RegionView[] {
    const { aiHidden, regionSystem } = this.state.value;
    return this.regions.sorted(this.order, regionSystem).filter((region) => region.own || !aiHidden);
  }

  /** Shows the six reasons under a region; null hides them. */
  ask(id: string | null): void {
    this.asking = id;
    this.render();
  }

  get askedFor(): string | null {
    return this.asking;
  }

  /** Pictures have to be made again: slices arrived or the heatmap changed. */
  refreshPictures(): void {
    this.pictures.clear();
    this.render();
  }

  render(): void {
    const { done, all } = this.regions.judged;
    this.count.textContent = all > 0 ? `${done} of ${all} judged` : plural(this.visible.length, 'region');
    this.bar.style.width = all > 0 ? `${(100 * done) / all}%` : '0';
    this.filter.render();
    const visible = this.visible;
    this.empty.textContent = visible.length === 0 ? this.emptyText() : '';
    this.empty.hidden = visible.length > 0;
    this.left.hidden = this.readOnly() || !visible.some((region) => region.style === 'pending');
    this.addButton.disabled = this.readOnly();
    const focused = (document.activeElement as HTMLElement | null)?.dataset['focus'];
    this.list.replaceChildren(...visible.map((region) => this.row(region)));
    if (focused) this.list.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Scrolls the list to the selected row. */
  reveal(id: string): void {
    this.list.querySelector(`[data-region="${CSS.escape(id)}"]`)?.scrollIntoView({ block: 'nearest' });
  }

  private row(region: RegionView): HTMLElement {
    const { selected } = this.state.value;
    const current = region.id === selected;
    const item = el('li', {
      class: current ? 'rg cur' : 'rg', 'data-region': region.id, 'data-testid': `region-${region.label}`,
      'data-verdict': region.style, 'aria-current': current ? 'true' : null,
    }, this.picture(region), this.words(region), region.own ? this.ownButtons(region) : this.verdictButtons(region));
    item.addEventListener('click', (event) => {
      if (!(event.target as Element).closest('.vd, .rr, select')) this.actions.select(region.id);
    });
    if (this.asking === region.id) item.append(this.reasons(region));
    if (region.own && current && !this.readOnly()) item.append(this.kinds(region));
    return item;
  }

  private picture(region: RegionView): HTMLElement {
    const key = `${region.slice}/${region.source.version}`;
    const kept = this.pictures.get(region.id);
    const holder = el('div', { class: 'rg-pic' });
    let canvas = kept?.key === key || this.state.value.drawing === region.id ? kept?.canvas : undefined;
    if (!canvas) {
      canvas = this.thumbnails.region(region);
      this.pictures.set(region.id, { key, canvas });
    }
    if (canvas) holder.append(canvas);
    return holder;
  }

  private words(region: RegionView): HTMLElement {
    const name = el('button', { type: 'button', class: 'rg-n', 'data-focus': `name-${region.id}` },
      el('b', { class: 'w6' }, region.short), ` ${region.place} `, el('b', { class: 'w6 num', 'data-testid': 'region-ml' }, ml(region.ml)));
    const square = el('i', { class: 'sq' });
    square.style.background = region.type ? `var(${region.type.token})`
      : region.evidence === undefined ? 'var(--ls-rg-own)' : viridisCss(region.evidence);
    const strength = region.type?.word ?? region.evidence?.toFixed(2) ?? 'drawn by you';
    const numbered = region.label !== region.short && this.state.value.regionSystem === null;
    const place = region.ml === 0 ? ['nothing drawn yet']
      : region.type ? [strength, el('br'), `slice ${region.slice}`]
        : numbered ? [`${strength} · ${this.title(region.system ?? '')}`, el('br'), `slice ${region.slice}`] : [`${strength} · slice ${region.slice}`];
    const third = region.style === 'rejected' ? reasonWord(region.reason) || 'Reason missing'
      : region.wasMl !== undefined ? `was ${ml(region.wasMl)}` : region.style === 'unsure' ? 'for second reader' : '';
    return el('div', { class: 'm' }, name,
      el('div', { class: 't2 num' }, square, ...place),
      third ? el('div', { class: 't2' }, third) : null);
  }

  private verdictButtons(region: RegionView): HTMLElement {
    const icons = { accepted: 'check', rejected: 'x', redrawn: 'pencil', unsure: 'question' } as const;
    return el('div', { class: 'vd', role: 'group', 'aria-label': `Verdict on ${region.label}` },
      ...BUTTONS.map(([verdict, letter, word]) => {
        const on = region.style === verdict;
        const button = el('button', {
          type: 'button', class: letter, 'aria-pressed': String(on), 'aria-label': `${word} ${region.label}`,
          title: `${word} (${letter})`, disabled: this.readOnly(), 'data-focus': `${letter}-${region.id}`,
          'data-testid': `verdict-${letter}-${region.label}`,
        }, on ? icon(icons[verdict]) : letter);
        button.addEventListener('click', () => this.actions.verdict(region.id, verdict));
        return button;
      }));
  }

  private ownButtons(region: RegionView): HTMLElement {
    const edit = el('button', {
      type: 'button', class: 'E', 'aria-label': `Redraw ${region.label}`, title: 'Redraw (E)', disabled: this.readOnly(),
    }, icon('pencil'));
    const remove = el('button', {
      type: 'button', class: 'X', 'aria-label': `Delete ${region.label}`, title: 'Delete', disabled: this.readOnly(),
      'data-testid': `delete-${region.label}`,
    }, icon('trash'));
    edit.addEventListener('click', () => this.actions.redraw(region.id));
    remove.addEventListener('click', () => this.actions.remove(region.id));
    return el('div', { class: 'vd' }, edit, remove);
  }

  /** What the reader's own region is. */
  private kinds(region: RegionView): HTMLElement {
    const choices = LESION_KINDS.map(([value, word]): [string, string] => [String(value), word]);
    const select = new Select(`Kind of ${region.label}`, choices, (value) => this.actions.kind(region.id, Number(value)), `kind-${region.label}`, true);
    select.show(String(region.lesionValue ?? 4));
    return el('div', { class: 'rr' }, select.element);
  }

  private reasons(region: RegionView): HTMLElement {
    return el('div', { class: 'rr', role: 'radiogroup', 'aria-label': `Why is ${region.label} rejected?` },
      ...REASONS.map(([reason, word], i) => {
        const button = el('button', {
          type: 'button', role: 'radio', 'aria-checked': String(region.reason === reason), 'data-testid': `reason-${reason}`,
        }, i < 6 ? el('span', { class: 'k' }, String(i + 1)) : null, word);
        button.addEventListener('click', () => this.actions.reason(region.id, reason));
        return button;
      }));
  }
}
