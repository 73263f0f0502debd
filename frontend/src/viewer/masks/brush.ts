import type { Box } from '../../shared/types';
import { extent, spacing, voxelAt, type Plane } from '../views/planes';
import { voxelMl, type Grid, type Point } from '../volume/geometry';
import type { BoxMask } from './box-mask';

export interface BrushOptions {
  radiusMm: number;
  erase: boolean;
  /** Voxels that may be painted; erasing is always allowed. */
  allowed?: (z: number, y: number, x: number) => boolean;
}

/** The box of the whole grid. */
export function gridBox(grid: Grid): Box {
  return [0, 0, 0, grid.nz, grid.ny, grid.nx];
}

/** One stroke of the brush: discs along the pointer's way in one slice. Remembers every voxel it flipped. */
export class Stroke {
  private flipped: [number, number, number][] = [];
  private last: [number, number] | null = null;

  constructor(
    private readonly mask: BoxMask, private readonly grid: Grid, private readonly plane: Plane,
    private readonly index: number, private readonly options: BrushOptions,
  ) {}

  /** Goes on to (u, v), in voxels; fills the way from the last point without gaps. */
  moveTo(u: number, v: number): void {
    const [fromU, fromV] = this.last ?? [u, v];
    const su = spacing(this.grid, this.plane.u);
    const sv = spacing(this.grid, this.plane.v);
    const way = Math.hypot((u - fromU) * su, (v - fromV) * sv);
    const steps = Math.max(1, Math.ceil(way / Math.max(this.options.radiusMm / 2, Math.min(su, sv))));
    for (let step = this.last ? 1 : steps; step <= steps; step += 1) {
      const t = step / steps;
      this.disc(fromU + (u - fromU) * t, fromV + (v - fromV) * t);
    }
    this.last = [u, v];
  }

  private disc(u: number, v: number): void {
    const { radiusMm } = this.options;
    const su = spacing(this.grid, this.plane.u);
    const sv = spacing(this.grid, this.plane.v);
    const ru = radiusMm / su;
    const rv = radiusMm / sv;
    const [u0, u1] = this.range(u, ru, extent(this.grid, this.plane.u));
    const [v0, v1] = this.range(v, rv, extent(this.grid, this.plane.v));
    if (u1 <= u0 || v1 <= v0) return;
    const low = voxelAt(this.plane, this.index, u0, v0);
    const high = voxelAt(this.plane, this.index, u1 - 1, v1 - 1);
    if (!this.options.erase) {
      this.mask.grow([low.z, low.y, low.x, high.z + 1, high.y + 1, high.x + 1], gridBox(this.grid));
    }
    for (let b = v0; b < v1; b += 1) {
      for (let a = u0; a < u1; a += 1) {
        if (((a - u) / ru) ** 2 + ((b - v) / rv) ** 2 <= 1) this.flip(voxelAt(this.plane, this.index, a, b));
      }
    }
  }

  private range(centre: number, radius: number, size: number): [number, number] {
    // A brush smaller than a voxel still paints the voxel under the pointer.
    const reach = Math.max(radius, 0.5);
    return [Math.max(0, Math.ceil(centre - reach)), Math.min(size, Math.floor(centre + reach) + 1)];
  }

  private flip({ x, y, z }: Point): void {
    const { erase, allowed } = this.options;
    if (!erase && allowed && !allowed(z, y, x)) return;
    if (this.mask.put(z, y, x, !erase)) this.flipped.push([z, y, x]);
  }

  get changed(): number {
    return this.flipped.length;
  }

  undo(): void {
    for (const [z, y, x] of this.flipped) this.mask.put(z, y, x, this.options.erase);
  }

  redo(): void {
    for (const [z, y, x] of this.flipped) this.mask.put(z, y, x, !this.options.erase);
  }
}

/** Millilitres of a mask. */
export function maskMl(grid: Grid, voxels: number): number {
  return voxels * voxelMl(grid);
}
