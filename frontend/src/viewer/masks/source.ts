import type { Box } from '../../shared/types';
import type { Grid } from '../volume/geometry';
import type { PlaneName } from '../views/planes';

/** A cut through a mask: rows v, columns u, starting at voxel (u0, v0). */
export interface MaskPlane {
  u0: number;
  v0: number;
  width: number;
  height: number;
  /** Non-zero inside. */
  data: Uint8Array;
}

/** Anything that knows which voxels belong to a region. */
export interface MaskSource {
  /** Half-open box that holds all its voxels. */
  readonly box: Box;
  readonly version: number;
  has(z: number, y: number, x: number): boolean;
  /** The cut at a slice, or null where the slice misses the box. */
  plane(name: PlaneName, index: number): MaskPlane | null;
}

/** One value (or every value above 0) of a label volume on the series grid, read in place. */
export class LabelSource implements MaskSource {
  readonly version = 0;

  constructor(
    private readonly labels: Uint8Array | Uint16Array, private readonly grid: Grid,
    private readonly value: number | 'any', readonly box: Box,
  ) {}

  has(z: number, y: number, x: number): boolean {
    const [z0, y0, x0, z1, y1, x1] = this.box;
    if (z < z0 || z >= z1 || y < y0 || y >= y1 || x < x0 || x >= x1) return false;
    return this.inside((z * this.grid.ny + y) * this.grid.nx + x);
  }

  private inside(offset: number): boolean {
    const found = this.labels[offset] ?? 0;
    return this.value === 'any' ? found > 0 : found === this.value;
  }

  plane(name: PlaneName, index: number): MaskPlane | null {
    const [z0, y0, x0, z1, y1, x1] = this.box;
    const { nx, ny } = this.grid;
    const [low, high] = name === 'axial' ? [z0, z1] : name === 'coronal' ? [y0, y1] : [x0, x1];
    if (index < low || index >= high) return null;
    const [u0, u1, stepU] = name === 'sagittal' ? [y0, y1, nx] : [x0, x1, 1];
    const [v0, v1, stepV] = name === 'axial' ? [y0, y1, nx] : [z0, z1, nx * ny];
    const start = name === 'axial' ? index * nx * ny : name === 'coronal' ? index * nx : index;
    const width = u1 - u0;
    const data = new Uint8Array(width * (v1 - v0));
    for (let v = v0, i = 0; v < v1; v += 1) {
      let at = start + v * stepV + u0 * stepU;
      for (let u = u0; u < u1; u += 1, at += stepU, i += 1) if (this.inside(at)) data[i] = 1;
    }
    return { u0, v0, width, height: v1 - v0, data };
  }
}
