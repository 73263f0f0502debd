import type { Matrix4 } from '../../shared/types';

/** A point in voxels or millimetres. Voxels: x to the patient's left, y to posterior, z to cranial. */
export interface Point {
  x: number;
  y: number;
  z: number;
}

/** Shape and voxel size of the series grid, and its place in the patient (LPS mm). */
export interface Grid {
  nx: number;
  ny: number;
  nz: number;
  /** Voxel size in mm. */
  sx: number;
  sy: number;
  sz: number;
  affine: Matrix4;
}

function row(matrix: Matrix4, index: number): number[] {
  const found = matrix[index];
  if (!found || found.length < 4) throw new Error('An affine has four rows of four numbers.');
  return found;
}

/** Applies a 4x4 affine to a point. */
export function apply(matrix: Matrix4, point: Point): Point {
  const at = (index: number): number => {
    const [a = 0, b = 0, c = 0, d = 0] = row(matrix, index);
    return a * point.x + b * point.y + c * point.z + d;
  };
  return { x: at(0), y: at(1), z: at(2) };
}

/** The inverse of an affine whose last row is 0 0 0 1. Throws when it is singular. */
export function invert(matrix: Matrix4): Matrix4 {
  const [a = 0, b = 0, c = 0, tx = 0] = row(matrix, 0);
  const [d = 0, e = 0, f = 0, ty = 0] = row(matrix, 1);
  const [g = 0, h = 0, i = 0, tz = 0] = row(matrix, 2);
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (Math.abs(det) < 1e-12) throw new Error('The affine is singular.');
  const inverse = [
    [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
  const rows = inverse.map((r) => {
    const [p = 0, q = 0, s = 0] = r;
    return [p, q, s, -(p * tx + q * ty + s * tz)];
  });
  return [...rows, [0, 0, 0, 1]];
}

/** first after second: the affine that applies `second`, then `first`. */
export function multiply(first: Matrix4, second: Matrix4): Matrix4 {
  return [0, 1, 2, 3].map((r) =>
    [0, 1, 2, 3].map((c) =>
      [0, 1, 2, 3].reduce((sum, k) => sum + (first[r]?.[k] ?? 0) * (second[k]?.[c] ?? 0), 0)));
}

/** Volume of one voxel in ml. */
export function voxelMl(grid: Grid): number {
  return (grid.sx * grid.sy * grid.sz) / 1000;
}

/** The nearest voxel inside the grid. */
export function clampVoxel(grid: Grid, point: Point): Point {
  const clamp = (value: number, n: number): number => Math.min(n - 1, Math.max(0, Math.round(value)));
  return { x: clamp(point.x, grid.nx), y: clamp(point.y, grid.ny), z: clamp(point.z, grid.nz) };
}

/** Slice number as people count it: 1 is the most cranial. */
export function sliceNumber(nz: number, z: number): number {
  return nz - z;
}
