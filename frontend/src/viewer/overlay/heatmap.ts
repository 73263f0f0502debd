import type { Matrix4 } from '../../shared/types';
import { extent, type Axis, type Plane } from '../views/planes';
import { invert, multiply, type Grid } from '../volume/geometry';

/** Where each series voxel along one axis falls on the heatmap's grid: lower index, weight of the upper, 1 within the grid and 0 beyond. */
interface Lookup {
  low: Int32Array;
  weight: Float32Array;
  within: Uint8Array;
}

const AXES: Axis[] = ['x', 'y', 'z'];
const TURN_LIMIT = 0.01;
/** Voxels of its own grid beyond the outermost centres that a heatmap still speaks of: half a voxel, and what a stride leaves over at the far edge. */
const REACH = 1;

/** Evidence 0..255 of one system on its own grid, sampled trilinearly on the series grid. */
export class Heatmap {
  private readonly lookups: Record<Axis, Lookup>;
  private readonly size: Record<Axis, number>;

  /**
   * `data` is uint8 [z, y, x] of `shape`; both affines map voxel centres to LPS mm.
   * Throws when the heatmap's axes are turned against the series.
   */
  constructor(
    private readonly data: Uint8Array, shape: [number, number, number], affine: Matrix4, private readonly grid: Grid,
  ) {
    const [z, y, x] = shape;
    if (data.length !== z * y * x) throw new Error('The heatmap does not fit its shape.');
    this.size = { x, y, z };
    const toHeat = multiply(invert(affine), grid.affine);
    this.lookups = { x: this.lookup(toHeat, 0), y: this.lookup(toHeat, 1), z: this.lookup(toHeat, 2) };
  }

  private lookup(toHeat: Matrix4, index: number): Lookup {
    const axis = AXES[index] ?? 'x';
    const row = toHeat[index] ?? [];
    const turned = [0, 1, 2].some((c) => c !== index && Math.abs(row[c] ?? 0) > TURN_LIMIT);
    if (turned) throw new Error('The heatmap is turned against the image.');
    const n = extent(this.grid, axis);
    const last = this.size[axis] - 1;
    const low = new Int32Array(n);
    const weight = new Float32Array(n);
    const within = new Uint8Array(n);
    for (let i = 0; i < n; i += 1) {
      const place = (row[index] ?? 0) * i + (row[3] ?? 0);
      within[i] = Number(place >= -REACH && place <= last + REACH);
      const at = Math.min(last, Math.max(0, place));
      low[i] = Math.min(Math.floor(at), Math.max(0, last - 1));
      weight[i] = last === 0 ? 0 : at - (low[i] ?? 0);
    }
    return { low, weight, within };
  }

  private stride(axis: Axis): number {
    return axis === 'x' ? 1 : axis === 'y' ? this.size.x : this.size.x * this.size.y;
  }

  /** Evidence 0..1 at a voxel of the series. */
  at(x: number, y: number, z: number): number {
    let sum = 0;
    for (let corner = 0; corner < 8; corner += 1) {
      let weight = 1;
      let offset = 0;
      for (const [bit, axis] of AXES.entries()) {
        const voxel = axis === 'x' ? x : axis === 'y' ? y : z;
        const { low, weight: w, within } = this.lookups[axis];
        if (!within[voxel]) return 0;
        const upper = (corner >> bit) & 1;
        weight *= upper ? (w[voxel] ?? 0) : 1 - (w[voxel] ?? 0);
        offset += Math.min((low[voxel] ?? 0) + upper, this.size[axis] - 1) * this.stride(axis);
      }
      sum += weight * (this.data[offset] ?? 0);
    }
    return sum / 255;
  }

  /** Evidence 0..255 over a whole slice: rows v, columns u. */
  plane(plane: Plane, index: number): Uint8ClampedArray {
    const flat = this.blend(plane, index);
    const us = this.lookups[plane.u];
    const vs = this.lookups[plane.v];
    const width = extent(this.grid, plane.u);
    const height = extent(this.grid, plane.v);
    const gw = this.size[plane.u];
    const out = new Uint8ClampedArray(width * height);
    if (!this.lookups[plane.normal].within[index]) return out;
    for (let v = 0, i = 0; v < height; v += 1) {
      const row = (vs.low[v] ?? 0) * gw;
      const next = this.size[plane.v] > 1 ? row + gw : row;
      const wv = vs.weight[v] ?? 0;
      for (let u = 0; u < width; u += 1, i += 1) {
        const a = us.low[u] as number;
        const b = gw > 1 ? a + 1 : a;
        const wu = us.weight[u] as number;
        const top = (flat[row + a] as number) * (1 - wu) + (flat[row + b] as number) * wu;
        const bottom = (flat[next + a] as number) * (1 - wu) + (flat[next + b] as number) * wu;
        if (us.within[u] && vs.within[v]) out[i] = top * (1 - wv) + bottom * wv;
      }
    }
    return out;
  }

  /** The heatmap's own plane between two of its slices, on its own grid. */
  private blend(plane: Plane, index: number): Float32Array {
    const { low, weight } = this.lookups[plane.normal];
    const w = weight[index] ?? 0;
    const first = (low[index] ?? 0) * this.stride(plane.normal);
    const second = this.size[plane.normal] > 1 ? first + this.stride(plane.normal) : first;
    const su = this.stride(plane.u);
    const sv = this.stride(plane.v);
    const flat = new Float32Array(this.size[plane.u] * this.size[plane.v]);
    for (let v = 0, i = 0; v < this.size[plane.v]; v += 1) {
      for (let u = 0; u < this.size[plane.u]; u += 1, i += 1) {
        const at = u * su + v * sv;
        flat[i] = (this.data[first + at] as number) * (1 - w) + (this.data[second + at] as number) * w;
      }
    }
    return flat;
  }
}
