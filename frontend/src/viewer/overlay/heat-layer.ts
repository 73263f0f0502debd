import { el } from '../../shared/dom';
import { extent, type PlaneName } from '../views/planes';
import type { PlaneView } from '../views/plane-view';
import type { Grid } from '../volume/geometry';
import { colorTable } from './colormap';
import type { Heatmap } from './heatmap';

interface KeptPlane {
  index: number;
  table: Uint32Array;
  values: Uint8ClampedArray;
  canvas: HTMLCanvasElement;
}

/** Draws one heatmap over the views; keeps the last slice of each plane. */
export class HeatLayer {
  private readonly kept = new Map<PlaneName, KeptPlane>();
  private table = colorTable(0.35, 0.5);
  private key = '0.35/0.5';

  constructor(readonly map: Heatmap, private readonly grid: Grid) {}

  draw(context: CanvasRenderingContext2D, view: PlaneView, threshold: number, opacity: number): void {
    const key = `${threshold}/${opacity}`;
    if (key !== this.key) [this.table, this.key] = [colorTable(threshold, opacity), key];
    const { canvas } = this.plane(view);
    const { a, b, c, d, e, f } = view.transform;
    context.save();
    context.transform(a, b, c, d, e, f);
    context.imageSmoothingEnabled = true;
    context.drawImage(canvas, -0.5, -0.5);
    context.restore();
  }

  private plane(view: PlaneView): KeptPlane {
    const { plane, slice } = view;
    const kept = this.kept.get(plane.name);
    if (kept?.index === slice && kept.table === this.table) return kept;
    const values = kept?.index === slice ? kept.values : this.map.plane(plane, slice);
    const canvas = kept?.canvas ?? el('canvas', { width: extent(this.grid, plane.u), height: extent(this.grid, plane.v) });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('The browser gives no canvas.');
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = this.table[values[i] as number] as number;
    context.putImageData(image, 0, 0);
    const made = { index: slice, table: this.table, values, canvas };
    this.kept.set(plane.name, made);
    return made;
  }
}
