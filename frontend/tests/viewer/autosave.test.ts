import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../src/shared/api';
import type { Reading } from '../../src/shared/types';
import { saveWords } from '../../src/viewer/panels/topbar';
import { Autosave } from '../../src/viewer/reading/autosave';
import { Changes } from '../../src/viewer/reading/changes';
import { testReading } from './reading';

/** A server that keeps answers and can be told to fail. */
function setUp() {
  const changes = new Changes();
  const saved: Record<string, unknown>[] = [];
  let reading = testReading();
  let failure: ApiError | null = null;
  let conflicts = true;
  let hold: Promise<void> = Promise.resolve();
  const adopt = (next: Reading): void => {
    reading = next;
  };
  const autosave = new Autosave({
    changes,
    reading: () => reading,
    adopt,
    conflict: (theirs) => {
      if (conflicts) return true;
      adopt(theirs);
      changes.settle(changes.list);
      return false;
    },
    plan: () => [{
      changes: changes.list,
      run: async (now) => {
        await hold;
        if (failure) throw failure;
        saved.push(Object.fromEntries(changes.list.map(({ key, value }) => [key, value])));
        return { ...now, revision: now.revision + 1, saved_at: '2026-03-14T12:03:07Z' };
      },
    }],
  });
  const edit = (key: string, value: unknown): void => {
    changes.set(key, value);
    autosave.touch();
  };
  return {
    autosave, changes, saved, edit, status: () => autosave.status.value, reading: () => reading,
    fail: (error: ApiError | null) => { failure = error; },
    agree: () => { conflicts = false; },
    holdUp: (until: Promise<void>) => { hold = until; },
  };
}

const offline = new ApiError(0, { code: 'offline', message: 'The server cannot be reached.' });

describe('autosave', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('saves 0.8 s after the last change, in one request', async () => {
    const { edit, saved, status } = setUp();
    edit('answer:co_rads', 4);
    await vi.advanceTimersByTimeAsync(700);
    edit('answer:note', 'older focus');
    await vi.advanceTimersByTimeAsync(799);
    expect(saved).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(saved).toEqual([{ 'answer:co_rads': 4, 'answer:note': 'older focus' }]);
    expect(status()).toMatchObject({ state: 'saved', revision: 4, savedAt: '2026-03-14T12:03:07Z' });
  });

  it('saves at least every 5 s while changes keep coming', async () => {
    const { edit, saved } = setUp();
    for (let i = 0; i < 12; i += 1) {
      edit('verdict:r1', i);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(saved).toHaveLength(1);
  });

  it('saves again what was edited while it was saving', async () => {
    const { edit, saved, holdUp, changes } = setUp();
    let release = (): void => undefined;
    holdUp(new Promise((resolve) => (release = resolve)));
    edit('answer:note', 'a');
    await vi.advanceTimersByTimeAsync(800);
    edit('answer:note', 'ab');
    release();
    await vi.advanceTimersByTimeAsync(2000);
    expect(saved.at(-1)).toEqual({ 'answer:note': 'ab' });
    expect(changes.count).toBe(0);
  });

  it('keeps changes while the server is out of reach and saves them once it is back', async () => {
    const { edit, fail, saved, status, changes } = setUp();
    fail(offline);
    edit('answer:co_rads', 5);
    await vi.advanceTimersByTimeAsync(800);
    expect(status().state).toBe('offline');
    expect(changes.count).toBe(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(status().state).toBe('offline');
    fail(null);
    await vi.advanceTimersByTimeAsync(4000);
    expect(saved).toEqual([{ 'answer:co_rads': 5 }]);
    expect(status().state).toBe('saved');
  });

  it('waits for the reader to sign in again, losing nothing', async () => {
    const { edit, fail, saved, status, autosave } = setUp();
    fail(new ApiError(401, { code: 'not_authenticated', message: 'Sign in.' }));
    edit('answer:co_rads', 5);
    await vi.advanceTimersByTimeAsync(800);
    expect(status().state).toBe('signed_out');
    edit('answer:note', 'typed while signed out');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(saved).toEqual([]);
    fail(null);
    autosave.resume();
    await vi.advanceTimersByTimeAsync(1);
    expect(saved).toEqual([{ 'answer:co_rads': 5, 'answer:note': 'typed while signed out' }]);
  });

  it('stops at another version until the reader chose', async () => {
    const { edit, fail, saved, status, autosave, changes } = setUp();
    fail(new ApiError(409, { code: 'stale', message: 'Stale.', theirs: testReading({ revision: 9 }) }));
    edit('answer:co_rads', 5);
    await vi.advanceTimersByTimeAsync(800);
    expect(status().state).toBe('conflict');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(saved).toEqual([]);
    expect(changes.count).toBe(1);
    fail(null);
    autosave.resume();
    await vi.advanceTimersByTimeAsync(1);
    expect(saved).toHaveLength(1);
  });

  it('takes its own lost answer for what it is', async () => {
    const { edit, fail, agree, status, changes, reading } = setUp();
    agree();
    fail(new ApiError(409, { code: 'stale', message: 'Stale.', theirs: testReading({ revision: 4 }) }));
    edit('answer:co_rads', 5);
    await vi.advanceTimersByTimeAsync(900);
    expect(status()).toMatchObject({ state: 'saved', revision: 4 });
    expect(changes.count).toBe(0);
    expect(reading().revision).toBe(4);
  });

  it('says what the server refused and goes on with the next change', async () => {
    const { edit, fail, status, saved } = setUp();
    fail(new ApiError(400, { code: 'invalid', message: 'A note is text of at most 10000 characters.', hint: 'Shorten it.' }));
    edit('answer:note', 'x');
    await vi.advanceTimersByTimeAsync(800);
    expect(status()).toMatchObject({ state: 'refused', message: 'A note is text of at most 10000 characters. Shorten it.' });
    fail(null);
    edit('answer:note', 'y');
    await vi.advanceTimersByTimeAsync(800);
    expect(saved).toEqual([{ 'answer:note': 'y' }]);
  });

  it('saves nothing more once it is closed', async () => {
    const { edit, autosave, saved, status } = setUp();
    autosave.close();
    edit('answer:note', 'late');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(saved).toEqual([]);
    expect(status().state).toBe('read_only');
  });
});

describe('the save state in words', () => {
  const status = { state: 'saved' as const, savedAt: '2026-03-14T12:03:07', revision: 14, message: '' };

  it('is exact', () => {
    const mine = testReading();
    expect(saveWords(status, 0, mine)).toBe('Saved 12:03:07, revision 14');
    expect(saveWords({ ...status, state: 'saving' }, 1, mine)).toBe('Saving');
    expect(saveWords({ ...status, state: 'offline' }, 3, mine)).toBe('Not saved. 3 changes kept on this computer');
    expect(saveWords({ ...status, state: 'conflict' }, 1, mine)).toBe('Not saved. 1 change kept on this computer');
    const other = testReading({ mine: false, reader: { id: 'u2', name: 'Reader B', initials: 'RB' } });
    expect(saveWords({ ...status, state: 'read_only' }, 0, other)).toBe('Read only. Reader B is reading');
    const signed = testReading({ state: 'signed', signed_at: '2026-03-14T12:12:00' });
    expect(saveWords({ ...status, state: 'read_only' }, 0, signed)).toBe('Read only. Signed 12:12');
  });
});
