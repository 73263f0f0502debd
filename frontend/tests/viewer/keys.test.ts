import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { listenToKeys, type KeyActions } from '../../src/viewer/keys';

const called: string[] = [];
let drawing = false;
let asking = false;

function press(key: string, init: KeyboardEventInit = {}, target: EventTarget = document.body): KeyboardEvent {
  const code = /^[0-9]$/.test(key) ? `Digit${key}` : '';
  const event = new KeyboardEvent('keydown', { key, code, bubbles: true, cancelable: true, ...init });
  target.dispatchEvent(event);
  return event;
}

describe('the keyboard', () => {
  beforeAll(() => {
    const actions = new Proxy({}, {
      get: (_, name: string) => (...args: unknown[]) => {
        called.push([name, ...args].join(' '));
        return name === 'keep' ? drawing : asking;
      },
    }) as KeyActions;
    listenToKeys(actions);
  });

  afterEach(() => {
    called.length = 0;
    document.body.replaceChildren();
    vi.restoreAllMocks();
  });

  it('moves through slices and regions', () => {
    for (const key of ['ArrowUp', 'ArrowDown', 'PageDown', 'Home', 'j', 'k', '.', ',', 'b']) press(key);
    expect(called).toEqual(['step -1', 'step 1', 'step 10', 'end first', 'region 1', 'region -1', 'worst 1', 'worst -1', 'compare']);
  });

  it('judges and draws', () => {
    for (const key of ['a', 'r', 'e', 'u', 'n', 'd', 'D', '[', ']']) press(key);
    expect(called).toEqual(['accept', 'reject', 'redraw', 'unsure', 'add', 'tool brush', 'tool eraser', 'brush -1', 'brush 1']);
  });

  it('chooses windows with Shift and reasons without it', () => {
    press('!', { code: 'Digit1', shiftKey: true });
    press('2');
    expect(called).toEqual(['window 0', 'reason 1']);
  });

  it('shows the plain image only while Space is held', () => {
    press(' ');
    window.dispatchEvent(new KeyboardEvent('keyup', { key: ' ' }));
    expect(called).toEqual(['plain true', 'plain false']);
  });

  it('leaves letters alone while text is typed, but saves and signs', () => {
    const note = document.createElement('textarea');
    document.body.append(note);
    press('a', {}, note);
    press('z', { ctrlKey: true }, note);
    press('s', { ctrlKey: true }, note);
    press('Enter', { ctrlKey: true }, note);
    expect(called).toEqual(['save', 'sign']);
  });

  it('leaves Space and Enter to a focused button and arrows to a slider', () => {
    const button = document.createElement('button');
    const slider = Object.assign(document.createElement('input'), { type: 'range' });
    document.body.append(button, slider);
    press(' ', {}, button);
    press('Enter', {}, button);
    press('ArrowUp', {}, slider);
    press('h', {}, slider);
    expect(called).toEqual(['heatmap']);
  });

  it('does nothing behind a dialog', () => {
    const dialog = document.createElement('dialog');
    dialog.setAttribute('open', '');
    document.body.append(dialog);
    press('a');
    expect(called).toEqual([]);
  });

  it('keeps the browser from acting on its keys, and on no other', () => {
    drawing = true;
    expect(press('Enter').defaultPrevented).toBe(true);
    drawing = false;
    expect(press('Enter').defaultPrevented).toBe(false);
    expect(press('q').defaultPrevented).toBe(false);
    expect(press('s', { ctrlKey: true }).defaultPrevented).toBe(true);
  });
});
