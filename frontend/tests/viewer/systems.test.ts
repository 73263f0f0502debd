import { afterEach, describe, expect, it } from 'vitest';
import type { AiRegion, SystemInfo } from '../../src/shared/types';
import { chooseSystems } from '../../src/viewer/panels/new-analysis';
import { RegionFilter } from '../../src/viewer/panels/region-filter';
import { Legend } from '../../src/viewer/overlay/legend';
import { ReadingModel } from '../../src/viewer/reading/model';
import { Regions } from '../../src/viewer/regions/regions';
import { initialState, LESIONS, type ViewState } from '../../src/viewer/state';
import type { Store } from '../../src/viewer/store';
import { beside, firstMap, inOrder, Systems } from '../../src/viewer/systems';
import { UndoStack } from '../../src/viewer/undo';
import { evidenceOf, fullScale, scaleWords, worstFirst, WorstSlices } from '../../src/viewer/evidence';
import { WorstBar } from '../../src/viewer/panels/worst-bar';
import { Maps } from '../../src/viewer/maps';
import { MapCaptions } from '../../src/viewer/panels/map-captions';
import { PLANES } from '../../src/viewer/views/planes';
import type { PlaneView } from '../../src/viewer/views/plane-view';
import { CLASSIFIER, MORE_SYSTEMS, RESULTS, SYSTEMS, testAnalysis, testHeatmap } from './analysis';
import { testGrid } from './grid';
import { testReading } from './reading';

const DENSITY = testHeatmap('density', 'density', 'infected');
const CAM = testHeatmap('cam', 'decovnet', 'COVID-19');
const RESPONSE = testHeatmap('3dcc', 'decovnet', 'COVID-19');
const NEGATIVE = { ...CLASSIFIER, probabilities: { 'COVID-19': 0.1 }, regions: [] };
const found = { version: '1', regions: [{ id: 'R1' }], heatmaps: [{ id: 'density' }] };
const nothing = { ...found, regions: [] };

describe('heatmaps', () => {
  it('stand in the order in which the systems ran, those of one system as it gave them', () => {
    const analysis = testAnalysis({ systems: ['density', 'decovnet'], results: { systems: { decovnet: CLASSIFIER, density: found } } });
    expect(inOrder([RESPONSE, CAM, DENSITY], analysis)).toEqual([DENSITY, CAM, RESPONSE]);
  });

  it.each([
    ['of the first positive system', { density: found, decovnet: CLASSIFIER }, 'density', true],
    ['of a classifier when density points at nothing', { density: nothing, decovnet: CLASSIFIER }, 'cam', true],
    ['of density when no system is positive', { density: nothing, decovnet: NEGATIVE }, 'density', true],
  ])('are shown first %s', (_, systems, source, shown) => {
    expect(firstMap([DENSITY, CAM, RESPONSE], { systems }, false)).toEqual({ source, shown });
  });

  it('of a class that was predicted negative wait for somebody to ask', () => {
    expect(firstMap([CAM, RESPONSE], { systems: { decovnet: NEGATIVE } }, false)).toEqual({ source: 'cam', shown: false });
    expect(firstMap([CAM], { systems: { decovnet: NEGATIVE } }, true)).toEqual({ source: LESIONS, shown: true });
    expect(firstMap([], {}, false)).toEqual({ source: null, shown: false });
  });

  it('of another class of the same system are chosen by that class', () => {
    const multiscale = { probabilities: { 'COVID-19': 0.2, CAP: 0.7 }, operating_points: { 'COVID-19': 0.5, CAP: 0.5 }, regions: [] };
    const maps = [testHeatmap('a', 'multiscale', 'COVID-19'), testHeatmap('b', 'multiscale', 'CAP')];
    expect(firstMap(maps, { systems: { multiscale } }, false)).toEqual({ source: 'b', shown: true });
  });

  it('are named by system, class and kind', () => {
    const systems = new Systems(SYSTEMS);
    expect([DENSITY, CAM, RESPONSE].map((map) => systems.heatmap(map))).toEqual(['Density, infected', 'DeCoVNet, COVID-19, CAM', 'DeCoVNet, COVID-19, 3DCC']);
    expect(new Systems([]).heatmap(CAM)).toBe('decovnet, COVID-19, cam');
    expect([CAM, DENSITY].map((map) => systems.about(map))).toEqual(['Class activation map.', 'Denser than healthy lung.']);
    expect(systems.about(testHeatmap('a', 'icovid', 'COVID-19'))).toBe('');
    const all = [DENSITY, CAM, RESPONSE, testHeatmap('a', 'multiscale', 'COVID-19', 'cam'), testHeatmap('b', 'multiscale', 'CAP', 'cam')];
    expect(all.map((map) => systems.inMenu(map, all))).toEqual(['Density', 'DeCoVNet CAM', 'DeCoVNet 3DCC', 'multiscale COVID-19', 'multiscale CAP']);
    expect(all.map((map) => systems.inMenu(map, all, 'decovnet'))).toEqual(['Density', 'CAM', '3DCC', 'multiscale COVID-19', 'multiscale CAP']);
  });

  it('stand beside their counterpart, else beside another one of their system, else of another', () => {
    const maps = ['joint', 'lung relevance', 'conv3', 'lesion relevance'].map((kind) => testHeatmap(kind, kind.includes('rel') ? 'icovid' : 'multiscale', 'COVID-19'));
    const names = maps.map((map) => beside(map, maps)?.id);
    expect(names).toEqual(['conv3', 'lesion relevance', 'joint', 'lung relevance']);
    expect(beside(DENSITY, [DENSITY, CAM])).toBe(CAM);
    expect(beside(DENSITY, [DENSITY])).toBeUndefined();
  });

  it('have a legend that says what they show, from where on there are regions, and that its scale is fixed', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const legend = new Legend(state);
    expect(legend.element.hidden).toBe(true);
    legend.available({ name: 'DeCoVNet, COVID-19, CAM', about: 'Class activation map.', threshold: 0.6 });
    expect(legend.element.title).toBe('Class activation map. Click to fold or unfold.');
    expect(legend.element.hidden).toBe(false);
    const lines = [...legend.element.querySelectorAll('.lgd-w span')].map(({ textContent }) => textContent);
    expect(lines).toEqual(['DeCoVNet, COVID-19, CAM', 'regions ≥ 0.60', 'same scale for every study']);
    state.set({ threshold: 0.8 });
    expect(legend.element.textContent).toContain('regions ≥ 0.60');
    legend.available(null);
    expect(legend.element.textContent).not.toContain('DeCoVNet');
    expect(legend.element.hidden).toBe(true);
  });
});

/** Two lesions, one region of density (judged) and two of DeCoVNet; an own region. */
function regionsOf(state: Store<ViewState>): { regions: Regions; filter: RegionFilter } {
  const reading = testReading({ verdicts: { d1: { verdict: 'accepted' } }, own_regions: [{ id: 'own', label: 'N1' }] });
  const regions = new Regions(testGrid(), new ReadingModel(reading, new UndoStack()));
  const region = (id: string, label: string, system: string): AiRegion => ({
    id, label, system, volume_ml: 2, box: [0, 0, 0, 1, 1, 1], centre: [0, 0, 0], largest_slice: 0,
  });
  const given = [region('s1', 'S1', LESIONS), region('s2', 'S2', LESIONS), region('d1', 'R1', 'density'), region('c1', 'R1', 'decovnet'), region('c2', 'R2', 'decovnet')];
  const labels = new Map(['density', 'decovnet', LESIONS].map((system) => [system, new Uint8Array(512).fill(1, 0, 1)] as const));
  const systems = new Systems(SYSTEMS);
  regions.setAi(given, labels, (system) => systems.title(system));
  const filter = new RegionFilter(state, regions, 'reader-1', (system) => systems.title(system));
  state.on(() => filter.render(), 'regionSystem', 'aiHidden');
  return { regions, filter };
}

function choose(filter: RegionFilter, system: string): void {
  const select = filter.element.querySelector('select') as HTMLSelectElement;
  select.value = system;
  select.dispatchEvent(new Event('change'));
}

const hidden = (filter: RegionFilter): string | null => {
  const notice = filter.element.querySelector('.rg-hid') as HTMLElement;
  return notice.hidden ? null : notice.querySelector('[data-testid="regions-hidden"]')?.textContent ?? '';
};

describe('regions of several systems', () => {
  afterEach(() => localStorage.clear());

  it('that count from R1 each are told apart by the name of the system', () => {
    const { regions } = regionsOf(initialState({ x: 0, y: 0, z: 0 }));
    expect(regions.all.map(({ label }) => label)).toEqual(['S1', 'S2', 'Density R1', 'DeCoVNet R1', 'DeCoVNet R2', 'N1']);
    expect(regions.all.map(({ short }) => short)).toEqual(['S1', 'S2', 'R1', 'R1', 'R2', 'N1']);
  });

  it('can be listed one system at a time, and the page says what it hides', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const { regions, filter } = regionsOf(state);
    const options = [...filter.element.querySelectorAll('option')].map(({ textContent }) => textContent);
    expect(options).toEqual(['All systems (5)', 'Lesion segmentation (2)', 'Density (1)', 'DeCoVNet (2)']);
    expect(hidden(filter)).toBeNull();
    choose(filter, 'decovnet');
    expect(regions.sorted('size', state.value.regionSystem).map(({ label }) => label)).toEqual(['DeCoVNet R1', 'DeCoVNet R2', 'N1']);
    expect(hidden(filter)).toBe('3 regions of other systems hidden, 2 without verdict.');
    choose(filter, LESIONS);
    expect(hidden(filter)).toBe('3 regions of other systems hidden, 2 without verdict.');
    filter.element.querySelector<HTMLElement>('[data-testid="regions-all"]')?.click();
    expect(state.value.regionSystem).toBeNull();
    expect(hidden(filter)).toBeNull();
  });

  it('are hit in the image only where they are shown', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const { regions } = regionsOf(state);
    expect(regions.hit({ x: 0, y: 0, z: 0 }, 'decovnet')?.system).toBe('decovnet');
    expect(regions.hit({ x: 0, y: 0, z: 0 }, 'multiscale')).toBeUndefined();
  });

  it('are filtered again as the reader left it, unless this study has none of that system', () => {
    choose(regionsOf(initialState({ x: 0, y: 0, z: 0 })).filter, 'decovnet');
    const later = initialState({ x: 0, y: 0, z: 0 });
    regionsOf(later).filter.restore();
    expect(later.value.regionSystem).toBe('decovnet');
    localStorage.setItem('lungsight-regions-of-reader-1', 'multiscale');
    const other = initialState({ x: 0, y: 0, z: 0 });
    regionsOf(other).filter.restore();
    expect(other.value.regionSystem).toBeNull();
  });

  it('are not counted while AI is hidden', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const { filter } = regionsOf(state);
    state.set({ aiHidden: true });
    expect(filter.element.hidden).toBe(true);
  });
});

describe('evidence per slice', () => {
  const systems = new Systems([...SYSTEMS, ...MORE_SYSTEMS]);
  const values = [0, 0.05, 0.2, 0.9, 0.8, 0.1, 0.4, 0.6];
  const results = { ...RESULTS, quantification: { source: 'lesions' as const, slice_evidence: [1, 2] }, systems: { multiscale: { slice_evidence: values } } };

  it('is that of the map that is chosen, else of what measured the infected volume', () => {
    expect(evidenceOf(results, { system: 'multiscale' }, systems)).toEqual({ values, name: 'Multiscale', unit: 'probability' });
    expect(evidenceOf(results, null, systems)).toEqual({ values: [1, 2], name: 'Lesion segmentation', unit: 'ml' });
    expect(evidenceOf({ systems: {} }, null, systems)).toBeNull();
  });

  it('has a fixed scale where it is a probability, and says which scale it has', () => {
    expect(fullScale({ values, name: '', unit: 'probability' })).toBe(1);
    expect(fullScale({ values: [2, 14.4], name: '', unit: 'ml' })).toBe(14.4);
    expect((['probability', 'share', 'ml'] as const).map((unit) => scaleWords({ values, name: '', unit })))
      .toEqual(['P(COVID-19) of each slice, 0 to 1', 'share of the evidence, 0 to 0.90', 'ml in each slice, 0 to 0.9']);
  });

  it('leads to the worst slices, those apart by a centimetre', () => {
    expect(worstFirst(values, 5)).toEqual([4, 8, 6]);
    expect(worstFirst(values, 10)).toEqual([4, 5, 8, 7, 3, 6]);
    expect(worstFirst([0, 0, 0], 5)).toEqual([]);
  });

  it('is walked through from the worst slice on and back, and begins anew with another curve', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const grid = { ...testGrid(), nz: 8, sz: 5 };
    const worst = new WorstSlices(grid, state);
    const bar = new WorstBar(worst);
    const press = (testid: string): void => bar.element.querySelector<HTMLElement>(`[data-testid="${testid}"]`)?.click();
    const place = (): string | null | undefined => bar.element.querySelector('[data-testid="worst-place"]')?.textContent;
    expect(bar.element.hidden).toBe(true);
    worst.step(1);
    expect(state.value.cursor.z).toBe(0);
    const evidence = { values, name: 'Multiscale', unit: 'probability' as const };
    worst.take(evidence);
    bar.show(evidence);
    expect([bar.element.hidden, place()]).toEqual([false, 'Worst slices']);
    press('worst-next');
    expect([state.value.cursor.z, place()]).toEqual([4, 'Worst 1/3']);
    press('worst-next');
    worst.take(evidence);
    expect([state.value.cursor.z, place()]).toEqual([0, 'Worst 2/3']);
    press('worst-back');
    expect(state.value.cursor.z).toBe(4);
    worst.take(null);
    bar.show(null);
    expect(bar.element.textContent).not.toContain('Multiscale');
    worst.step(1);
    expect(state.value.cursor.z).toBe(4);
  });
});

describe('two maps side by side', () => {
  it('are those of the system that was asked for, never the same one twice, and go with the planes', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const maps = new Maps(testGrid(), state, () => Promise.resolve());
    maps.compare();
    expect(state.value.layout).toBe('three');
    const [lung, lesion] = [testHeatmap('lung relevance', 'icovid', 'COVID-19'), testHeatmap('lesion relevance', 'icovid', 'COVID-19')];
    maps.all = [DENSITY, CAM, RESPONSE, lung, lesion];
    state.set({ source: 'density' });
    maps.compare('icovid');
    const shown = (): (string | null)[] => [state.value.layout, state.value.source, state.value.beside];
    expect(shown()).toEqual(['pair', 'lung relevance', 'lesion relevance']);
    state.set({ source: 'lesion relevance' });
    expect(shown()).toEqual(['pair', 'lesion relevance', 'lung relevance']);
    maps.leavePair();
    maps.compare();
    expect(shown()).toEqual(['pair', 'lesion relevance', 'lung relevance']);
    maps.clear();
    expect(shown()).toEqual(['three', 'lesion relevance', null]);
  });

  it('are named each over its view, and the second is chosen there', () => {
    const state = initialState({ x: 0, y: 0, z: 0 });
    const view = (): PlaneView => ({ plane: PLANES.axial, element: document.createElement('section') }) as unknown as PlaneView;
    const views = { axial: view(), second: view() };
    const captions = new MapCaptions(views, state);
    const caption = views.axial.element.querySelector('[data-testid="caption-first"]') as HTMLElement;
    const menu = views.second.element.querySelector('select') as HTMLSelectElement;
    captions.setSources([['a', 'icovid lung relevance'], ['b', 'icovid lesion relevance'], ['c', 'Density']]);
    expect(caption.hidden).toBe(true);
    state.set({ layout: 'pair', source: 'a', beside: 'b' });
    expect([caption.hidden, caption.textContent, menu.value]).toEqual([false, 'icovid lung relevance', 'b']);
    expect([...menu.options].map((option) => option.disabled)).toEqual([true, false, false]);
    menu.value = 'c';
    menu.dispatchEvent(new Event('change'));
    expect(state.value.beside).toBe('c');
    captions.setSources([]);
    expect(views.axial.element.textContent + views.second.element.textContent).not.toContain('icovid');
  });
});

describe('the choice of systems', () => {
  const box = (name: string): HTMLInputElement => document.querySelector(`[data-testid="choose-${name}"]`) as HTMLInputElement;
  const press = (testid: string): void => document.querySelector<HTMLElement>(`[data-testid="${testid}"]`)?.click();
  const systems: SystemInfo[] = [
    ...SYSTEMS,
    ...MORE_SYSTEMS,
  ];

  it('ticks what runs by itself, marks demonstrations and offers nothing without weights', async () => {
    const chosen = chooseSystems(systems);
    expect(['density', 'decovnet', 'multiscale', 'icovid'].map((name) => [box(name).checked, box(name).disabled]))
      .toEqual([[true, false], [true, false], [false, false], [false, true]]);
    const words = document.querySelector('dialog')?.textContent?.replace(/\s+/g, ' ');
    expect(words).toContain('Reads CT and lung mask. Gives P(COVID-19). AUC 0.97 (0.95 to 0.99) on phantoms, not on patients.');
    expect(words).toContain('Multiscale Demonstration onlyGives P(COVID-19), P(CAP), P(NP). Measures infected lung. AUC 0.80 on phantoms, not on patients.');
    expect(words).toContain('This site has no weights for it, so it cannot run.');
    box('density').click();
    box('multiscale').click();
    press('start-chosen');
    expect(await chosen).toEqual(['decovnet', 'multiscale']);
  });

  it('starts nothing with no system, and nothing when the reader goes back', async () => {
    const chosen = chooseSystems(SYSTEMS);
    box('density').click();
    box('decovnet').click();
    expect((document.querySelector('[data-testid="start-chosen"]') as HTMLButtonElement).disabled).toBe(true);
    expect(document.querySelector('dialog')?.textContent).toContain('Choose at least one system.');
    document.querySelector('dialog')?.close();
    expect(await chosen).toBeNull();
  });
});
