import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';
import { clock } from '../../shared/format';
import { WINDOW_PRESETS, type Layout, type Tool, type ViewState } from '../state';
import type { Store } from '../store';
import type { UndoStack } from '../undo';
import { Choice, toolButton } from './controls';

export interface ToolbarActions {
  tool(tool: Tool): void;
  undo(): void;
  redo(): void;
  keys(): void;
  showAi(show: boolean): void;
  /** Two maps side by side. */
  compare(): void;
}

/** How the AI switch stands. */
export interface AiSwitch {
  /** 'never': the cohort reads without AI; 'first': hidden until revealed; 'free': shown, may be hidden. */
  mode: 'never' | 'first' | 'free';
  shown: boolean;
  since?: string;
}

const IMAGE_TOOLS: [Tool, 'circleHalf' | 'arrowsMove' | 'zoomIn' | 'crosshair', string][] = [
  ['window', 'circleHalf', 'Window and level (W)'], ['pan', 'arrowsMove', 'Pan (P)'],
  ['zoom', 'zoomIn', 'Zoom (Z)'], ['crosshair', 'crosshair', 'Crosshair (X)'],
];
const DRAW_TOOLS: [Tool, 'brush' | 'eraser', string][] = [
  ['brush', 'brush', 'Brush (D)'], ['eraser', 'eraser', 'Eraser, or hold Ctrl (Shift D)'],
];

/** The 42 px line of tools. */
export class Toolbar {
  readonly element: HTMLElement;
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly layout: Choice<Layout>;
  private readonly presets: Choice<string>;
  private readonly ai: Choice<'hidden' | 'shown'>;
  private readonly window = el('span', { class: 't3 s12 num hide-s', 'data-testid': 'window-text' });
  private readonly since = el('span', { class: 'hide-s' });

  constructor(private readonly state: Store<ViewState>, undo: UndoStack, private readonly actions: ToolbarActions) {
    this.layout = new Choice({ class: 'seg', label: 'Layout', testid: 'layout' }, [
      { value: 'one', content: [icon('square')], label: 'One view (M)', title: 'One view (M)' },
      { value: 'three', content: [icon('grid')], label: 'Three planes (M)', title: 'Three planes (M)' },
      { value: 'pair', content: [icon('layoutSplit')], label: 'Two maps side by side (B)', title: 'Two maps side by side (B)' },
    ], (layout) => (layout === 'pair' ? actions.compare() : state.set({ layout })));
    this.presets = new Choice({ class: 'seg', label: 'Window preset', testid: 'window' }, WINDOW_PRESETS.map(
      ({ name }, i) => ({ value: name, content: [name], title: `${name} window (Shift ${i + 1})` })),
      (name) => this.preset(name));
    this.ai = new Choice({ class: 'seg', label: 'AI results', testid: 'ai' }, [
      { value: 'hidden', content: [icon('eyeSlash'), 'AI hidden'] },
      { value: 'shown', content: [icon('eye'), 'AI shown', this.since], title: 'Show or hide AI (F2)' },
    ], (value) => actions.showAi(value === 'shown'));
    this.element = el('div', { class: 'tbx', role: 'toolbar', 'aria-label': 'Viewer tools' },
      this.layout.element, this.separator(), this.group(IMAGE_TOOLS), this.separator(), this.group(DRAW_TOOLS),
      this.separator(), this.history(undo), this.separator(), this.presets.element, this.window,
      el('span', { class: 'sp' }), this.ai.element,
      toolButton('keyboard', 'All keys (?)', () => actions.keys(), 'keys'));
    state.on(() => this.show(), 'layout', 'tool', 'window');
    this.show();
  }

  private separator(): HTMLElement {
    return el('span', { class: 'vsep' });
  }

  private group(tools: typeof IMAGE_TOOLS | typeof DRAW_TOOLS): HTMLElement {
    return el('div', { class: 'tg' }, ...tools.map(([tool, name, label]) => {
      const button = toolButton(name, label, () => this.actions.tool(tool), `tool-${tool}`);
      this.tools.set(tool, button);
      return button;
    }));
  }

  private history(undo: UndoStack): HTMLElement {
    const back = toolButton('arrowCounterclockwise', 'Undo (Ctrl Z)', () => this.actions.undo(), 'undo');
    const again = toolButton('arrowClockwise', 'Redo (Ctrl Y)', () => this.actions.redo(), 'redo');
    const show = (): void => {
      back.disabled = undo.next === null;
      again.disabled = undo.nextRedo === null;
      back.title = undo.next ? `Undo ${undo.next} (Ctrl Z)` : 'Undo (Ctrl Z)';
    };
    undo.changed.on(show);
    show();
    return el('div', { class: 'tg' }, back, again);
  }

  private preset(name: string): void {
    const preset = WINDOW_PRESETS.find((known) => known.name === name);
    if (preset) this.state.set({ window: preset.window });
  }

  private show(): void {
    const { layout, tool, window } = this.state.value;
    this.layout.show(layout);
    for (const [name, button] of this.tools) button.setAttribute('aria-pressed', String(name === tool));
    const preset = WINDOW_PRESETS.find((known) => known.window.width === window.width && known.window.level === window.level);
    this.presets.show(preset?.name);
    this.window.textContent = `W ${window.width} · L ${String(window.level).replace('-', '−')}`;
  }

  /** Whether drawing is possible at all. */
  allowDrawing(allowed: boolean): void {
    for (const [tool] of DRAW_TOOLS) {
      const button = this.tools.get(tool);
      if (button) button.disabled = !allowed;
    }
  }

  /** Whether there are two maps to set side by side. */
  allowPair(allowed: boolean): void {
    const button = this.layout.button('pair');
    if (button) button.hidden = !allowed;
  }

  showAi({ mode, shown, since }: AiSwitch): void {
    this.ai.element.hidden = mode === 'never';
    this.ai.show(shown ? 'shown' : 'hidden');
    const word = this.ai.button('shown');
    word?.replaceChildren(icon('eye'), mode === 'first' ? 'Show AI' : 'AI shown', this.since);
    if (mode === 'first') word?.append(el('span', { class: 'k' }, 'F2'));
    this.since.textContent = shown && since ? ` since ${clock(since, false)}` : '';
  }
}
