import { describe, expect, it } from 'vitest';
import type { AiRegion } from '../../src/shared/types';
import { LabelVolume } from '../../src/viewer/masks/label-volume';
import { middleOf } from '../../src/viewer/overlay/contour';
import { lesionTable } from '../../src/viewer/overlay/lesion-layer';
import { LesionLegend } from '../../src/viewer/overlay/lesion-legend';
import { LESION_TYPES } from '../../src/viewer/overlay/lesion-types';
import { rgbOf } from '../../src/viewer/overlay/tokens';
import { ReadingModel } from '../../src/viewer/reading/model';
import { Regions } from '../../src/viewer/regions/regions';
import { initialState, LESIONS } from '../../src/viewer/state';
import { UndoStack } from '../../src/viewer/undo';
import { PLANES } from '../../src/viewer/views/planes';
import { testGrid } from './grid';
import { testReading } from './reading';

describe('a label volume', () => {
  const grid = testGrid({ nx: 5, ny: 4, nz: 3 });
  const labels = Uint8Array.from({ length: 60 }, (_, i) => i);
  const volume = new LabelVolume(labels, grid);

  it('gives every plane voxel by voxel', () => {
    for (const plane of Object.values(PLANES)) {
      const [width, height] = plane.name === 'axial' ? [5, 4] : plane.name === 'coronal' ? [5, 3] : [4, 3];
      const values = volume.plane(plane, 2);
      expect(values).toHaveLength(width * height);
      for (let v = 0; v < height; v += 1) {
        for (let u = 0; u < width; u += 1) {
          const at = { x: 2, y: 2, z: 2, [plane.u]: u, [plane.v]: v };
          expect(values[v * width + u]).toBe((at.z * 4 + at.y) * 5 + at.x);
        }
      }
    }
  });

  it('knows the box of each value', () => {
    const two = new Uint8Array(60);
    for (const at of [1, 13, 47]) two[at] = 3;
    two[59] = 5;
    const boxes = new LabelVolume(two, grid).boxes();
    expect([...boxes.keys()].sort()).toEqual([3, 5]);
    expect(boxes.get(3)).toEqual([0, 0, 1, 3, 3, 4]);
    expect(boxes.get(5)).toEqual([2, 3, 4, 3, 4, 5]);
  });

  it('is refused when it does not fit the image', () => {
    expect(() => new LabelVolume(new Uint8Array(59), grid)).toThrow('fit');
  });
});

describe('lesion types', () => {
  it('are drawn in their colour at the chosen opacity, hidden and unknown ones not at all', () => {
    const table = lesionTable(new Set([3]), 0.5);
    for (const { value } of LESION_TYPES) expect((table[value] ?? 0) >>> 24).toBe(value === 3 ? 0 : 128);
    expect([table[0], table[5], table[255]]).toEqual([0, 0, 0]);
  });

  it('read colours as the style sheet writes them', () => {
    expect(rgbOf('#ffd27a')).toEqual([255, 210, 122]);
    expect(() => rgbOf('red')).toThrow('rrggbb');
  });

  it('have a legend with volumes, whose rows switch types off and on', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    state.set({ source: LESIONS });
    const legend = new LesionLegend(state);
    const { element } = legend;
    expect(element.hidden).toBe(true);
    legend.available({ consolidation: 40, effusion: 12, nodule: 0 });
    expect(element.hidden).toBe(false);
    expect(element.textContent).toBe('Lesion typesInfectedConsolidation40.0 mlNot counted as infectedEffusion12.0 ml');
    const row = (): HTMLElement => element.querySelector('[data-testid="lesion-type-3"]') as HTMLElement;
    row().click();
    expect([...state.value.hiddenTypes]).toEqual([3]);
    expect(row().getAttribute('aria-pressed')).toBe('false');
    row().click();
    expect(state.value.hiddenTypes.size).toBe(0);
    state.set({ aiHidden: true });
    expect(element.hidden).toBe(true);
    state.set({ aiHidden: false, source: 'a heatmap' });
    expect(element.hidden).toBe(true);
  });
});

describe('regions of the lesion segmentation', () => {
  it('carry the type of most of them; those of a heatmap do not', () => {
    const grid = testGrid();
    const regions = new Regions(grid, new ReadingModel(testReading(), new UndoStack()));
    const found = (label: string, system: string, name: string): AiRegion => ({
      id: label, label, system, class: name, volume_ml: 2, box: [0, 0, 0, 1, 1, 1], centre: [0, 0, 0], largest_slice: 0,
    });
    const labels = new Map([['lesions', new Uint8Array(512)], ['density', new Uint8Array(512)]]);
    regions.setAi([found('S1', 'lesions', 'consolidation'), found('R1', 'density', 'consolidation')], labels, (name) => name);
    expect(regions.all.map(({ label, type }) => [label, type?.word])).toEqual([['S1', 'Consolidation'], ['R1', undefined]]);
  });
});

describe('the middle of an outline', () => {
  it('is that of its longest loop', () => {
    const loops = [[0, 0, 1, 0], [10, 10, 14, 10, 14, 14, 10, 14]];
    expect(middleOf(loops, 4)).toEqual([12, 12]);
    expect(middleOf(loops, 5)).toBeNull();
    expect(middleOf([], 0)).toBeNull();
  });
});
