import { el } from '../../shared/dom';
import { icon, type IconName } from '../../shared/icons';

/** A group of buttons of which one is chosen; arrow keys move the choice. */
export class Choice<T extends string | number> {
  readonly element: HTMLElement;
  private readonly buttons = new Map<T, HTMLButtonElement>();

  constructor(
    attributes: { class: string; label: string; testid?: string },
    options: { value: T; content: (Node | string)[]; label?: string; title?: string; class?: string }[],
    private readonly choose: (value: T) => void,
  ) {
    this.element = el('div', { class: attributes.class, role: 'radiogroup', 'aria-label': attributes.label });
    for (const { value, content, label, title, class: extra } of options) {
      const button = el('button', {
        type: 'button', role: 'radio', 'aria-checked': 'false', 'aria-label': label, title, class: extra,
        'data-testid': attributes.testid ? `${attributes.testid}-${value}` : null,
      }, ...content);
      button.addEventListener('click', () => choose(value));
      this.buttons.set(value, button);
      this.element.append(button);
    }
    this.element.addEventListener('keydown', (event) => this.key(event));
    this.show(undefined);
  }

  /** Shows which one is chosen; only that one (or the first) is in the tab order. */
  show(chosen: T | undefined): void {
    const first = this.buttons.keys().next().value;
    for (const [value, button] of this.buttons) {
      button.setAttribute('aria-checked', String(value === chosen));
      button.tabIndex = value === (chosen ?? first) ? 0 : -1;
    }
  }

  enable(on: boolean): void {
    for (const button of this.buttons.values()) button.disabled = !on;
  }

  button(value: T): HTMLButtonElement | undefined {
    return this.buttons.get(value);
  }

  private key(event: KeyboardEvent): void {
    const list = [...this.buttons].filter(([, button]) => !button.hidden);
    const at = list.findIndex(([, button]) => button === document.activeElement);
    const forward = event.key === 'ArrowRight' || event.key === 'ArrowDown';
    const back = event.key === 'ArrowLeft' || event.key === 'ArrowUp';
    const digit = list.find(([value]) => String(value) === event.key && !event.ctrlKey && !event.altKey);
    const next = digit ?? (forward ? list[(at + 1) % list.length] : back ? list[(at + list.length - 1) % list.length] : null);
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(next[0]);
    next[1].focus();
  }
}

/** A toolbar button that is on or off. */
export function toolButton(name: IconName, label: string, run: () => void, testid?: string): HTMLButtonElement {
  const button = el('button', {
    type: 'button', class: 'tl', 'aria-label': label, title: label, 'data-testid': testid,
  }, icon(name));
  button.addEventListener('click', run);
  return button;
}

/** A labelled slider; the number beside it says its value. */
export class Slider {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  private readonly shown = el('span', { class: 'num w' });

  constructor(
    label: string, range: { min: number; max: number; step: number }, private readonly text: (value: number) => string,
    change: (value: number) => void, testid: string,
  ) {
    this.input = el('input', { type: 'range', class: 'rng', 'aria-label': label, 'data-testid': testid, ...range });
    this.input.addEventListener('input', () => change(Number(this.input.value)));
    this.element = el('span', { class: 'sl' }, label, this.input, this.shown);
  }

  show(value: number): void {
    this.input.value = String(value);
    const part = (value - Number(this.input.min)) / (Number(this.input.max) - Number(this.input.min));
    this.input.style.setProperty('--part', `${part * 100}%`);
    this.shown.textContent = this.text(value);
    this.input.setAttribute('aria-valuetext', this.text(value));
  }
}

/** A check box with its word. */
export class Check {
  readonly element: HTMLLabelElement;
  readonly input: HTMLInputElement;
  private readonly text = el('span', {});

  constructor(word: string, change: (on: boolean) => void, testid: string) {
    this.input = el('input', { type: 'checkbox', class: 'chk', 'data-testid': testid });
    this.input.addEventListener('change', () => change(this.input.checked));
    this.element = el('label', { class: 'ck' }, this.input, this.text);
    this.say(word);
  }

  show(on: boolean): void {
    this.input.checked = on;
  }

  /** Changes the word beside the box. */
  say(word: string): void {
    this.text.textContent = word;
  }
}

/** A menu of choices with a label above it. */
export class Select {
  readonly element: HTMLElement;
  readonly input: HTMLSelectElement;

  constructor(
    label: string, options: [string, string][], change: (value: string) => void, testid: string, hideLabel = false,
  ) {
    this.input = el('select', { class: 'f', 'data-testid': testid, 'aria-label': label });
    this.setOptions(options);
    this.input.addEventListener('change', () => {
      change(this.input.value);
      // Keys go back to the image once a menu is done with.
      this.input.blur();
    });
    this.element = hideLabel ? this.input : el('label', {}, label, this.input);
  }

  /** The same options again leave an open menu alone. */
  setOptions(options: [string, string][]): void {
    const now = [...this.input.options];
    if (now.length === options.length && now.every((option, i) => option.value === options[i]?.[0] && option.text === options[i]?.[1])) return;
    this.input.replaceChildren(...options.map(([value, word]) => el('option', { value }, word)));
  }

  show(value: string | undefined): void {
    this.input.value = value ?? '';
  }
}
