import { aboveTools, el } from '../../shared/dom';
import { ml } from '../../shared/format';
import { LESIONS, type ViewState } from '../state';
import type { Store } from '../store';
import { LESION_TYPES, type LesionType } from './lesion-types';

/** The lesion types beside the image with their volumes; each can be switched off. Gone with the overlay. */
export class LesionLegend {
  readonly element = el('div', { class: 'lgd lgd-le', role: 'group', 'aria-label': 'Lesion types', 'data-testid': 'lesion-legend' });
  private volumes: Record<string, number> | null = null;

  constructor(private readonly state: Store<ViewState>) {
    aboveTools(this.element);
    state.on(() => this.show(), 'heatmap', 'source', 'aiHidden', 'plain', 'drawing', 'hiddenTypes');
    this.show();
  }

  /** Millilitres by type as the analysis gives them; null when no lesion types are shown. */
  available(volumes: Record<string, number> | null): void {
    this.volumes = volumes;
    this.show();
  }

  private show(): void {
    const { heatmap, source, aiHidden, plain, drawing } = this.state.value;
    this.element.hidden = !this.volumes || !heatmap || source !== LESIONS || aiHidden || plain || drawing !== null;
    if (this.element.hidden) return;
    const found = LESION_TYPES.filter(({ name }) => (this.volumes?.[name] ?? 0) > 0);
    this.element.replaceChildren(
      el('span', { class: 'lgd-h' }, 'Lesion types'),
      ...found.length > 0
        ? [...this.group(found.filter((type) => type.infected), 'Infected'),
          ...this.group(found.filter((type) => !type.infected), 'Not counted as infected')]
        : [el('span', { class: 'lgd-g' }, 'None found')]);
  }

  private group(types: LesionType[], title: string): HTMLElement[] {
    return types.length === 0 ? [] : [el('span', { class: 'lgd-g' }, title), ...types.map((type) => this.row(type))];
  }

  private row({ value, name, word, token }: LesionType): HTMLElement {
    const on = !this.state.value.hiddenTypes.has(value);
    const square = el('i', { class: 'sq' });
    square.style.background = `var(${token})`;
    const row = el('button', {
      type: 'button', class: 'lgd-r', 'aria-pressed': String(on), title: on ? `Hide ${word.toLowerCase()}` : `Show ${word.toLowerCase()}`,
      'data-testid': `lesion-type-${value}`,
    }, square, el('span', { class: 'sp' }, word), el('span', { class: 'num' }, ml(this.volumes?.[name] ?? 0)));
    row.addEventListener('click', () => this.toggle(value));
    return row;
  }

  private toggle(value: number): void {
    const hiddenTypes = new Set(this.state.value.hiddenTypes);
    if (!hiddenTypes.delete(value)) hiddenTypes.add(value);
    this.state.set({ hiddenTypes });
    this.element.querySelector<HTMLElement>(`[data-testid="lesion-type-${value}"]`)?.focus();
  }
}
