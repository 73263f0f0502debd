import type { MaskPlane } from '../masks/source';

/** A closed line through pixel edges: u, v, u, v, ... in voxels (voxel centres are whole numbers). */
export type Loop = number[];

/** Directed pixel edges around a mask, inside on the right hand, kept by the corner they start from. */
class Edges {
  private readonly first: Int32Array;
  private readonly second: Int32Array;
  readonly starts: number[] = [];

  constructor(private readonly stride: number, corners: number) {
    this.first = new Int32Array(corners).fill(-1);
    this.second = new Int32Array(corners).fill(-1);
  }

  add(from: number, to: number): void {
    if (this.first[from] === -1) this.first[from] = to;
    else this.second[from] = to;
    this.starts.push(from);
  }

  /** Takes an edge out of a corner; where two leave (pixels that touch by a corner) the one that turns right. */
  take(corner: number, before: number): number {
    const one = this.first[corner] ?? -1;
    const two = this.second[corner] ?? -1;
    if (one === -1) return -1;
    if (two === -1 || before < 0 || this.turnsRight(before, corner, one)) {
      this.first[corner] = two;
      this.second[corner] = -1;
      return one;
    }
    this.second[corner] = -1;
    return two;
  }

  private turnsRight(before: number, corner: number, after: number): boolean {
    const at = (id: number): [number, number] => [id % this.stride, Math.floor(id / this.stride)];
    const [bx, by] = at(before);
    const [cx, cy] = at(corner);
    const [ax, ay] = at(after);
    return (cx - bx) * (ay - cy) - (cy - by) * (ax - cx) > 0;
  }
}

function collect({ width, height, data }: MaskPlane): Edges {
  const stride = width + 1;
  const edges = new Edges(stride, stride * (height + 1));
  const inside = (u: number, v: number): boolean =>
    u >= 0 && v >= 0 && u < width && v < height && data[v * width + u] !== 0;
  for (let v = 0; v < height; v += 1) {
    for (let u = 0; u < width; u += 1) {
      if (data[v * width + u] === 0) continue;
      const corner = v * stride + u;
      if (!inside(u, v - 1)) edges.add(corner, corner + 1);
      if (!inside(u + 1, v)) edges.add(corner + 1, corner + 1 + stride);
      if (!inside(u, v + 1)) edges.add(corner + 1 + stride, corner + stride);
      if (!inside(u - 1, v)) edges.add(corner + stride, corner);
    }
  }
  return edges;
}

/** Outlines of a mask as closed loops through the middles of pixel edges, which rounds the stairs. */
export function traceLoops(plane: MaskPlane): Loop[] {
  const edges = collect(plane);
  const stride = plane.width + 1;
  const loops: Loop[] = [];
  for (const start of edges.starts) {
    let from = start;
    let to = edges.take(from, -1);
    if (to === -1) continue;
    const loop: Loop = [];
    while (to !== -1) {
      const u = ((from % stride) + (to % stride)) / 2;
      const v = (Math.floor(from / stride) + Math.floor(to / stride)) / 2;
      loop.push(plane.u0 + u - 0.5, plane.v0 + v - 0.5);
      const next = edges.take(to, from);
      from = to;
      to = next;
    }
    loops.push(loop);
  }
  return loops;
}

/** The loops as one path in voxel units. */
export function loopsPath(loops: Loop[]): Path2D {
  const path = new Path2D();
  for (const loop of loops) {
    for (let i = 0; i < loop.length; i += 2) {
      if (i === 0) path.moveTo(loop[0] ?? 0, loop[1] ?? 0);
      else path.lineTo(loop[i] ?? 0, loop[i + 1] ?? 0);
    }
    path.closePath();
  }
  return path;
}

/** The mean place of the longest loop's points, in voxels; null where all loops are shorter than `fewest`. */
export function middleOf(loops: Loop[], fewest: number): [number, number] | null {
  const longest = loops.reduce<Loop>((best, loop) => (loop.length > best.length ? loop : best), []);
  const points = longest.length / 2;
  if (points === 0 || points < fewest) return null;
  let [u, v] = [0, 0];
  for (let i = 0; i < longest.length; i += 2) [u, v] = [u + (longest[i] ?? 0), v + (longest[i + 1] ?? 0)];
  return [u / points, v / points];
}
