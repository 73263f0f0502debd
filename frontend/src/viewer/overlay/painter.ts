import type { MaskSource } from '../masks/source';
import type { RegionStyle, RegionView, Regions } from '../regions/regions';
import type { ViewState } from '../state';
import type { Store } from '../store';
import { voxelAt } from '../views/planes';
import type { PlaneView } from '../views/plane-view';
import { loopsPath, middleOf, traceLoops } from './contour';
import type { HeatLayer } from './heat-layer';
import type { LesionLayer } from './lesion-layer';
import { tokenColour } from './tokens';

interface Outline {
  path: Path2D;
  /** Voxel at the outline's top, where its label stands. */
  top: [number, number] | null;
  /** The middle of its longest loop; null where a name would hide it. */
  middle: [number, number] | null;
}

/** Where a label stands on the canvas, in pixels. */
interface Label {
  left: number;
  top: number;
  width: number;
}

/** A lobe of the lungs and its name. */
export interface LobeSource {
  name: string;
  source: MaskSource;
}

/** What else lies over a view: asked for at every drawing. Heatmap or lesion types, whichever is chosen for it. */
export interface OverlayContent {
  heat: HeatLayer | null;
  regions: Regions;
  lungs: MaskSource | null;
  lobes: LobeSource[];
  lesions: LesionLayer | null;
  /** Where the pointer is, to draw the brush. */
  pointer: { view: PlaneView; u: number; v: number } | null;
}

const DASHES: Record<RegionStyle, number[]> = {
  pending: [6, 4], accepted: [], redrawn: [], unsure: [5, 3], rejected: [1.5, 3], own: [],
};
const COLOURS: Record<RegionStyle, string> = {
  pending: '--ls-rg-pending', accepted: '--ls-rg-accepted', redrawn: '--ls-rg-edited', unsure: '--ls-rg-unsure',
  rejected: '--ls-rg-rejected', own: '--ls-rg-own',
};
const KEPT_OUTLINES = 400;
/** Pixels from one label to the next above it. */
const LABEL_HEIGHT = 17;
/** An outline of fewer points is too small to have its name inside. */
const NAMED_POINTS = 80;

/** The colour of a region's verdict. */
export function styleColour(style: RegionStyle): string {
  return tokenColour(COLOURS[style]);
}

/** Draws everything that lies over the images, from our own arrays, in step with the image below. */
export class OverlayPainter {
  private readonly outlines = new Map<string, Outline>();
  private readonly sourceIds = new WeakMap<MaskSource, number>();
  private sources = 0;

  constructor(private readonly state: Store<ViewState>, private readonly content: (view: PlaneView) => OverlayContent) {}

  paint(view: PlaneView): void {
    const context = this.prepare(view);
    const state = this.state.value;
    if (!context || state.plain) return;
    const content = this.content(view);
    this.drawFill(context, view, content);
    if (state.lobes && !state.aiHidden) this.drawLobes(context, view, content.lobes);
    if (state.lungs && content.lungs) this.stroke(context, view, content.lungs, styleColour('rejected'), [], 1.5);
    if (state.outlines || state.drawing !== null) this.drawRegions(context, view, content.regions);
    this.drawBrush(context, view, content);
  }

  /** The heatmap or the lesion types, whichever is chosen. */
  private drawFill(context: CanvasRenderingContext2D, view: PlaneView, { heat, lesions }: OverlayContent): void {
    const { heatmap, aiHidden, drawing, threshold, opacity, hiddenTypes } = this.state.value;
    if (!heatmap || aiHidden || drawing !== null) return;
    lesions?.draw(context, view, hiddenTypes, opacity);
    heat?.draw(context, view, threshold, opacity);
  }

  private drawLobes(context: CanvasRenderingContext2D, view: PlaneView, lobes: LobeSource[]): void {
    const colour = tokenColour('--ls-lobe');
    const drawn = lobes.map(({ name, source }) => [name, this.stroke(context, view, source, colour, [], 1.5)] as const);
    context.font = '600 11px "Inter Variable", sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.strokeStyle = 'rgb(0 0 0 / 75%)';
    context.lineWidth = 3;
    context.fillStyle = colour;
    for (const [name, outline] of drawn) {
      if (!outline?.middle) continue;
      const [x, y] = view.toCanvas(voxelAt(view.plane, view.slice, ...outline.middle));
      context.strokeText(name, x, y);
      context.fillText(name, x, y);
    }
    context.textAlign = 'start';
  }

  private prepare(view: PlaneView): CanvasRenderingContext2D | null {
    const { overlay, element } = view;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(element.clientWidth * ratio);
    const height = Math.round(element.clientHeight * ratio);
    if (overlay.width !== width || overlay.height !== height) [overlay.width, overlay.height] = [width, height];
    const context = overlay.getContext('2d', { willReadFrequently: true });
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, element.clientWidth, element.clientHeight);
    return context;
  }

  private outline(view: PlaneView, source: MaskSource): Outline | null {
    let id = this.sourceIds.get(source);
    if (id === undefined) this.sourceIds.set(source, (id = this.sources += 1));
    const key = `${id}/${source.version}/${view.plane.name}/${view.slice}`;
    const kept = this.outlines.get(key);
    if (kept) return kept;
    const plane = source.plane(view.plane.name, view.slice);
    if (!plane) return null;
    const loops = traceLoops(plane);
    let top: [number, number] | null = null;
    const sign = view.plane.v === 'z' ? -1 : 1;
    for (const loop of loops) {
      for (let i = 0; i < loop.length; i += 2) {
        const [u = 0, v = 0] = [loop[i], loop[i + 1]];
        if (!top || v * sign < top[1] * sign) top = [u, v];
      }
    }
    const made = { path: loopsPath(loops), top, middle: middleOf(loops, NAMED_POINTS) };
    if (this.outlines.size >= KEPT_OUTLINES) this.outlines.delete(this.outlines.keys().next().value ?? '');
    this.outlines.set(key, made);
    return made;
  }

  private stroke(
    context: CanvasRenderingContext2D, view: PlaneView, source: MaskSource, colour: string, dash: number[], width: number,
  ): Outline | null {
    const outline = this.outline(view, source);
    if (!outline?.top) return null;
    const { a, b, c, d, e, f } = view.transform;
    const placed = new Path2D();
    placed.addPath(outline.path, new DOMMatrix([a, b, c, d, e, f]));
    context.lineJoin = 'round';
    context.setLineDash([]);
    context.strokeStyle = 'rgb(0 0 0 / 75%)';
    context.lineWidth = width + 2;
    context.stroke(placed);
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke(placed);
    context.setLineDash([]);
    return outline;
  }

  private drawRegions(context: CanvasRenderingContext2D, view: PlaneView, regions: Regions): void {
    const { aiHidden, selected, drawing, regionSystem } = this.state.value;
    const labels: [RegionView, [number, number]][] = [];
    for (const region of regions.of(regionSystem)) {
      if (aiHidden && !region.own) continue;
      const chosen = region.id === selected || region.id === drawing;
      const style = region.id === drawing && !region.own ? 'redrawn' : region.style;
      const dash = style === 'redrawn' || style === 'own' ? [] : DASHES[style];
      const drawn = this.stroke(context, view, region.source, styleColour(style), dash, chosen ? 3.4 : 2);
      if (drawn?.top) labels.push([region, drawn.top]);
    }
    const taken: Label[] = [];
    for (const [region, [u, v]] of labels) this.drawLabel(context, view, region, u, v, taken);
  }

  /** Draws the label over the outline's top, and over those that stand there already. */
  private drawLabel(
    context: CanvasRenderingContext2D, view: PlaneView, region: RegionView, u: number, v: number, taken: Label[],
  ): void {
    // With one system on the screen its numbers are enough.
    const label = this.state.value.regionSystem === null ? region.label : region.short;
    const [x, y] = view.toCanvas(voxelAt(view.plane, view.slice, u, v));
    context.font = '600 11px "Inter Variable", sans-serif';
    const width = context.measureText(label).width + 8;
    const left = Math.round(x - width / 2);
    let top = Math.round(y - 22);
    const covers = (other: Label): boolean =>
      left < other.left + other.width && other.left < left + width && Math.abs(top - other.top) < LABEL_HEIGHT;
    while (taken.some(covers)) top -= LABEL_HEIGHT;
    taken.push({ left, top, width });
    context.fillStyle = '#000';
    context.strokeStyle = styleColour(region.style);
    context.lineWidth = 1;
    context.beginPath();
    context.roundRect(left, top, width, 16, 3);
    context.fill();
    context.stroke();
    context.fillStyle = styleColour(region.style);
    context.textBaseline = 'middle';
    context.fillText(label, left + 4, top + 8.5);
  }

  private drawBrush(context: CanvasRenderingContext2D, view: PlaneView, { pointer }: OverlayContent): void {
    const { drawing, brushMm, tool } = this.state.value;
    if (drawing === null || pointer?.view !== view || (tool !== 'brush' && tool !== 'eraser')) return;
    const [x, y] = view.toCanvas(voxelAt(view.plane, view.slice, pointer.u, pointer.v));
    const radius = Math.max(2, brushMm * view.pixelsPerMm);
    for (const [colour, width] of [['rgb(0 0 0 / 70%)', 3.5], [styleColour(tool === 'eraser' ? 'unsure' : 'redrawn'), 1.5]] as const) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}
