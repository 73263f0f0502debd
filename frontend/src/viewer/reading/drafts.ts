import type { Box, Reading } from '../../shared/types';
import { BoxMask } from '../masks/box-mask';
import type { Change } from './changes';

/** Changes of one reading kept on this computer, with the version they were made on. */
export interface Draft {
  /** User and reading, so that nobody gets another person's draft. */
  id: string;
  base: Reading;
  changes: { key: string; value: unknown }[];
}

interface StoredMask {
  box: Box;
  packed: Uint8Array;
}

const DATABASE = 'lungsight-drafts';
const TABLE = 'drafts';

function freeze(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || !('mask' in value)) return value;
  const mask = (value as { mask?: BoxMask }).mask;
  if (!mask) return value;
  const { box, bytes } = mask.pack();
  const stored: StoredMask = { box, packed: bytes };
  return { ...value, mask: stored };
}

function thaw(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || !('mask' in value)) return value;
  const mask = (value as { mask?: StoredMask }).mask;
  return mask ? { ...value, mask: BoxMask.unpack(mask.box, mask.packed) } : value;
}

function ask<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser cannot keep drafts.'));
  });
}

/** Drafts in the browser's own database: they survive a closed tab, a lost session and a restart. */
export class Drafts {
  private constructor(private readonly database: IDBDatabase) {}

  static async open(): Promise<Drafts> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: 'id' });
    return new Drafts(await ask(request));
  }

  private table(mode: IDBTransactionMode): IDBObjectStore {
    return this.database.transaction(TABLE, mode).objectStore(TABLE);
  }

  /** Keeps the changes as they are now; no changes removes the draft. */
  async keep(id: string, base: Reading, changes: Change[]): Promise<void> {
    if (changes.length === 0) {
      await ask(this.table('readwrite').delete(id));
      return;
    }
    const frozen = changes.map(({ key, value }) => ({ key, value: freeze(value) }));
    await ask(this.table('readwrite').put({ id, base, changes: frozen } satisfies Draft));
  }

  async find(id: string): Promise<Draft | null> {
    const draft = (await ask(this.table('readonly').get(id))) as Draft | undefined;
    if (!draft) return null;
    return { ...draft, changes: draft.changes.map(({ key, value }) => ({ key, value: thaw(value) })) };
  }
}
