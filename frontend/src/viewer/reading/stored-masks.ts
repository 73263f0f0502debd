import type { ReadingModel } from './model';
import { fetchMask } from './transport';

/** Takes over the masks of redrawn and own regions as the server has them; those with kept changes stay. */
export async function loadStoredMasks(model: ReadingModel): Promise<void> {
  const { verdicts, own_regions: own, id: reading } = model.server;
  const drawn = [
    ...Object.entries(verdicts).filter(([, said]) => said.mask).map(([id]) => [`verdict:${id}`, id] as const),
    ...own.filter(({ mask }) => mask).map(({ id }) => [`own:${model.keyOf(id)}`, id] as const),
  ];
  await Promise.all(drawn.map(async ([key, id]) => {
    if (!model.changes.get(key)) model.masks.set(key.slice(key.indexOf(':') + 1), await fetchMask(reading, id));
  }));
  model.changed.emit();
}
