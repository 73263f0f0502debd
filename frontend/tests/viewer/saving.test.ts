import 'fake-indexeddb/auto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Reading } from '../../src/shared/types';
import { BoxMask } from '../../src/viewer/masks/box-mask';
import { summarise } from '../../src/viewer/panels/sign-bar';
import { differences } from '../../src/viewer/reading/conflict';
import { Drafts } from '../../src/viewer/reading/drafts';
import { ReadingModel } from '../../src/viewer/reading/model';
import { loadStoredMasks } from '../../src/viewer/reading/stored-masks';
import { planSave } from '../../src/viewer/reading/transport';
import { UndoStack } from '../../src/viewer/undo';
import { testReading } from './reading';

const smallMask = (): BoxMask => new BoxMask([1, 2, 3, 2, 3, 5], Uint8Array.from([1, 1]));

interface Sent {
  method: string;
  path: string;
  body: unknown;
  revision: string | null;
}

/** Answers every request with a reading of the next revision and notes what was asked. */
function fakeServer(answer: (reading: Reading, sent: Sent) => Partial<Reading> = () => ({})): Sent[] {
  const sent: Sent[] = [];
  let reading = testReading();
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    const text = typeof init.body === 'string' ? JSON.parse(init.body) : init.body;
    const one = { method: init.method ?? 'GET', path, body: text, revision: headers.get('If-Match') };
    sent.push(one);
    reading = { ...reading, ...answer(reading, one), revision: reading.revision + 1 };
    return Response.json(reading);
  });
  return sent;
}

async function saveAll(model: ReadingModel): Promise<void> {
  for (const step of planSave(model.server, model.changes.list, model.ownIds)) {
    model.adopt(await step.run(model.server));
    model.changes.settle(step.changes);
  }
}

describe('saving', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('sends fields and verdicts together and each mask by itself, on the newest revision', async () => {
    const sent = fakeServer();
    const model = new ReadingModel(testReading(), new UndoStack());
    model.setAnswer('co_rads', 5);
    model.setVerdict('r1', { verdict: 'rejected', reason: 'vessel' }, 'R1 rejected');
    model.setVerdict('r2', { verdict: 'redrawn', mask: smallMask() }, 'R2 redrawn');
    await saveAll(model);
    expect(sent.map(({ method, path, revision }) => [method, path, revision])).toEqual([
      ['PATCH', '/api/v1/readings/reading-1/', '"3"'],
      ['PUT', '/api/v1/readings/reading-1/regions/r2/mask?box=1,2,3,2,3,5', '"4"'],
    ]);
    expect(sent[0]?.body).toEqual({ answers: { co_rads: 5 }, verdicts: { r1: { verdict: 'rejected', reason: 'vessel' } } });
    expect([...(sent[1]?.body as Uint8Array)]).toEqual([0b11000000]);
    expect(model.changes.count).toBe(0);
  });

  it('takes answers back with null, lobe by lobe', async () => {
    const sent = fakeServer();
    const undo = new UndoStack();
    const model = new ReadingModel(testReading({ answers: { severity: { RUL: 2 } } }), undo);
    model.setAnswer('severity', { RUL: 2, LLL: 4 });
    undo.undo();
    model.setAnswer('severity', { LLL: 1 });
    model.setAnswer('diagnosis', undefined);
    await saveAll(model);
    expect(sent[0]?.body).toEqual({ answers: { severity: { LLL: 1, RUL: null } } });
  });

  it('makes an own region once, however often it is redrawn, and removes the right one', async () => {
    const sent = fakeServer((reading, { method }) => {
      if (method === 'POST') return { own_regions: [{ id: 'own-7', label: 'N1' }] };
      if (method === 'DELETE') return { own_regions: [] };
      return { own_regions: reading.own_regions };
    });
    const model = new ReadingModel(testReading(), new UndoStack());
    const key = model.addOwn();
    model.putOwn(key, smallMask());
    await saveAll(model);
    expect(model.own).toEqual([{ key, id: 'own-7', label: 'N1' }]);
    model.putOwn(key, smallMask());
    await saveAll(model);
    model.removeOwn(key, 'N1');
    expect(model.own).toEqual([]);
    await saveAll(model);
    expect(sent.map(({ method, path }) => `${method} ${path.replace('/api/v1/readings/reading-1/', '')}`)).toEqual([
      'POST regions/', 'PUT regions/own-7/mask?box=1,2,3,2,3,5', 'PUT regions/own-7/mask?box=1,2,3,2,3,5', 'DELETE regions/own-7/',
    ]);
  });
});

describe('the kind of an own region', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is saved without sending the drawing again, and can be undone', async () => {
    const sent = fakeServer((_, { body }) => {
      const kind = (body as { own_regions: Record<string, { lesion_value: number }> }).own_regions['own-7']?.lesion_value;
      return { own_regions: [{ id: 'own-7', label: 'N1', lesion_value: kind ?? 4 }] };
    });
    const undo = new UndoStack();
    const model = new ReadingModel(testReading({ own_regions: [{ id: 'own-7', label: 'N1', lesion_value: 4 }] }), undo);
    model.setKind('own-7', 3, 'N1');
    expect(model.own[0]?.lesionValue).toBe(3);
    await saveAll(model);
    undo.undo();
    await saveAll(model);
    expect(sent.map(({ method, body }) => [method, body])).toEqual([
      ['PATCH', { own_regions: { 'own-7': { lesion_value: 3 } } }], ['PATCH', { own_regions: { 'own-7': { lesion_value: 4 } } }],
    ]);
    expect(model.own[0]?.lesionValue).toBe(4);
  });
});

describe('a reading', () => {
  it('shows kept changes over the server version and undoes them', () => {
    const undo = new UndoStack();
    const model = new ReadingModel(testReading({ answers: { co_rads: 2 }, verdicts: { r1: { verdict: 'accepted' } } }), undo);
    model.setAnswer('co_rads', 4);
    model.setVerdict('r1', null, 'R1 open');
    expect([model.answers.co_rads, model.verdict('r1')]).toEqual([4, null]);
    undo.undo();
    undo.undo();
    expect([model.answers.co_rads, model.verdict('r1')]).toEqual([2, { verdict: 'accepted' }]);
    undo.redo();
    expect(model.answers.co_rads).toBe(4);
  });

  it('cannot be changed when it is signed or another person reads', () => {
    for (const closed of [testReading({ state: 'signed' }), testReading({ mine: false })]) {
      const model = new ReadingModel(closed, new UndoStack());
      model.setAnswer('co_rads', 4);
      model.setVerdict('r1', { verdict: 'accepted' }, 'R1');
      expect(model.changes.count).toBe(0);
    }
  });
});

describe('two versions', () => {
  const names = (id: string): string => id.toUpperCase();

  it('are compared field by field with both values in words', () => {
    const changes = [
      { key: 'answer:co_rads', value: 5, seq: 1 }, { key: 'answer:note', value: 'same', seq: 2 },
      { key: 'verdict:r3', value: { verdict: 'rejected', reason: 'vessel' }, seq: 3 },
    ];
    const theirs = testReading({ answers: { co_rads: 3, note: 'same' }, verdicts: { r3: { verdict: 'accepted' } } });
    expect(differences(changes, theirs, names)).toEqual([
      { key: 'answer:co_rads', label: 'CO-RADS', mine: '5, very high', theirs: '3, equivocal' },
      { key: 'verdict:r3', label: 'R3', mine: 'Rejected, vessel', theirs: 'Accepted' },
    ]);
  });

  it('do not differ when the server already has every change', () => {
    const changes = [
      { key: 'answer:severity', value: { RUL: 2 }, seq: 1 }, { key: 'verdict:r3', value: null, seq: 2 },
      { key: 'answer:diagnosis', value: null, seq: 3 },
    ];
    expect(differences(changes, testReading({ answers: { severity: { RUL: 2 } } }), names)).toEqual([]);
  });

  it('always differ in a drawing', () => {
    const changes = [{ key: 'verdict:r3', value: { verdict: 'redrawn', mask: smallMask() }, seq: 1 }];
    const theirs = testReading({ verdicts: { r3: { verdict: 'redrawn', mask: { sha256: 'x', box: [1, 2, 3, 2, 3, 5], volume_ml: 1 } } } });
    expect(differences(changes, theirs, names)).toHaveLength(1);
  });
});

describe('drafts on this computer', () => {
  it('come back with their masks, for the same person and reading only', async () => {
    const drafts = await Drafts.open();
    const mask = smallMask();
    await drafts.keep('u1/reading-1', testReading(), [
      { key: 'answer:note', value: 'kept', seq: 1 }, { key: 'verdict:r2', value: { verdict: 'redrawn', mask }, seq: 2 },
    ]);
    const again = await (await Drafts.open()).find('u1/reading-1');
    expect(again?.base.revision).toBe(3);
    expect(again?.changes[0]).toEqual({ key: 'answer:note', value: 'kept' });
    const restored = (again?.changes[1]?.value as { mask: BoxMask }).mask;
    expect(restored.pack()).toEqual(mask.pack());
    expect(await drafts.find('u2/reading-1')).toBeNull();
  });

  it('go when everything is saved', async () => {
    const drafts = await Drafts.open();
    await drafts.keep('u1/reading-2', testReading(), [{ key: 'answer:note', value: 'x', seq: 1 }]);
    await drafts.keep('u1/reading-2', testReading(), []);
    expect(await drafts.find('u1/reading-2')).toBeNull();
  });
});

describe('what is missing', () => {
  it('is said in a few short sentences that lead to the first place', () => {
    expect(summarise([
      { code: 'verdict', sentence: 'R1 needs a verdict.', target: 'a' }, { code: 'reason', sentence: 'R2 is rejected without a reason.', target: 'b' },
      { code: 'severity', sentence: 'Score the severity of RUL.', target: 'severity.RUL' },
      { code: 'severity', sentence: 'Score the severity of LUL.', target: 'severity.LUL' },
      { code: 'diagnosis', sentence: 'Choose a diagnosis.', target: 'diagnosis' },
    ])).toEqual([
      { sentence: '2 regions need a verdict.', target: 'a' }, { sentence: 'Score RUL, LUL.', target: 'severity.RUL' },
      { sentence: 'Choose a diagnosis.', target: 'diagnosis' },
    ]);
    expect(summarise([])).toEqual([]);
  });
});

describe('masks stored on the server', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('are taken over, except where the reader has drawn since', async () => {
    vi.stubGlobal('fetch', async () => new Response(Uint8Array.from([0b11000000]), { headers: { 'X-Lungsight-Box': '1,2,3,2,3,5' } }));
    const info = { sha256: 'x', box: [1, 2, 3, 2, 3, 5] as [number, number, number, number, number, number], volume_ml: 1 };
    const model = new ReadingModel(testReading({
      verdicts: { r1: { verdict: 'redrawn', mask: info }, r2: { verdict: 'redrawn', mask: info } }, own_regions: [{ id: 'own-7', label: 'N1', mask: info }],
    }), new UndoStack());
    const drawn = BoxMask.empty();
    model.putVerdict('r2', { verdict: 'redrawn', mask: drawn });
    await loadStoredMasks(model);
    expect(model.masks.get('r1')?.count).toBe(2);
    expect(model.masks.get('own-7')?.has(1, 2, 4)).toBe(true);
    expect(model.masks.get('r2')).toBe(drawn);
  });
});
