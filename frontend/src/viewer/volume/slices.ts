import { extent, type Plane } from '../views/planes';
import type { Grid } from './geometry';

/** Stands where slices have not arrived yet; black in every window. */
export const EMPTY = -32768;

/** Cuts slices out of the volume. Rows run downwards on the screen: towards posterior, or towards the feet. */
export class SliceCutter {
  private readonly buffers = new Map<string, Int16Array>();

  constructor(private readonly grid: Grid, private readonly voxels: Int16Array, private readonly ready: Uint8Array) {}

  /** Size of a plane's slices in pixels. */
  size(plane: Plane): { columns: number; rows: number } {
    return { columns: extent(this.grid, plane.u), rows: extent(this.grid, plane.v) };
  }

  /** The pixels of one slice. Axial ones are a window into the volume, the others live until the next cut. */
  cut(plane: Plane, index: number): Int16Array {
    const { nx, ny, nz } = this.grid;
    if (plane.name === 'axial' && this.ready[index]) return this.voxels.subarray(index * nx * ny, (index + 1) * nx * ny);
    const { columns, rows } = this.size(plane);
    const pixels = this.buffers.get(plane.name) ?? new Int16Array(columns * rows);
    this.buffers.set(plane.name, pixels);
    if (plane.name === 'axial') return pixels.fill(EMPTY);
    for (let row = 0; row < rows; row += 1) {
      const z = nz - 1 - row;
      const line = pixels.subarray(row * columns, (row + 1) * columns);
      if (!this.ready[z]) line.fill(EMPTY);
      else if (plane.name === 'coronal') line.set(this.voxels.subarray((z * ny + index) * nx, (z * ny + index + 1) * nx));
      else for (let y = 0, at = z * ny * nx + index; y < ny; y += 1, at += nx) line[y] = this.voxels[at] as number;
    }
    return pixels;
  }
}
