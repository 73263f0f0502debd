import { init, RenderingEngine, volumeLoader } from '@cornerstonejs/core';
import type { Types } from '@cornerstonejs/core';
import type { Grid } from './geometry';

const VOLUME_ID = 'ctstream:volume';
const ENGINE_ID = 'lungsight';

/** True when this browser can draw volumes at all. */
export function hasWebGl2(): boolean {
  return document.createElement('canvas').getContext('webgl2') !== null;
}

/** The CT as Cornerstone sees it: its own voxel-aligned frame, world = voxel * spacing, so slices are exact. */
export class CtVolume {
  readonly id = VOLUME_ID;

  private constructor(private readonly volume: Types.IImageVolume, readonly engine: RenderingEngine) {}

  /** `voxels` is shared, not copied: slices are shown as they are filled in and `refresh` is called. */
  static create(grid: Grid, voxels: Int16Array): CtVolume {
    // Half floats hold every HU of a chest exactly (to 2048) and need half the memory of full ones.
    init({ debug: {}, rendering: { preferSizeOverAccuracy: true } });
    const volume = volumeLoader.createLocalVolume(VOLUME_ID, {
      dimensions: [grid.nx, grid.ny, grid.nz],
      spacing: [grid.sx, grid.sy, grid.sz],
      origin: [0, 0, 0],
      direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
      scalarData: voxels,
      metadata: {
        BitsAllocated: 16, BitsStored: 16, SamplesPerPixel: 1, HighBit: 15, PhotometricInterpretation: 'MONOCHROME2',
        PixelRepresentation: 1, Modality: 'CT', ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
        PixelSpacing: [grid.sy, grid.sx], FrameOfReferenceUID: VOLUME_ID, Columns: grid.nx, Rows: grid.ny, voiLut: [],
        VOILUTFunction: 'LINEAR', SeriesInstanceUID: VOLUME_ID,
      },
    });
    return new CtVolume(volume, new RenderingEngine(ENGINE_ID));
  }

  /** Sends slices that have arrived to the graphics card at the next drawing. */
  refresh(slices: number[]): void {
    const texture = this.volume.vtkOpenGLTexture as { setUpdatedFrame(index: number): void } | undefined;
    for (const z of slices) texture?.setUpdatedFrame(z);
  }
}
