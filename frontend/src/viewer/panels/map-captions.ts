import { aboveTools, el, setText } from '../../shared/dom';
import type { ViewState } from '../state';
import type { Store } from '../store';
import type { PlaneView } from '../views/plane-view';
import { Select } from './controls';

/** What lies over each of two views side by side; the second one's map is chosen in its own corner. */
export class MapCaptions {
  private readonly first = el('span', { class: 'c tr1 cap', 'data-testid': 'caption-first' });
  private readonly second: Select;
  private names = new Map<string, string>();

  constructor(views: { axial: PlaneView; second: PlaneView }, private readonly state: Store<ViewState>) {
    this.second = new Select('Map of the second view', [], (beside) => state.set({ beside }), 'map-beside', true);
    const corner = el('div', { class: 'cap-s' }, this.second.element);
    aboveTools(corner);
    views.axial.element.append(this.first);
    views.second.element.append(corner);
    state.on(() => this.show(), 'layout', 'source', 'beside', 'heatmap', 'plain', 'drawing');
    this.show();
  }

  /** The maps by id with their names. */
  setSources(sources: [string, string][]): void {
    this.names = new Map(sources);
    this.second.setOptions(sources);
    this.show();
  }

  private show(): void {
    const { layout, source, beside, heatmap, plain, drawing } = this.state.value;
    this.first.hidden = layout !== 'pair' || !heatmap || plain || drawing !== null;
    setText(this.first, this.names.get(source ?? '') ?? '');
    for (const option of this.second.input.options) option.disabled = option.value === source;
    this.second.show(beside ?? undefined);
  }
}
