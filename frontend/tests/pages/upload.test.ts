import { describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../src/shared/api';
import { batches, megabytes } from '../../src/pages/upload/batches';
import { filesBelow, isNifti, type Entry } from '../../src/pages/upload/files';
import { Sender, type Progress, type SenderOptions } from '../../src/pages/upload/sender';

const file = (name: string, size = 10): File => new File([new Uint8Array(size)], name);
const many = (count: number): File[] => Array.from({ length: count }, (_, index) => file(`IM${index}`));

interface Request {
  url: string;
  form: FormData;
}

function sender(post: SenderOptions['post'], more: Partial<SenderOptions> = {}): Sender {
  return new Sender({
    uploads: '/u/',
    cohort: 'north',
    pseudonym: 'P-1',
    post,
    onProgress: () => undefined,
    onOpened: () => undefined,
    onTrouble: () => undefined,
    wait: () => Promise.resolve(),
    ...more,
  });
}

describe('batches', () => {
  test('no batch holds more files or bytes than allowed, and none is lost', () => {
    const cut = batches([4, 4, 4, 9, 1].map((size) => ({ size })), 2, 10);
    expect(cut.map((batch) => batch.map((one) => one.size))).toEqual([[4, 4], [4], [9, 1]]);
  });

  test('a file larger than a batch travels alone', () => {
    expect(batches([{ size: 1 }, { size: 99 }, { size: 1 }], 5, 10)).toHaveLength(3);
  });

  test('sizes are written as people read them', () => {
    expect([megabytes(400), megabytes(38_100_000), megabytes(1_343_000_000)]).toEqual(['1 kB', '38.1 MB', '1,343 MB']);
  });
});

describe('files of a dropped folder', () => {
  test('folders are opened to the bottom, and read until no more entries come', async () => {
    const leaf = (name: string): Entry => ({
      isFile: true, isDirectory: false, file: (found: (f: File) => void) => found(file(name)),
    }) as Entry;
    const folder = (...pieces: Entry[][]): Entry => ({
      isFile: false, isDirectory: true,
      createReader: () => ({ readEntries: (found: (e: Entry[]) => void) => found(pieces.shift() ?? []) }),
    }) as unknown as Entry;
    const found = await filesBelow([folder([leaf('a'), folder([leaf('b')])], [leaf('c')]), leaf('d')]);
    expect(found.map((one) => one.name)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('NIfTI is known by its name, packed or not', () => {
    expect(['ct.nii', 'CT.NII.GZ', 'ct.gz', 'nii'].map((name) => isNifti({ name }))).toEqual([true, true, false, false]);
  });
});

describe('sending', () => {
  test('a small upload is one request that names cohort and pseudonym and says it is complete', async () => {
    const requests: Request[] = [];
    const id = await sender(async (url, form) => {
      requests.push({ url, form });
      return { id: 'x' };
    }).send(many(3));
    expect(id).toBe('x');
    expect(requests.map((one) => one.url)).toEqual(['/u/']);
    const form = requests[0]!.form;
    expect([form.get('cohort'), form.get('pseudonym'), form.get('more')]).toEqual(['north', 'P-1', null]);
    expect(form.getAll('files')).toHaveLength(3);
  });

  test('a large upload goes in batches into one upload, the last of which ends it', async () => {
    const requests: Request[] = [];
    await sender(async (url, form) => {
      requests.push({ url, form });
      return { id: 'x' };
    }).send(many(250));
    expect(requests.map((one) => one.url)).toEqual(['/u/', '/u/x/files/', '/u/x/files/']);
    expect(requests.map((one) => one.form.get('more'))).toEqual(['1', '1', null]);
    expect(requests.flatMap((one) => one.form.getAll('files'))).toHaveLength(250);
  });

  test('a batch that fails on the way is sent again, and the person is told until it is through', async () => {
    const said: string[] = [];
    const post = vi.fn<SenderOptions['post']>()
      .mockRejectedValueOnce(new ApiError(0, { code: 'offline', message: 'The server cannot be reached.' }))
      .mockRejectedValueOnce(new ApiError(503, { code: 'busy', message: 'The server is busy.' }))
      .mockResolvedValue({ id: 'x' });
    await sender(post, { onTrouble: (sentence) => said.push(sentence) }).send(many(2));
    expect(post).toHaveBeenCalledTimes(3);
    expect(said.at(0)).toContain('0 of 2 files');
    expect(said.at(-1)).toBe('');
  });

  test('what the server refuses is not sent again', async () => {
    const post = vi.fn<SenderOptions['post']>()
      .mockRejectedValue(new ApiError(400, { code: 'bad_pseudonym', message: 'This pseudonym cannot be used.' }));
    await expect(sender(post).send(many(1))).rejects.toThrow('This pseudonym cannot be used.');
    expect(post).toHaveBeenCalledTimes(1);
  });

  test('when the answer to the last batch was lost, the ended upload counts as sent', async () => {
    const post = vi.fn<SenderOptions['post']>()
      .mockResolvedValueOnce({ id: 'x' })
      .mockRejectedValueOnce(new ApiError(0, { code: 'offline', message: 'The server cannot be reached.' }))
      .mockRejectedValueOnce(new ApiError(409, { code: 'upload_ended', message: 'This upload has ended.' }));
    await expect(sender(post).send(many(150))).resolves.toBe('x');
  });

  test('a pause lets the running batch end and holds the next one', async () => {
    let requests = 0;
    const one = sender(async () => {
      requests += 1;
      if (requests === 1) one.pause();
      return { id: 'x' };
    });
    const sent = one.send(many(250));
    await new Promise((done) => setTimeout(done, 20));
    expect(requests).toBe(1);
    one.resume();
    await sent;
    expect(requests).toBe(3);
  });

  test('progress counts bytes on the way and never more than there are', async () => {
    const seen: Progress[] = [];
    await sender(async (_url, _form, onBytes) => {
      onBytes(15);
      onBytes(9999);
      return { id: 'x' };
    }, { onProgress: (progress) => seen.push(progress) }).send(many(3));
    expect(seen.map((one) => one.bytes)).toEqual([15, 30, 30]);
    expect(seen.at(-1)).toEqual({ files: 3, allFiles: 3, bytes: 30, allBytes: 30 });
  });
});
