import type { Grid, Point } from '../volume/geometry';

/** The three planes through the series grid. */
export type PlaneName = 'axial' | 'coronal' | 'sagittal';
export type Axis = 'x' | 'y' | 'z';

export interface Plane {
  name: PlaneName;
  title: string;
  /** The axis that slices count along, and the two inside the picture (u to the right). */
  normal: Axis;
  u: Axis;
  v: Axis;
  /** Letters at the picture's edges, radiological convention; never mirrored. */
  left: string;
  right: string;
  top: string;
  bottom: string;
}

export const PLANES: Record<PlaneName, Plane> = {
  axial: { name: 'axial', title: 'Axial', normal: 'z', u: 'x', v: 'y', left: 'R', right: 'L', top: 'A', bottom: 'P' },
  coronal: {
    name: 'coronal', title: 'Coronal', normal: 'y', u: 'x', v: 'z', left: 'R', right: 'L', top: 'S', bottom: 'I',
  },
  sagittal: {
    name: 'sagittal', title: 'Sagittal', normal: 'x', u: 'y', v: 'z', left: 'A', right: 'P', top: 'S', bottom: 'I',
  },
};

export const PLANE_NAMES: PlaneName[] = ['axial', 'coronal', 'sagittal'];

/** Number of voxels along an axis. */
export function extent(grid: Grid, axis: Axis): number {
  return axis === 'x' ? grid.nx : axis === 'y' ? grid.ny : grid.nz;
}

/** Voxel size along an axis in mm. */
export function spacing(grid: Grid, axis: Axis): number {
  return axis === 'x' ? grid.sx : axis === 'y' ? grid.sy : grid.sz;
}

/** The voxel at (u, v) of slice `index` of a plane. */
export function voxelAt(plane: Plane, index: number, u: number, v: number): Point {
  const point: Point = { x: 0, y: 0, z: 0 };
  point[plane.normal] = index;
  point[plane.u] = u;
  point[plane.v] = v;
  return point;
}

/** Number of the slice as people count it: axial from the apex, the others from 1. */
export function shownNumber(plane: Plane, grid: Grid, index: number): number {
  return plane.normal === 'z' ? grid.nz - index : index + 1;
}
