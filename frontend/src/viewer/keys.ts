import { dialogOpen } from '../shared/dialog';
import { isTyping } from '../shared/dom';

/** What a key does; `event.repeat` is the key held down. */
export interface KeyActions {
  step(slices: number): void;
  end(end: 'first' | 'last'): void;
  region(direction: 1 | -1): void;
  study(direction: 1 | -1): void;
  resetView(): void;
  tool(name: 'window' | 'pan' | 'zoom' | 'crosshair' | 'brush' | 'eraser'): void;
  window(index: number): void;
  layout(): void;
  heatmap(): void;
  /** From heatmap to lesion types and back. */
  source(): void;
  /** Two maps side by side, and back. */
  compare(): void;
  /** The next slice with most evidence, or the one before. */
  worst(direction: 1 | -1): void;
  plain(on: boolean): void;
  opacity(direction: 1 | -1): void;
  brush(direction: 1 | -1): void;
  accept(): void;
  reject(): void;
  /** Digit 1-6 while reasons are asked for; false when they are not. */
  reason(index: number): boolean;
  redraw(): void;
  unsure(): void;
  add(): void;
  remove(): void;
  keep(): boolean;
  cancel(): void;
  undo(): void;
  redo(): void;
  save(): void;
  sign(): void;
  ai(): void;
  help(): void;
}

type Run = (actions: KeyActions) => void;

const WITH_CTRL: Record<string, Run> = {
  z: (a) => a.undo(), y: (a) => a.redo(), s: (a) => a.save(), Enter: (a) => a.sign(),
};

const PLAIN: Record<string, Run> = {
  PageUp: (a) => a.step(-10), PageDown: (a) => a.step(10), Home: (a) => a.end('first'), End: (a) => a.end('last'),
  j: (a) => a.region(1), k: (a) => a.region(-1), J: (a) => a.study(1), K: (a) => a.study(-1), 0: (a) => a.resetView(),
  w: (a) => a.tool('window'), p: (a) => a.tool('pan'), z: (a) => a.tool('zoom'), x: (a) => a.tool('crosshair'),
  d: (a) => a.tool('brush'), D: (a) => a.tool('eraser'), m: (a) => a.layout(), h: (a) => a.heatmap(), t: (a) => a.source(),
  b: (a) => a.compare(), '.': (a) => a.worst(1), ',': (a) => a.worst(-1),
  '-': (a) => a.opacity(-1), '=': (a) => a.opacity(1), '[': (a) => a.brush(-1), ']': (a) => a.brush(1),
  a: (a) => a.accept(), r: (a) => a.reject(), e: (a) => a.redraw(), u: (a) => a.unsure(), n: (a) => a.add(),
  Delete: (a) => a.remove(), F2: (a) => a.ai(), '?': (a) => a.help(),
};

/** Keys that a focused control needs for itself. */
function ownedByControl(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === 'range') return key.startsWith('Arrow') || ['Home', 'End', 'PageUp', 'PageDown'].includes(key);
  const pressable = target.closest('button, a, summary, input');
  return pressable !== null && (key === ' ' || key === 'Enter');
}

function run(actions: KeyActions, event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey) {
    const found = WITH_CTRL[event.key] ?? (event.shiftKey && event.key === 'Z' ? WITH_CTRL['y'] : undefined);
    found?.(actions);
    return found !== undefined;
  }
  if (event.altKey) return false;
  if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
    actions.step(event.key === 'ArrowUp' ? -1 : 1);
    return true;
  }
  if (event.key === ' ') {
    actions.plain(true);
    return true;
  }
  if (event.key === 'Enter') return actions.keep();
  if (event.key === 'Escape') {
    actions.cancel();
    return true;
  }
  const digit = /^Digit([1-6])$/.exec(event.code)?.[1];
  if (digit && event.shiftKey) {
    if (Number(digit) <= 3) actions.window(Number(digit) - 1);
    return Number(digit) <= 3;
  }
  if (digit) return actions.reason(Number(digit) - 1);
  const found = PLAIN[event.key];
  found?.(actions);
  return found !== undefined;
}

/** Connects the keyboard map; letters act only while no text is typed and no dialog is open. */
export function listenToKeys(actions: KeyActions): void {
  window.addEventListener('keydown', (event) => {
    if (dialogOpen() || event.isComposing) return;
    const ctrl = event.ctrlKey || event.metaKey;
    const typed = isTyping(event.target);
    // While typing, undo belongs to the text; saving and signing still work.
    if (typed && !(ctrl && ['s', 'Enter'].includes(event.key)) && event.key !== 'F2') {
      if (event.key === 'Escape') (event.target as HTMLElement).blur();
      return;
    }
    if (!ctrl && ownedByControl(event.target, event.key)) return;
    if (run(actions, event)) event.preventDefault();
  });
  window.addEventListener('keyup', (event) => {
    if (event.key === ' ') actions.plain(false);
  });
  window.addEventListener('blur', () => actions.plain(false));
}
