import { describe, expect, it } from 'vitest';
import { colorTable, ramp, viridis } from '../../src/viewer/overlay/colormap';
import { traceLoops } from '../../src/viewer/overlay/contour';
import { Heatmap } from '../../src/viewer/overlay/heatmap';
import { PLANES } from '../../src/viewer/views/planes';
import { testGrid } from './grid';

describe('a heatmap on its own grid', () => {
  const grid = testGrid({ nx: 8, ny: 8, nz: 8 });
  // Half the resolution: its voxel centres lie between those of the series (half-pixel centres).
  const coarse = [[2, 0, 0, -99.5], [0, 2, 0, -49.5], [0, 0, 2, 10.5], [0, 0, 0, 1]];
  const data = new Uint8Array(64);
  data[(1 * 4 + 1) * 4 + 1] = 200;
  const heat = new Heatmap(data, [4, 4, 4], coarse, grid);

  it('is sampled where its affine says, weighted by distance', () => {
    // Series voxel (2, 2, 2) lies a quarter of a heat voxel from heat voxel (1, 1, 1) along each axis.
    expect(heat.at(2, 2, 2)).toBeCloseTo((200 / 255) * 0.75 ** 3, 6);
    expect(heat.at(3, 2, 2)).toBeCloseTo((200 / 255) * 0.75 ** 3, 6);
    expect(heat.at(6, 6, 6)).toBe(0);
  });

  it('gives the same values slice by slice in every plane', () => {
    for (const plane of Object.values(PLANES)) {
      const slice = heat.plane(plane, 3);
      for (let v = 0; v < 8; v += 1) {
        for (let u = 0; u < 8; u += 1) {
          const at = { x: 3, y: 3, z: 3, [plane.u]: u, [plane.v]: v };
          expect(slice[v * 8 + u]).toBe(Math.round(heat.at(at.x, at.y, at.z) * 255));
        }
      }
    }
  });

  it('is repeated up to a voxel of its own beyond its grid, and says nothing farther out', () => {
    const small = new Heatmap(Uint8Array.from([100]), [1, 1, 1], [[4, 0, 0, -98], [0, 4, 0, -48], [0, 0, 4, 12], [0, 0, 0, 1]], grid);
    expect(small.at(0, 0, 0)).toBeCloseTo(100 / 255, 6);
    expect(small.at(6, 6, 6)).toBeCloseTo(100 / 255, 6);
    expect(small.at(7, 6, 6)).toBe(0);
    for (const plane of Object.values(PLANES)) {
      expect(small.plane(plane, 6)[6 * 8 + 6]).toBe(100);
      expect(small.plane(plane, 6)[6 * 8 + 7]).toBe(0);
      expect(small.plane(plane, 6)[7 * 8 + 6]).toBe(0);
      expect(small.plane(plane, 7).some((value) => value > 0)).toBe(false);
    }
  });

  it('follows a grid that runs the other way', () => {
    const flipped = new Heatmap(Uint8Array.from([10, 0, 0, 250]), [1, 1, 4], [[-1, 0, 0, -97], [0, 1, 0, -50], [0, 0, 1, 10], [0, 0, 0, 1]], grid);
    expect(flipped.at(0, 0, 0)).toBeCloseTo(250 / 255, 6);
    expect(flipped.at(3, 0, 0)).toBeCloseTo(10 / 255, 6);
  });

  it('is refused when it is turned against the image or does not fit its shape', () => {
    const turned = [[0.7, 0.7, 0, 0], [-0.7, 0.7, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
    expect(() => new Heatmap(data, [4, 4, 4], turned, grid)).toThrow('turned');
    expect(() => new Heatmap(data, [4, 4, 3], coarse, grid)).toThrow('shape');
  });
});

describe('the colours', () => {
  it('are viridis from end to end', () => {
    expect(viridis(0)).toEqual([0x44, 0x01, 0x54]);
    expect(viridis(1)).toEqual([0xfd, 0xe7, 0x25]);
    expect(viridis(0.5)).toEqual([0x21, 0x91, 0x8c]);
  });

  it('show nothing below the threshold and the full opacity well above it', () => {
    const table = colorTable(0.4, 0.5);
    expect((table[101] ?? 1) >>> 24).toBe(0);
    expect((table[103] ?? 0) >>> 24).toBeGreaterThan(0);
    expect((table[255] ?? 0) >>> 24).toBe(128);
    expect(ramp(0.48, 0.4)).toBeCloseTo(1, 9);
  });
});

describe('outlines', () => {
  const loops = (rows: string[]) => traceLoops({
    u0: 10, v0: 20, width: rows[0]?.length ?? 0, height: rows.length,
    data: Uint8Array.from(rows.join(''), (one) => Number(one === '#')),
  });

  it('run around a single voxel through the middles of its edges', () => {
    expect(loops(['#'])).toEqual([[10, 19.5, 10.5, 20, 10, 20.5, 9.5, 20]]);
  });

  it('have an inner loop for a hole', () => {
    expect(loops(['###', '#.#', '###']).map((loop) => loop.length / 2).sort((a, b) => a - b)).toEqual([4, 12]);
  });

  it('keep voxels apart that only touch by a corner', () => {
    expect(loops(['#.', '.#'])).toHaveLength(2);
    expect(loops(['.#', '#.'])).toHaveLength(2);
  });

  it('are none for an empty slice', () => {
    expect(loops(['..', '..'])).toEqual([]);
  });
});
