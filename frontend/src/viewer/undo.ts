import { Signal } from './store';

/** One thing that can be taken back. */
export interface Step {
  /** What it was, for the tooltip: 'R3 rejected'. */
  label: string;
  undo(): void;
  redo(): void;
  /** Steps pushed in a row with the same key become one (typing a note). */
  merge?: string;
}

/** Undo and redo for the whole study, newest first, at most `limit` steps. */
export class UndoStack {
  readonly changed = new Signal();
  private done: Step[] = [];
  private undone: Step[] = [];

  constructor(private readonly limit = 100) {}

  /** Records a step that has already been carried out. Forgets what could be redone. */
  push(step: Step): void {
    const last = this.done.at(-1);
    if (step.merge && last?.merge === step.merge && this.undone.length === 0) {
      this.done[this.done.length - 1] = { ...step, undo: () => last.undo() };
    } else {
      this.done.push(step);
      if (this.done.length > this.limit) this.done.shift();
    }
    this.undone = [];
    this.changed.emit();
  }

  /** Takes back the newest step; returns it, or null when there is none. */
  undo(): Step | null {
    const step = this.done.pop();
    if (!step) return null;
    step.undo();
    this.undone.push(step);
    this.changed.emit();
    return step;
  }

  /** Does the step again that was taken back last; returns it, or null when there is none. */
  redo(): Step | null {
    const step = this.undone.pop();
    if (!step) return null;
    step.redo();
    this.done.push(step);
    this.changed.emit();
    return step;
  }

  get next(): string | null {
    return this.done.at(-1)?.label ?? null;
  }

  get nextRedo(): string | null {
    return this.undone.at(-1)?.label ?? null;
  }

  get depth(): number {
    return this.done.length;
  }

  /** Forgets everything (after signing or after taking another person's version). */
  clear(): void {
    this.done = [];
    this.undone = [];
    this.changed.emit();
  }
}
