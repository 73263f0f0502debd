import type { Grid } from '../../src/viewer/volume/geometry';

/** A grid with plain axes; sizes and voxel sizes can be set. */
export function testGrid(change: Partial<Omit<Grid, 'affine'>> = {}): Grid {
  const grid = { nx: 8, ny: 8, nz: 8, sx: 1, sy: 1, sz: 1, ...change };
  return { ...grid, affine: [[grid.sx, 0, 0, -100], [0, grid.sy, 0, -50], [0, 0, grid.sz, 10], [0, 0, 0, 1]] };
}
