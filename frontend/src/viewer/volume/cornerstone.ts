import { getRenderingCapabilities, imageLoader, init, metaData, RenderingEngine, setCanvasCreator, setUseCPURendering, utilities } from '@cornerstonejs/core';
import type { Types } from '@cornerstonejs/core';
import { PLANES, spacing, type Plane, type PlaneName } from '../views/planes';
import type { Grid } from './geometry';
import { SliceCutter } from './slices';

const SCHEME = 'ctstream';
const ENGINE_ID = 'lungsight';
const WINDOW = { windowCenter: -500, windowWidth: 1400 };

/** Row and column directions of each plane's pictures; rows run downwards on the screen. */
const COSINES: Record<PlaneName, number[]> = {
  axial: [1, 0, 0, 0, 1, 0], coronal: [1, 0, 0, 0, 0, -1], sagittal: [0, 1, 0, 0, 0, -1],
};

/** Whether a graphics card draws. Without WebGL, or with WebGL done in software, 2-D canvases are faster. */
function hasGraphicsCard(): boolean {
  const { webgl2, softwareRasterizer } = getRenderingCapabilities();
  return webgl2 && !softwareRasterizer;
}

/** A canvas that the processor draws into, so that no picture travels to a slow graphics driver and back. */
function plainCanvas(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext('2d', { willReadFrequently: true });
  return canvas;
}

/**
 * The CT as Cornerstone sees it: pictures of the three planes cut from our own volume, in a voxel-aligned frame
 * (world = voxel * spacing), so every slice passes exactly through voxel centres.
 */
export class CtVolume {
  readonly engine: RenderingEngine;
  private readonly cutter: SliceCutter;

  /** `voxels` is shared, not copied: a slice shows what has arrived (`ready`) when it is drawn. */
  constructor(private readonly grid: Grid, voxels: Int16Array, ready: Uint8Array) {
    init({ debug: {} });
    if (!hasGraphicsCard()) {
      setUseCPURendering(true);
      setCanvasCreator(plainCanvas);
    }
    this.cutter = new SliceCutter(grid, voxels, ready);
    metaData.addProvider((type: string, id: unknown) => this.describe(type, id), 10000);
    imageLoader.registerImageLoader(SCHEME, (id) => ({ promise: Promise.resolve(this.imageOf(id)) }));
    this.engine = new RenderingEngine(ENGINE_ID);
  }

  idOf(plane: Plane, index: number): string {
    return `${SCHEME}:${plane.name}/${index}`;
  }

  private parse(id: unknown): { plane: Plane; index: number } | null {
    const found = typeof id === 'string' ? /^ctstream:(axial|coronal|sagittal)\/(\d+)$/.exec(id) : null;
    return found ? { plane: PLANES[found[1] as PlaneName], index: Number(found[2]) } : null;
  }

  private imageOf(id: string): Types.IImage {
    const parsed = this.parse(id);
    if (!parsed) throw new Error(`${id} is no slice of this volume.`);
    return this.image(parsed.plane, parsed.index);
  }

  /** One slice as Cornerstone shows it. */
  image(plane: Plane, index: number): Types.IImage {
    const { columns, rows } = this.cutter.size(plane);
    const pixels = this.cutter.cut(plane, index);
    const image = {
      imageId: this.idOf(plane, index), intercept: 0, slope: 1, ...WINDOW, voiLUTFunction: 'LINEAR', minPixelValue: -4096,
      maxPixelValue: 32767, rows, columns, height: rows, width: columns, sizeInBytes: pixels.byteLength,
      rowPixelSpacing: spacing(this.grid, plane.v), columnPixelSpacing: spacing(this.grid, plane.u), invert: false,
      color: false, rgba: false, numberOfComponents: 1, dataType: 'Int16Array', photometricInterpretation: 'MONOCHROME2',
      isPreScaled: true, preScale: { enabled: true, scaled: true }, getPixelData: () => pixels,
      voxelManager: utilities.VoxelManager.createImageVoxelManager({
        width: columns, height: rows, scalarData: pixels, numberOfComponents: 1, id: this.idOf(plane, index),
      }),
    };
    return image as unknown as Types.IImage;
  }

  private describe(type: string, id: unknown): object | undefined {
    const parsed = this.parse(id);
    if (!parsed) return undefined;
    if (type === 'imagePlaneModule') return this.place(parsed.plane, parsed.index);
    if (type === 'imagePixelModule') {
      return {
        pixelRepresentation: 1, bitsAllocated: 16, bitsStored: 16, highBit: 15, samplesPerPixel: 1,
        photometricInterpretation: 'MONOCHROME2',
      };
    }
    if (type === 'generalSeriesModule') return { modality: 'CT', seriesInstanceUID: parsed.plane.name };
    if (type === 'modalityLutModule') return { rescaleSlope: 1, rescaleIntercept: 0 };
    return type === 'voiLutModule' ? WINDOW : undefined;
  }

  private place(plane: Plane, index: number): object {
    const { columns, rows } = this.cutter.size(plane);
    const { sx, sy, sz, nz } = this.grid;
    const top = (nz - 1) * sz;
    const origins = { axial: [0, 0, index * sz], coronal: [0, index * sy, top], sagittal: [index * sx, 0, top] };
    const cosines = COSINES[plane.name];
    const [row, column] = [spacing(this.grid, plane.v), spacing(this.grid, plane.u)];
    return {
      imageOrientationPatient: cosines, rowCosines: cosines.slice(0, 3), columnCosines: cosines.slice(3),
      imagePositionPatient: origins[plane.name], pixelSpacing: [row, column], rowPixelSpacing: row, columnPixelSpacing: column,
      rows, columns, frameOfReferenceUID: SCHEME, sliceThickness: spacing(this.grid, plane.normal),
    };
  }
}
