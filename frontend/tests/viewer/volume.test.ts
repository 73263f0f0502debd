import { describe, expect, it } from 'vitest';
import { PLANES, shownNumber } from '../../src/viewer/views/planes';
import { apply, clampVoxel, invert, multiply, sliceNumber, voxelMl } from '../../src/viewer/volume/geometry';
import { EMPTY, SliceCutter } from '../../src/viewer/volume/slices';
import { middleOut, readStream, SliceFiller } from '../../src/viewer/volume/stream';
import { testGrid } from './grid';

describe('the order of slices', () => {
  it('goes from the middle outwards', () => {
    expect(middleOut(5)).toEqual([2, 3, 1, 4, 0]);
    expect(middleOut(4)).toEqual([2, 3, 1, 0]);
    expect(middleOut(1)).toEqual([0]);
    expect(middleOut(0)).toEqual([]);
  });

  it('counts slices for people from the apex', () => {
    expect(sliceNumber(160, 159)).toBe(1);
    expect(sliceNumber(160, 0)).toBe(160);
    const grid = testGrid({ nz: 160, nx: 512 });
    expect(shownNumber(PLANES.axial, grid, 41)).toBe(119);
    expect(shownNumber(PLANES.sagittal, grid, 41)).toBe(42);
  });
});

describe('the image stream', () => {
  const slices = [[1, 2, 3, 4], [5, 6, 7, 8], [-9, 10, 11, 12]];
  const order = [1, 2, 0];
  const bytes = new Uint8Array(Int16Array.from(order.flatMap((z) => slices[z] ?? [])).buffer);

  it('puts every slice in its place, however the bytes are cut', () => {
    for (const size of [1, 3, 8, 11, 24]) {
      const voxels = new Int16Array(12);
      const filler = new SliceFiller(voxels, 4, order);
      const done: number[] = [];
      for (let at = 0; at < bytes.length; at += size) done.push(...filler.push(bytes.subarray(at, at + size)));
      expect([...voxels]).toEqual(slices.flat());
      expect(done).toEqual(order);
      expect(filler.complete).toBe(true);
    }
  });

  it('says which slices are there', () => {
    const filler = new SliceFiller(new Int16Array(12), 4, order);
    expect(filler.push(bytes.subarray(0, 9))).toEqual([1]);
    expect([...filler.ready]).toEqual([0, 1, 0]);
  });

  it('refuses more bytes than the geometry says, and fewer', async () => {
    const filler = new SliceFiller(new Int16Array(12), 4, order);
    filler.push(bytes);
    expect(() => filler.push(Uint8Array.from([1]))).toThrow('longer');
    const short = new SliceFiller(new Int16Array(12), 4, order);
    await expect(readStream(new Response(bytes.slice(0, 20)), short, () => undefined)).rejects.toThrow('ended early');
  });
});

describe('geometry', () => {
  const oblique = [[0.7, 0.05, 0, -120], [-0.04, 0.7, 0.02, 30], [0, -0.01, 2, 4], [0, 0, 0, 1]];

  it('inverts an affine', () => {
    const product = multiply(invert(oblique), oblique);
    product.forEach((row, r) => row.forEach((value, c) => expect(value).toBeCloseTo(r === c ? 1 : 0, 9)));
  });

  it('maps voxel centres to millimetres', () => {
    expect(apply(testGrid({ sx: 0.5 }).affine, { x: 4, y: 2, z: 3 })).toEqual({ x: -98, y: -48, z: 13 });
  });

  it('refuses a singular affine', () => {
    expect(() => invert([[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])).toThrow('singular');
  });

  it('turns voxels into millilitres', () => {
    expect(voxelMl(testGrid({ sx: 0.5, sy: 0.5, sz: 2 }))).toBeCloseTo(0.0005, 12);
  });

  it('keeps the cursor on a voxel of the grid', () => {
    expect(clampVoxel(testGrid({ nx: 4, ny: 4, nz: 4 }), { x: -3, y: 1.6, z: 9 })).toEqual({ x: 0, y: 2, z: 3 });
  });
});

describe('slices for the screen', () => {
  const grid = testGrid({ nx: 2, ny: 3, nz: 4 });
  const voxels = Int16Array.from({ length: 24 }, (_, i) => i);
  const cutter = new SliceCutter(grid, voxels, new Uint8Array(4).fill(1));

  it('shows axial rows from anterior to posterior', () => {
    expect([...cutter.cut(PLANES.axial, 1)]).toEqual([6, 7, 8, 9, 10, 11]);
  });

  it('shows coronal and sagittal rows with the head at the top', () => {
    expect([...cutter.cut(PLANES.coronal, 1)]).toEqual([20, 21, 14, 15, 8, 9, 2, 3]);
    expect([...cutter.cut(PLANES.sagittal, 1)]).toEqual([19, 21, 23, 13, 15, 17, 7, 9, 11, 1, 3, 5]);
  });

  it('leaves out what has not arrived yet', () => {
    const partly = new SliceCutter(grid, voxels, Uint8Array.from([0, 1, 0, 0]));
    expect([...partly.cut(PLANES.coronal, 1)]).toEqual([EMPTY, EMPTY, EMPTY, EMPTY, 8, 9, EMPTY, EMPTY]);
    expect([...partly.cut(PLANES.axial, 2)]).toEqual(new Array(6).fill(EMPTY));
  });
});
