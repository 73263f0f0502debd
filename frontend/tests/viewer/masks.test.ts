import { describe, expect, it } from 'vitest';
import type { Box } from '../../src/shared/types';
import { BoxMask } from '../../src/viewer/masks/box-mask';
import { maskMl, Stroke } from '../../src/viewer/masks/brush';
import { packBits, unpackBits } from '../../src/viewer/masks/packbits';
import { LabelSource } from '../../src/viewer/masks/source';
import { PLANES } from '../../src/viewer/views/planes';
import { testGrid } from './grid';

describe('packed bits', () => {
  it('are those of numpy.packbits with the first voxel in the highest bit', () => {
    expect([...packBits(Uint8Array.from([1, 0, 1, 0, 0, 0, 0, 1, 1, 1]))]).toEqual([0b10100001, 0b11000000]);
    expect([...packBits(new Uint8Array(0))]).toEqual([]);
    expect([...packBits(new Uint8Array(9).fill(1))]).toEqual([255, 128]);
  });

  it('come back as they were', () => {
    const mask = Uint8Array.from({ length: 37 }, (_, i) => (i * 7) % 3 === 0 ? 1 : 0);
    expect(unpackBits(packBits(mask), 37)).toEqual(mask);
  });

  it('are refused when they are too few', () => {
    expect(() => unpackBits(new Uint8Array(1), 9)).toThrow('shorter');
  });
});

describe('a mask in a box', () => {
  it('packs its tight box in the order z, y, x', () => {
    const mask = new BoxMask([2, 3, 4, 5, 6, 7], new Uint8Array(27));
    mask.put(3, 4, 5, true);
    mask.put(4, 4, 6, true);
    const { box, bytes } = mask.pack();
    expect(box).toEqual([3, 4, 5, 5, 5, 7]);
    // [z=3: x5 1, x6 0], [z=4: x5 0, x6 1]
    expect([...bytes]).toEqual([0b10010000]);
  });

  it('keeps its voxels when it grows', () => {
    const limit: Box = [0, 0, 0, 20, 40, 40];
    const mask = new BoxMask([5, 5, 5, 6, 6, 6], Uint8Array.from([1]));
    mask.grow([1, 30, 2, 2, 31, 3], limit);
    expect(mask.has(5, 5, 5)).toBe(true);
    expect(mask.count).toBe(1);
    expect(mask.put(1, 30, 2, true)).toBe(true);
    expect(mask.pack().box).toEqual([1, 5, 2, 6, 31, 6]);
  });

  it('is the same mask after a way through the server', () => {
    const mask = new BoxMask([0, 0, 0, 2, 3, 3], Uint8Array.from([0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]));
    const { box, bytes } = mask.pack();
    const back = BoxMask.unpack(box, bytes);
    for (let z = 0; z < 2; z += 1) for (let y = 0; y < 3; y += 1) for (let x = 0; x < 3; x += 1) {
      expect(back.has(z, y, x)).toBe(mask.has(z, y, x));
    }
  });

  it('gives an empty box when nothing is drawn', () => {
    expect(BoxMask.empty().pack()).toEqual({ box: [0, 0, 0, 0, 0, 0], bytes: new Uint8Array(0) });
  });

  it('shows the same voxels in all three planes', () => {
    const mask = new BoxMask([1, 2, 3, 3, 5, 7], new Uint8Array(2 * 3 * 4));
    mask.put(2, 4, 6, true);
    const axial = mask.plane('axial', 2);
    const coronal = mask.plane('coronal', 4);
    const sagittal = mask.plane('sagittal', 6);
    expect(axial).toMatchObject({ u0: 3, v0: 2, width: 4, height: 3 });
    expect(axial?.data.indexOf(1)).toBe(2 * 4 + 3);
    expect(coronal).toMatchObject({ u0: 3, v0: 1, width: 4, height: 2 });
    expect(coronal?.data.indexOf(1)).toBe(1 * 4 + 3);
    expect(sagittal).toMatchObject({ u0: 2, v0: 1, width: 3, height: 2 });
    expect(sagittal?.data.indexOf(1)).toBe(1 * 3 + 2);
    expect(mask.plane('axial', 3)).toBeNull();
  });
});

describe('a label volume', () => {
  const grid = testGrid({ nx: 5, ny: 4, nz: 3 });
  const labels = new Uint8Array(60);
  labels[(1 * 4 + 2) * 5 + 3] = 7;
  labels[(1 * 4 + 2) * 5 + 4] = 8;

  it('gives one region the voxels of its number only', () => {
    const source = new LabelSource(labels, grid, 7, [1, 2, 3, 2, 3, 5]);
    expect(source.has(1, 2, 3)).toBe(true);
    expect(source.has(1, 2, 4)).toBe(false);
    for (const name of ['axial', 'coronal', 'sagittal'] as const) {
      const index = { axial: 1, coronal: 2, sagittal: 3 }[name];
      expect(source.plane(name, index)?.data.reduce((sum, value) => sum + value, 0)).toBe(1);
    }
    expect(source.plane('axial', 0)).toBeNull();
  });
});

describe('a brush stroke', () => {
  const grid = testGrid({ nx: 64, ny: 64, nz: 8, sx: 0.5, sy: 1, sz: 2 });

  it('paints a disc measured in millimetres, not in voxels', () => {
    const mask = BoxMask.empty();
    new Stroke(mask, grid, PLANES.axial, 3, { radiusMm: 4, erase: false }).moveTo(30, 30);
    expect(mask.pack().box).toEqual([3, 26, 22, 4, 35, 39]);
    // Area of the disc in voxels of 0.5 mm2, within the width of a voxel.
    expect(Math.abs(mask.count * 0.5 - Math.PI * 16)).toBeLessThan(4);
    expect(maskMl(grid, mask.count)).toBeCloseTo(mask.count / 1000, 9);
  });

  it('leaves no gaps on a fast way', () => {
    const mask = BoxMask.empty();
    const stroke = new Stroke(mask, grid, PLANES.axial, 3, { radiusMm: 1, erase: false });
    stroke.moveTo(5, 20);
    stroke.moveTo(60, 20);
    for (let x = 5; x <= 60; x += 1) expect(mask.has(3, 20, x)).toBe(true);
  });

  it('stays inside the lung when told to, and erases everywhere', () => {
    const mask = BoxMask.empty();
    const allowed = (_z: number, _y: number, x: number): boolean => x < 30;
    new Stroke(mask, grid, PLANES.axial, 3, { radiusMm: 5, erase: false, allowed }).moveTo(30, 30);
    expect(mask.has(3, 30, 29)).toBe(true);
    expect(mask.has(3, 30, 30)).toBe(false);
    new Stroke(mask, grid, PLANES.axial, 3, { radiusMm: 20, erase: true, allowed }).moveTo(30, 30);
    expect(mask.count).toBe(0);
  });

  it('is taken back voxel by voxel, also where it ran over older paint', () => {
    const mask = BoxMask.empty();
    const first = new Stroke(mask, grid, PLANES.coronal, 10, { radiusMm: 3, erase: false });
    first.moveTo(20, 4);
    const before = mask.count;
    const second = new Stroke(mask, grid, PLANES.coronal, 10, { radiusMm: 3, erase: false });
    second.moveTo(24, 4);
    const after = mask.count;
    second.undo();
    expect(mask.count).toBe(before);
    second.redo();
    expect(mask.count).toBe(after);
    first.undo();
    second.undo();
    expect(mask.count).toBe(0);
  });

  it('keeps inside the grid at its edge', () => {
    const mask = BoxMask.empty();
    new Stroke(mask, grid, PLANES.sagittal, 63, { radiusMm: 10, erase: false }).moveTo(0, 0);
    expect(mask.box[0]).toBeGreaterThanOrEqual(0);
    expect(mask.box[5]).toBeLessThanOrEqual(64);
    expect(mask.has(0, 0, 63)).toBe(true);
  });
});
