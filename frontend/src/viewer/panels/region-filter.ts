import { el } from '../../shared/dom';
import { plural } from '../../shared/format';
import type { Regions } from '../regions/regions';
import type { ViewState } from '../state';
import type { Store } from '../store';
import { Select } from './controls';

const EVERY = '';

/** Whose regions are listed and outlined. It never hides any without saying how many, and how many are open. */
export class RegionFilter {
  readonly element: HTMLElement;
  private readonly select: Select;
  private readonly hidden = el('span', { 'data-testid': 'regions-hidden' });
  private readonly all = el('button', { type: 'button', class: 'b q sm', 'data-testid': 'regions-all' }, 'Show all');
  private readonly notice = el('p', { class: 'rg-hid s12' }, this.hidden, this.all);
  private readonly key: string;
  /** The choices as they stand in the menu: it is not built anew while somebody has it open. */
  private offered = '';

  constructor(
    private readonly state: Store<ViewState>, private readonly regions: Regions, reader: string,
    private readonly title: (system: string) => string,
  ) {
    this.key = `lungsight-regions-of-${reader}`;
    this.select = new Select('Regions of', [], (system) => this.choose(system), 'region-system', true);
    this.all.addEventListener('click', () => this.choose(EVERY));
    this.element = el('div', { class: 'rg-f', 'data-testid': 'region-filter' }, this.select.element, this.notice);
    this.render();
  }

  /** The systems that point at regions of this study, in the order in which the regions came. */
  private get systems(): string[] {
    return [...new Set(this.regions.all.flatMap(({ system }) => system ?? []))];
  }

  /** Goes back to the reader's last choice, when this study has regions of that system beside others. */
  restore(): void {
    const kept = localStorage.getItem(this.key);
    const { systems } = this;
    this.state.set({ regionSystem: kept !== null && systems.length > 1 && systems.includes(kept) ? kept : null });
    this.render();
  }

  private choose(system: string): void {
    if (system === EVERY) localStorage.removeItem(this.key);
    else localStorage.setItem(this.key, system);
    this.state.set({ regionSystem: system === EVERY ? null : system });
  }

  render(): void {
    const { regionSystem, aiHidden } = this.state.value;
    const { systems } = this;
    const found = this.regions.all.filter(({ own }) => !own);
    this.element.hidden = aiHidden || systems.length < 2;
    this.offer([[EVERY, `All systems (${found.length})`], ...systems.map((name): [string, string] =>
      [name, `${this.title(name)} (${found.filter(({ system }) => system === name).length})`])]);
    this.select.show(regionSystem ?? EVERY);
    const others = found.filter(({ system }) => regionSystem !== null && system !== regionSystem);
    const open = others.filter(({ style }) => style === 'pending').length;
    this.notice.hidden = others.length === 0;
    this.hidden.textContent = `${plural(others.length, 'region')} of other systems hidden${open > 0 ? `, ${open} without verdict` : ''}.`;
    this.notice.classList.toggle('is-warn', open > 0);
  }

  private offer(choices: [string, string][]): void {
    const offered = JSON.stringify(choices);
    if (offered !== this.offered) this.select.setOptions(choices);
    this.offered = offered;
  }
}
