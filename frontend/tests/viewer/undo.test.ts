import { describe, expect, it } from 'vitest';
import { UndoStack } from '../../src/viewer/undo';

function step(log: string[], name: string, merge?: string) {
  return { label: name, undo: () => log.push(`-${name}`), redo: () => log.push(`+${name}`), ...(merge && { merge }) };
}

describe('undo', () => {
  it('takes back the newest first and does it again in order', () => {
    const log: string[] = [];
    const stack = new UndoStack();
    stack.push(step(log, 'a'));
    stack.push(step(log, 'b'));
    stack.undo();
    stack.undo();
    stack.redo();
    expect(log).toEqual(['-b', '-a', '+a']);
    expect([stack.next, stack.nextRedo]).toEqual(['a', 'b']);
  });

  it('forgets what could be redone after a new step', () => {
    const log: string[] = [];
    const stack = new UndoStack();
    stack.push(step(log, 'a'));
    stack.undo();
    stack.push(step(log, 'b'));
    expect(stack.redo()).toBeNull();
  });

  it('keeps 100 steps', () => {
    const stack = new UndoStack();
    for (let i = 0; i < 130; i += 1) stack.push(step([], String(i)));
    expect(stack.depth).toBe(100);
    for (let i = 0; i < 100; i += 1) stack.undo();
    expect(stack.undo()).toBeNull();
  });

  it('makes one step of typing', () => {
    const log: string[] = [];
    const stack = new UndoStack();
    for (const name of ['a', 'b', 'c']) stack.push(step(log, name, 'note-1'));
    stack.push(step(log, 'd', 'note-2'));
    expect(stack.depth).toBe(2);
    stack.undo();
    stack.undo();
    expect(log).toEqual(['-d', '-a']);
    stack.redo();
    expect(log.at(-1)).toBe('+c');
  });

  it('has nothing left after signing', () => {
    const stack = new UndoStack();
    stack.push(step([], 'a'));
    stack.clear();
    expect(stack.undo()).toBeNull();
  });
});
