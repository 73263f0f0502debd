import type { Core } from './core';
import { OverlayPainter } from './overlay/painter';
import type { RegionView } from './regions/regions';
import { Corners } from './views/corners';
import { Crosshair } from './views/crosshair';
import type { PlaneView } from './views/plane-view';
import { Pointer } from './views/pointer';
import type { Point } from './volume/geometry';

/** What lies over the images and what the pointer does there. */
export class Images {
  private hover: { view: PlaneView; voxel: Point } | null = null;

  constructor(private readonly core: Core) {
    const { stage, state, grid, voxels, ready, drawing, seen } = core;
    new Crosshair(stage.all, state);
    const corners = new Corners(stage.all, grid, voxels, ready, state);
    const painter = new OverlayPainter(state, (view) => ({
      ...core.ai.maps.layers(view === stage.second ? 'beside' : 'source'), regions: core.regions, lungs: core.ai.lungs, lobes: core.ai.lobes,
      pointer: this.brushPlace,
    }));
    for (const view of stage.all) view.rendered.on(() => painter.paint(view));
    stage.views.axial.rendered.on(() => seen.add(stage.views.axial.slice));
    const pointer = new Pointer(stage, state, drawing);
    pointer.hovered.on((at) => {
      this.hover = at;
      corners.point(at);
      if (at && state.value.drawing !== null) painter.paint(at.view);
    });
    pointer.clicked.on(({ view, voxel, radius }) => this.click(view, voxel, radius));
    drawing.changed.on(() => stage.redrawOverlays());
    state.on(() => stage.redrawOverlays(), 'heatmap', 'opacity', 'threshold', 'source', 'beside', 'hiddenTypes', 'outlines', 'lungs', 'lobes', 'regionSystem', 'plain', 'selected', 'tool', 'drawing');
  }

  /** The voxel under the pointer. */
  get pointed(): Point | null {
    return this.hover?.voxel ?? null;
  }

  private get brushPlace(): { view: PlaneView; u: number; v: number } | null {
    if (!this.hover) return null;
    const { view, voxel } = this.hover;
    return { view, u: voxel[view.plane.u], v: voxel[view.plane.v] };
  }

  /** A click selects the region under it; elsewhere the crosshair goes there. */
  private click(view: PlaneView, voxel: Point, radius: number): void {
    const { judging, stage, state } = this.core;
    const region = this.hitNear(view, voxel, radius);
    if (region) judging.select(region.id, false);
    else if (state.value.tool === 'crosshair') stage.moveTo(voxel);
  }

  private hitNear(view: PlaneView, voxel: Point, radius: number): RegionView | undefined {
    const { outlines, aiHidden, regionSystem } = this.core.state.value;
    if (!outlines) return undefined;
    const [x, y] = view.toCanvas(voxel);
    const around = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => (i * Math.PI) / 4)
      .map((turn) => view.toVoxel(x + radius * Math.cos(turn), y + radius * Math.sin(turn)));
    const found = [voxel, ...around].map((at) => this.core.regions.hit(at, regionSystem)).find((one) => one !== undefined);
    return found && (found.own || !aiHidden) ? found : undefined;
  }
}
