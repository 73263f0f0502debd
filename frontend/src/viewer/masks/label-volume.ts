import type { Box } from '../../shared/types';
import { extent, type Axis, type Plane } from '../views/planes';
import type { Grid } from '../volume/geometry';

/** One byte per voxel of the series grid, [z, y, x]. */
export class LabelVolume {
  constructor(readonly labels: Uint8Array, private readonly grid: Grid) {
    if (labels.length !== grid.nx * grid.ny * grid.nz) throw new Error('The labels do not fit the image.');
  }

  private stride(axis: Axis): number {
    return axis === 'x' ? 1 : axis === 'y' ? this.grid.nx : this.grid.nx * this.grid.ny;
  }

  /** The values of a slice: rows v, columns u. */
  plane(plane: Plane, index: number): Uint8Array {
    const [width, height] = [extent(this.grid, plane.u), extent(this.grid, plane.v)];
    const [stepU, stepV] = [this.stride(plane.u), this.stride(plane.v)];
    const start = index * this.stride(plane.normal);
    if (stepU === 1 && stepV === width) return this.labels.subarray(start, start + width * height);
    const values = new Uint8Array(width * height);
    for (let v = 0, i = 0; v < height; v += 1) {
      for (let u = 0, at = start + v * stepV; u < width; u += 1, at += stepU, i += 1) values[i] = this.labels[at] as number;
    }
    return values;
  }

  /** The half-open box of each value above 0, from one walk over all voxels. */
  boxes(): Map<number, Box> {
    const { nx, ny, nz } = this.grid;
    const found = new Map<number, Box>();
    for (let z = 0, at = 0; z < nz; z += 1) {
      for (let y = 0; y < ny; y += 1) {
        for (let x = 0; x < nx; x += 1, at += 1) {
          const value = this.labels[at] as number;
          if (value !== 0) widen(found, value, z, y, x);
        }
      }
    }
    return found;
  }
}

function widen(found: Map<number, Box>, value: number, z: number, y: number, x: number): void {
  const box = found.get(value);
  if (!box) {
    found.set(value, [z, y, x, z + 1, y + 1, x + 1]);
    return;
  }
  if (y < box[1]) box[1] = y;
  if (x < box[2]) box[2] = x;
  if (z >= box[3]) box[3] = z + 1;
  if (y >= box[4]) box[4] = y + 1;
  if (x >= box[5]) box[5] = x + 1;
}
