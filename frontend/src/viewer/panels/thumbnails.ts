import { el } from '../../shared/dom';
import { colorTable } from '../overlay/colormap';
import type { Heatmap } from '../overlay/heatmap';
import type { RegionView } from '../regions/regions';
import { PLANES } from '../views/planes';
import type { Grid } from '../volume/geometry';

const LUNG = { low: -1200, high: 200 };
const WIDE = 96;
const REGION_PX = 44;

function grey(hu: number): number {
  return Math.min(255, Math.max(0, Math.round(((hu - LUNG.low) / (LUNG.high - LUNG.low)) * 255)));
}

/** Small pictures made from the volume itself, once their slices have arrived. */
export class Thumbnails {
  private readonly slices = new Map<number, HTMLCanvasElement>();
  private heat: Heatmap | null = null;
  private readonly table = colorTable(0.35, 0.6);

  constructor(private readonly grid: Grid, private readonly voxels: Int16Array, private readonly ready: Uint8Array) {}

  /** Evidence over the pictures from now on; null for none. True when that changes the pictures. */
  setHeat(heat: Heatmap | null): boolean {
    if (heat === this.heat) return false;
    this.heat = heat;
    this.slices.clear();
    return true;
  }

  /** A lung-window picture of an axial slice, or null while the slice is on its way. */
  slice(z: number): HTMLCanvasElement | null {
    const kept = this.slices.get(z);
    if (kept) return kept;
    if (!this.ready[z]) return null;
    const height = Math.round((WIDE * this.grid.ny * this.grid.sy) / (this.grid.nx * this.grid.sx));
    const made = this.picture(z, 0, 0, this.grid.nx, this.grid.ny, WIDE, height);
    this.slices.set(z, made);
    return made;
  }

  /** The surroundings of a region in its fullest slice. */
  region(region: RegionView): HTMLCanvasElement | null {
    const z = region.centre.z;
    if (!this.ready[z] || region.ml === 0) return null;
    const [, y0, x0, , y1, x1] = region.source.box;
    const half = Math.max(y1 - y0, x1 - x0, 24) * 0.6;
    const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
    return this.picture(z, cx - half, cy - half, cx + half, cy + half, REGION_PX * 2, REGION_PX * 2);
  }

  private picture(
    z: number, x0: number, y0: number, x1: number, y1: number, width: number, height: number,
  ): HTMLCanvasElement {
    const canvas = el('canvas', { width, height });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return canvas;
    const image = context.createImageData(width, height);
    const { nx, ny } = this.grid;
    const evidence = this.heat?.plane(PLANES.axial, z);
    for (let row = 0; row < height; row += 1) {
      const y = Math.floor(y0 + ((row + 0.5) * (y1 - y0)) / height);
      for (let column = 0; column < width; column += 1) {
        const x = Math.floor(x0 + ((column + 0.5) * (x1 - x0)) / width);
        const inside = x >= 0 && y >= 0 && x < nx && y < ny;
        const value = inside ? grey(this.voxels[(z * ny + y) * nx + x] ?? LUNG.low) : 0;
        const colour = inside && evidence ? (this.table[evidence[y * nx + x] ?? 0] ?? 0) : 0;
        this.mix(image.data, (row * width + column) * 4, value, colour);
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  private mix(pixels: Uint8ClampedArray, at: number, value: number, colour: number): void {
    const alpha = (colour >>> 24) / 255;
    for (let i = 0; i < 3; i += 1) pixels[at + i] = value * (1 - alpha) + ((colour >>> (8 * i)) & 255) * alpha;
    pixels[at + 3] = 255;
  }
}
