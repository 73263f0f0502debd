/** A value with listeners: the viewer's only way to share state between its parts. */
export class Store<T extends object> {
  private listeners: { keys: (keyof T)[]; call: (now: Readonly<T>, before: Readonly<T>) => void }[] = [];
  private state: T;

  constructor(initial: T) {
    this.state = { ...initial };
  }

  get value(): Readonly<T> {
    return this.state;
  }

  /** Changes some fields and tells the listeners of those that really changed. */
  set(change: Partial<T>): void {
    const before = this.state;
    const changed = (Object.keys(change) as (keyof T)[]).filter((key) => before[key] !== change[key]);
    if (changed.length === 0) return;
    this.state = { ...before, ...change };
    for (const { keys, call } of [...this.listeners]) {
      if (keys.length === 0 || keys.some((key) => changed.includes(key))) call(this.state, before);
    }
  }

  /** Calls back after changes of the named fields (any field when none is named). */
  on(call: (now: Readonly<T>, before: Readonly<T>) => void, ...keys: (keyof T)[]): void {
    this.listeners.push({ keys, call });
  }
}

/** Listeners without a value. */
export class Signal<T = void> {
  private calls: ((value: T) => void)[] = [];

  on(call: (value: T) => void): void {
    this.calls.push(call);
  }

  emit(value: T): void {
    for (const call of [...this.calls]) call(value);
  }
}
