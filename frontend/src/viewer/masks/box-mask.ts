import type { Box } from '../../shared/types';
import { packBits, unpackBits } from './packbits';
import type { MaskPlane, MaskSource } from './source';
import type { PlaneName } from '../views/planes';

/** Sizes of a half-open box as [z, y, x]. */
export function boxSize(box: Box): [number, number, number] {
  return [box[3] - box[0], box[4] - box[1], box[5] - box[2]];
}

/** The smallest box that holds both. An empty box (zero size) adds nothing. */
export function union(a: Box, b: Box): Box {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  return [
    Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.min(a[2], b[2]),
    Math.max(a[3], b[3]), Math.max(a[4], b[4]), Math.max(a[5], b[5]),
  ];
}

export function isEmpty(box: Box): boolean {
  return boxSize(box).some((size) => size <= 0);
}

/** A mask of the series grid kept only inside a box; the box grows while the reader paints. */
export class BoxMask implements MaskSource {
  /** Counts changes, so that drawn outlines know when they are stale. */
  version = 0;
  count: number;

  constructor(public box: Box, private data: Uint8Array) {
    const [z, y, x] = boxSize(box);
    if (data.length !== z * y * x) throw new Error('The mask does not fit its box.');
    this.count = data.reduce((sum, value) => sum + (value ? 1 : 0), 0);
  }

  static empty(): BoxMask {
    return new BoxMask([0, 0, 0, 0, 0, 0], new Uint8Array(0));
  }

  /** From the bytes of GET .../mask. */
  static unpack(box: Box, packed: Uint8Array): BoxMask {
    const [z, y, x] = boxSize(box);
    return new BoxMask(box, unpackBits(packed, z * y * x));
  }

  /** A copy of any mask inside a box. */
  static copyOf(source: MaskSource): BoxMask {
    const [z0, y0, x0, z1, y1, x1] = source.box;
    const data = new Uint8Array((z1 - z0) * (y1 - y0) * (x1 - x0));
    let i = 0;
    for (let z = z0; z < z1; z += 1) {
      for (let y = y0; y < y1; y += 1) {
        for (let x = x0; x < x1; x += 1, i += 1) if (source.has(z, y, x)) data[i] = 1;
      }
    }
    return new BoxMask([...source.box], data);
  }

  private offset(z: number, y: number, x: number): number {
    const [z0, y0, x0, z1, y1, x1] = this.box;
    if (z < z0 || z >= z1 || y < y0 || y >= y1 || x < x0 || x >= x1) return -1;
    return ((z - z0) * (y1 - y0) + (y - y0)) * (x1 - x0) + (x - x0);
  }

  has(z: number, y: number, x: number): boolean {
    const at = this.offset(z, y, x);
    return at >= 0 && this.data[at] === 1;
  }

  /** Sets one voxel inside the box; returns true when that changed it. Grow the box first. */
  put(z: number, y: number, x: number, value: boolean): boolean {
    const at = this.offset(z, y, x);
    if (at < 0 || (this.data[at] === 1) === value) return false;
    this.data[at] = value ? 1 : 0;
    this.count += value ? 1 : -1;
    this.version += 1;
    return true;
  }

  /** Makes room for a box, with a margin so that a stroke does not copy the mask at every move. */
  grow(needed: Box, limit: Box): void {
    const whole = union(this.box, needed);
    if (whole.every((edge, i) => edge === this.box[i])) return;
    const margin = (edge: number, i: number): number =>
      i < 3 ? Math.max(limit[i] ?? 0, edge - (i === 0 ? 1 : 16)) : Math.min(limit[i] ?? 0, edge + (i === 3 ? 1 : 16));
    const roomy = whole.map((edge, i) => (edge === this.box[i] ? edge : margin(edge, i))) as Box;
    this.resize(roomy);
  }

  private resize(target: Box): void {
    const [nz, ny, nx] = boxSize(target);
    const [oz, oy, ox] = boxSize(this.box);
    const data = new Uint8Array(nz * ny * nx);
    for (let z = 0; z < oz; z += 1) {
      for (let y = 0; y < oy; y += 1) {
        const from = (z * oy + y) * ox;
        const row = (z + this.box[0] - target[0]) * ny + (y + this.box[1] - target[1]);
        data.set(this.data.subarray(from, from + ox), row * nx + this.box[2] - target[2]);
      }
    }
    this.box = target;
    this.data = data;
  }

  /** The tight box and its packed bits, as PUT .../mask takes them. An empty mask gives an empty box. */
  pack(): { box: Box; bytes: Uint8Array<ArrayBuffer> } {
    const tight = this.tightBox();
    const cut = BoxMask.copyOf({ box: tight, has: (z, y, x) => this.has(z, y, x), version: 0, plane: () => null });
    return { box: tight, bytes: packBits(cut.data) };
  }

  private tightBox(): Box {
    let found: Box = [0, 0, 0, 0, 0, 0];
    const [z0, y0, x0] = this.box;
    const [nz, ny, nx] = boxSize(this.box);
    for (let row = 0; row < nz * ny; row += 1) {
      const line = this.data.subarray(row * nx, (row + 1) * nx);
      const first = line.indexOf(1);
      if (first < 0) continue;
      const z = z0 + Math.floor(row / ny);
      const y = y0 + (row % ny);
      found = union(found, [z, y, x0 + first, z + 1, y + 1, x0 + line.lastIndexOf(1) + 1]);
    }
    return found;
  }

  plane(name: PlaneName, index: number): MaskPlane | null {
    const [z0, y0, x0, z1, y1, x1] = this.box;
    if (name === 'axial') {
      if (index < z0 || index >= z1) return null;
      const area = (y1 - y0) * (x1 - x0);
      const data = this.data.subarray((index - z0) * area, (index - z0 + 1) * area);
      return { u0: x0, v0: y0, width: x1 - x0, height: y1 - y0, data };
    }
    const coronal = name === 'coronal';
    if (coronal ? index < y0 || index >= y1 : index < x0 || index >= x1) return null;
    const [width, u0] = coronal ? [x1 - x0, x0] : [y1 - y0, y0];
    const data = new Uint8Array(width * (z1 - z0));
    for (let z = z0; z < z1; z += 1) {
      for (let u = 0; u < width; u += 1) {
        const at = coronal ? this.offset(z, index, x0 + u) : this.offset(z, y0 + u, index);
        data[(z - z0) * width + u] = this.data[at] ?? 0;
      }
    }
    return { u0, v0: z0, width, height: z1 - z0, data };
  }
}
