import { el } from '../../shared/dom';
import type { LabelVolume } from '../masks/label-volume';
import { extent, type PlaneName } from '../views/planes';
import type { PlaneView } from '../views/plane-view';
import type { Grid } from '../volume/geometry';
import { LESION_TYPES } from './lesion-types';
import { rgbOf, tokenColour } from './tokens';

interface KeptPlane {
  index: number;
  table: Uint32Array;
  canvas: HTMLCanvasElement;
}

/** 256 RGBA colours (little endian, as ImageData reads them) for lesion values; hidden types stay clear. */
export function lesionTable(hidden: ReadonlySet<number>, opacity: number): Uint32Array {
  const table = new Uint32Array(256);
  for (const { value, token } of LESION_TYPES) {
    if (hidden.has(value)) continue;
    const [r, g, b] = rgbOf(tokenColour(token));
    table[value] = ((Math.round(255 * opacity) << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return table;
}

/** Draws the lesion types over the views, voxel by voxel; keeps the last slice of each plane. */
export class LesionLayer {
  private readonly kept = new Map<PlaneName, KeptPlane>();
  private table: Uint32Array = new Uint32Array(256);
  private key = '';

  constructor(private readonly volume: LabelVolume, private readonly grid: Grid) {}

  draw(context: CanvasRenderingContext2D, view: PlaneView, hidden: ReadonlySet<number>, opacity: number): void {
    const key = `${[...hidden].sort((a, b) => a - b).join()}/${opacity}`;
    if (key !== this.key) [this.table, this.key] = [lesionTable(hidden, opacity), key];
    const canvas = this.plane(view);
    const { a, b, c, d, e, f } = view.transform;
    context.save();
    context.transform(a, b, c, d, e, f);
    // Types have no values between them: a voxel keeps its edges.
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, -0.5, -0.5);
    context.restore();
  }

  private plane(view: PlaneView): HTMLCanvasElement {
    const { plane, slice } = view;
    const kept = this.kept.get(plane.name);
    if (kept?.index === slice && kept.table === this.table) return kept.canvas;
    const canvas = kept?.canvas ?? el('canvas', { width: extent(this.grid, plane.u), height: extent(this.grid, plane.v) });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('The browser gives no canvas.');
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    const values = this.volume.plane(plane, slice);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = this.table[values[i] as number] as number;
    context.putImageData(image, 0, 0);
    this.kept.set(plane.name, { index: slice, table: this.table, canvas });
    return canvas;
  }
}
