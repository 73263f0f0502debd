import { ApiError } from '../../shared/api';
import type { Reading } from '../../shared/types';
import { Store } from '../store';
import type { Changes } from './changes';
import type { SaveStep } from './transport';

/** Quiet time after the last change before it is saved, and the longest wait while changes keep coming. */
export const QUIET_MS = 800;
export const LONGEST_MS = 5000;
const RETRY_MS = [2000, 4000, 8000, 15000, 30000];

export type SaveState =
  | 'saved'
  | 'waiting'
  | 'saving'
  /** The server cannot be reached; tried again by itself. */
  | 'offline'
  /** The session has ended; goes on after signing in. */
  | 'signed_out'
  /** Somebody saved another version; goes on after the reader chose. */
  | 'conflict'
  /** The server refused a value; goes on with the next change. */
  | 'refused'
  | 'read_only';

export interface SaveStatus {
  state: SaveState;
  savedAt: string | null;
  revision: number;
  /** What the server said when it refused. */
  message: string;
}

export interface AutosaveParts {
  changes: Changes;
  plan(reading: Reading): SaveStep[];
  /** The reading as the server has it now. */
  reading(): Reading;
  adopt(reading: Reading): void;
  /** The other version, from the 409 answer; must return false when nothing differs after all. */
  conflict(theirs: Reading): boolean;
}

/** Saves kept changes 0.8 s after the last one, one request at a time, and says where it stands. */
export class Autosave {
  readonly status: Store<SaveStatus>;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private oldest: number | null = null;
  private failures = 0;
  private running: Promise<void> | null = null;

  constructor(private readonly parts: AutosaveParts) {
    const reading = parts.reading();
    this.status = new Store<SaveStatus>({
      state: 'saved', savedAt: reading.saved_at ?? null, revision: reading.revision, message: '',
    });
  }

  private get blocked(): boolean {
    return ['conflict', 'signed_out', 'read_only'].includes(this.status.value.state);
  }

  /** Call after every change. */
  touch(): void {
    if (this.blocked) return;
    const now = Date.now();
    this.oldest ??= now;
    if (this.status.value.state !== 'saving' && this.status.value.state !== 'offline') {
      this.status.set({ state: 'waiting' });
    }
    this.schedule(Math.max(0, Math.min(QUIET_MS, this.oldest + LONGEST_MS - now)));
  }

  private schedule(wait: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), wait);
  }

  /** Saves now. Resolves when nothing is left to save or saving cannot go on. */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.running) {
      await this.running;
      if (this.parts.changes.count === 0 || this.status.value.state !== 'waiting') return;
    }
    if (this.blocked) return;
    this.running = this.saveAll().finally(() => {
      this.running = null;
    });
    await this.running;
  }

  private async saveAll(): Promise<void> {
    this.oldest = null;
    try {
      while (this.parts.changes.count > 0) await this.saveOnce();
      this.failures = 0;
      const { saved_at: savedAt, revision } = this.parts.reading();
      this.status.set({ state: 'saved', savedAt: savedAt ?? null, revision, message: '' });
    } catch (error) {
      this.fail(error);
    }
  }

  private async saveOnce(): Promise<void> {
    this.status.set({ state: 'saving' });
    for (const step of this.parts.plan(this.parts.reading())) {
      const reading = await step.run(this.parts.reading());
      this.parts.adopt(reading);
      this.parts.changes.settle(step.changes);
      this.status.set({ revision: reading.revision });
    }
  }

  private fail(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 409 && error.body['theirs']) {
      this.meetConflict(error.body['theirs'] as Reading);
    } else if (error.status === 401 || error.body.code === 'not_authenticated') {
      this.status.set({ state: 'signed_out' });
    } else if (error.offline || error.status >= 500 || error.status === 429) {
      const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 30000;
      this.failures += 1;
      this.status.set({ state: 'offline' });
      this.schedule(wait);
    } else {
      this.status.set({ state: 'refused', message: error.sentence });
    }
  }

  private meetConflict(theirs: Reading): void {
    if (this.parts.conflict(theirs)) {
      this.status.set({ state: 'conflict' });
    } else {
      // Our own answer got lost on the way: the server already has what we meant to save.
      this.status.set({ state: 'waiting', revision: this.parts.reading().revision });
      this.schedule(0);
    }
  }

  /** Goes on after the reader signed in, chose a version, or the network came back. */
  resume(): void {
    if (this.status.value.state === 'read_only') return;
    this.status.set({ state: this.parts.changes.count > 0 ? 'waiting' : 'saved', revision: this.parts.reading().revision });
    this.schedule(0);
  }

  /** No more saving: signed, or another person's reading. */
  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.status.set({ state: 'read_only', revision: this.parts.reading().revision });
  }
}
