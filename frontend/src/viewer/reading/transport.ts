import { apiUrl, json, send } from '../../shared/api';
import type { Box, Reading } from '../../shared/types';
import { BoxMask } from '../masks/box-mask';
import type { Change, OwnChange, VerdictChange } from './changes';

/** One request that saves some changes. */
export interface SaveStep {
  changes: Change[];
  run(reading: Reading): Promise<Reading>;
}

/** Scores taken back are sent as null: the server merges lobe by lobe. */
function severityPatch(reading: Reading, value: unknown): unknown {
  if (!value) return null;
  const gone = Object.keys(reading.answers.severity ?? {}).filter((lobe) => !(lobe in (value as object)));
  return { ...(value as object), ...Object.fromEntries(gone.map((lobe) => [lobe, null])) };
}

function patchStep(reading: Reading, changes: Change[]): SaveStep {
  const answers: Record<string, unknown> = {};
  const verdicts: Record<string, unknown> = {};
  for (const { key, value } of changes) {
    const [kind, name = ''] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
    if (kind === 'answer') answers[name] = name === 'severity' ? severityPatch(reading, value) : value ?? null;
    else verdicts[name] = value;
  }
  const body = {
    ...(Object.keys(answers).length > 0 && { answers }),
    ...(Object.keys(verdicts).length > 0 && { verdicts }),
  };
  return {
    changes,
    run: (now) => json<Reading>(`readings/${reading.id}/`, { method: 'PATCH', json: body, ifMatch: now.revision }),
  };
}

async function putMask(now: Reading, region: string, mask: BoxMask): Promise<Reading> {
  const { box, bytes } = mask.pack();
  return json<Reading>(`readings/${now.id}/regions/${region}/mask?box=${box.join(',')}`, {
    method: 'PUT', body: bytes, contentType: 'application/octet-stream', ifMatch: now.revision,
  });
}

async function createOwn(now: Reading, own: NonNullable<OwnChange>): Promise<Reading> {
  const known = new Set(now.own_regions.map((region) => region.id));
  const body = own.lesionValue === undefined ? {} : { lesion_value: own.lesionValue };
  const made = await json<Reading>(`readings/${now.id}/regions/`, { method: 'POST', json: body, ifMatch: now.revision });
  const id = made.own_regions.find((region) => !known.has(region.id))?.id;
  if (!id) throw new Error('The server made no region.');
  own.id = id;
  return made;
}

/** `ids` remembers which server region an own region became, also after it was taken back and drawn again. */
async function saveOwn(now: Reading, key: string, own: OwnChange, ids: Map<string, string>): Promise<Reading> {
  const name = key.slice('own:'.length);
  const id = own?.id ?? ids.get(name);
  if (!own) {
    if (!id || !now.own_regions.some((region) => region.id === id)) return now;
    ids.delete(name);
    return json<Reading>(`readings/${now.id}/regions/${id}/`, { method: 'DELETE', ifMatch: now.revision });
  }
  let reading = now;
  if (!id || !now.own_regions.some((region) => region.id === id)) reading = await createOwn(now, own);
  else own.id = id;
  if (own.id) ids.set(name, own.id);
  const kind = reading.own_regions.find((region) => region.id === own.id)?.lesion_value;
  if (own.id && own.lesionValue !== undefined && own.lesionValue !== kind) {
    const body = { own_regions: { [own.id]: { lesion_value: own.lesionValue } } };
    reading = await json<Reading>(`readings/${now.id}/`, { method: 'PATCH', json: body, ifMatch: reading.revision });
  }
  return own.id && own.mask && own.mask.count > 0 ? putMask(reading, own.id, own.mask) : reading;
}

/** The requests that bring kept changes to the server, in order: fields and verdicts, then masks. */
export function planSave(reading: Reading, changes: Change[], ids: Map<string, string>): SaveStep[] {
  const plain: Change[] = [];
  const steps: SaveStep[] = [];
  for (const change of changes) {
    const { key, value } = change;
    const verdict = value as VerdictChange;
    if (key.startsWith('own:')) {
      steps.push({ changes: [change], run: (now) => saveOwn(now, key, value as OwnChange, ids) });
    } else if (key.startsWith('verdict:') && verdict?.verdict === 'redrawn' && verdict.mask) {
      const mask = verdict.mask;
      steps.push({ changes: [change], run: (now) => putMask(now, key.slice('verdict:'.length), mask) });
    } else {
      plain.push(change);
    }
  }
  return plain.length > 0 ? [patchStep(reading, plain), ...steps] : steps;
}

/** The stored mask of a redrawn or own region. */
export async function fetchMask(reading: string, region: string): Promise<BoxMask> {
  const response = await send(`readings/${reading}/regions/${region}/mask`);
  const box = (response.headers.get('X-Lungsight-Box') ?? '').split(',').map(Number);
  if (box.length !== 6 || box.some((edge) => !Number.isInteger(edge))) {
    throw new Error(`${apiUrl(`readings/${reading}/regions/${region}/mask`)} names no box.`);
  }
  return BoxMask.unpack(box as Box, new Uint8Array(await response.arrayBuffer()));
}
