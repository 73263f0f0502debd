import { describe, expect, it } from 'vitest';
import type { Analysis, AnalysisResults, HeatmapPreview, Quantification, SystemResult } from '../../src/shared/types';
import { Results, type ResultsActions, type ResultsContent } from '../../src/viewer/panels/results';
import { methodOf, rangeWords } from '../../src/viewer/panels/volumes';
import { Systems } from '../../src/viewer/systems';
import { CLASSIFIER, RESULTS, SYSTEMS, testAnalysis } from './analysis';

const nothing = (): void => undefined;
const ACTIONS: ResultsActions = { reveal: nothing, retry: nothing, stop: nothing, start: nothing, showMap: nothing, compare: nothing };

const MAKING: HeatmapPreview = {
  id: 'preview-1', system: 'decovnet', class: 'COVID-19', kind: 'cam', reference: 1, shape: [1, 1, 1],
  affine: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], done: 0.4,
};

function content(change: Partial<ResultsContent> = {}): ResultsContent {
  return {
    analysis: testAnalysis(), another: null, systems: new Systems(SYSTEMS), policy: 'at_once', concealed: false, hiddenByReader: false,
    mayStart: true, making: null, ...change,
  };
}

function shown(change: Partial<ResultsContent> = {}, actions: Partial<ResultsActions> = {}): HTMLElement {
  const host = document.createElement('div');
  new Results(host, { ...ACTIONS, ...actions }).show(content(change));
  return host;
}

function text(host: HTMLElement, testid: string): string | undefined {
  return host.querySelector(`[data-testid="${testid}"]`)?.textContent?.replace(/\s+/g, ' ').trim();
}

function without(...keys: (keyof Quantification)[]): Analysis {
  const quantification = { ...RESULTS.quantification };
  for (const key of keys) delete quantification[key];
  const { segmentation: _, ...results } = RESULTS;
  return testAnalysis({ results: { ...results, quantification } satisfies AnalysisResults });
}

describe('infected volume', () => {
  it('is given per lobe and lung, the sides where they belong', () => {
    const host = shown();
    expect(text(host, 'infected-rul')).toBe('1.0%');
    expect(text(host, 'infected-lll')).toBe('18.2%');
    expect(text(host, 'infected-right')).toBe('1.6%');
    expect(text(host, 'infected-left')).toBe('9.1%');
    expect(text(host, 'infected-lungs')).toBe('5.1%');
    expect(host.querySelector('[data-testid="infected-rml"]')).toBeNull();
  });

  it('names its range: calibrated with a whisker, spread without one', () => {
    const host = shown();
    expect(text(host, 'infected-range')).toBe('5.1 % (3.9 to 6.8), calibrated 90 % interval');
    expect(host.querySelectorAll('.whisker')).toHaveLength(1);
    const { interval_percent: _, ...quantification } = RESULTS.quantification ?? {};
    const spread = shown({ analysis: testAnalysis({ results: { ...RESULTS, quantification: { ...quantification, spread: [2, 9] } } }) });
    expect(text(spread, 'infected-range')).toBe('5.1 % (2.0 to 9.0), spread, not calibrated');
    expect(spread.querySelectorAll('.whisker')).toHaveLength(0);
    expect(rangeWords({ infected_percent: 5.1 })).toBe('');
  });

  it('names what measured, and what segmented', () => {
    expect(methodOf(RESULTS)).toBe('the lesion network (network 2)');
    expect(methodOf({ quantification: { source: 'density' } })).toBe('lung density');
    expect(text(shown(), 'segmentation')).toBe('Lungs: network 1. Lobes: network 1. Lesions: network 2');
  });

  it('lists the lesion types that were found and says which do not count', () => {
    const host = shown();
    expect(text(host, 'type-ground-glass')).toBe('200.4 ml');
    expect(text(host, 'type-consolidation')).toBe('40.0 ml');
    expect(host.querySelector('[data-testid="type-nodule"]')).toBeNull();
    const effusion = host.querySelector('[data-testid="type-effusion"]')?.parentElement;
    expect(effusion?.textContent).toContain('not counted as infected');
  });

  it('has zones that stay open once opened', () => {
    const host = document.createElement('div');
    const results = new Results(host, ACTIONS);
    results.show(content());
    const zones = (): HTMLDetailsElement => host.querySelector('[data-testid="fold-zones"]') as HTMLDetailsElement;
    expect(zones().open).toBe(false);
    expect(text(host, 'infected-upper-third')).toBe('0.6%');
    expect(text(host, 'infected-subpleural')).toBe('11.0%');
    zones().open = true;
    zones().dispatchEvent(new Event('toggle'));
    results.show(content());
    expect(zones().open).toBe(true);
  });

  it('leaves out what was not made', () => {
    const host = shown({ analysis: without('lobes', 'zones', 'types_ml', 'severity', 'interval_percent') });
    for (const part of ['fold-types', 'fold-zones', 'fold-made', 'infected-range', 'infected-rul']) {
      expect(host.querySelector(`[data-testid="${part}"]`), part).toBeNull();
    }
    expect(text(host, 'infected-lungs')).toBe('5.1%');
  });

  it.each([
    ['concealed', { concealed: true }], ['hidden by the reader', { hiddenByReader: true }], ['never shown', { policy: 'never' as const }],
  ])('is absent while results are %s', (_, change) => {
    const host = shown(change);
    expect(host.querySelector('[data-testid="infected"]')).toBeNull();
    expect(host.textContent).not.toContain('5.1');
    expect(host.textContent).not.toContain('network');
  });
});

/** An analysis in which DeCoVNet gave this probability; other fields of its result can be set. */
function classified(probability: number, change: Partial<SystemResult> = {}): Analysis {
  const decovnet = { ...CLASSIFIER, probabilities: { 'COVID-19': probability }, ...change };
  return testAnalysis({ systems: ['density', 'decovnet'], results: { ...RESULTS, systems: { decovnet, density: { version: '1' } } } });
}

describe('a classifier', () => {
  it('says its probability, what it predicts and from where on, and its version', () => {
    const said = text(shown({ analysis: classified(0.86) }), 'system-decovnet');
    expect(said).toContain('DeCoVNet');
    expect(said).toContain('COVID-190.86');
    expect(said).toContain('Predicted positive, operating point 0.42');
    expect(said).toContain('1 region.');
    expect(said).toContain('Version small-7. AUC 0.97 (0.95 to 0.99) on phantoms.');
    expect(said).not.toContain('Demonstration');
  });

  it('is positive at the operating point itself', () => {
    expect(text(shown({ analysis: classified(0.42) }), 'system-decovnet')).toContain('Predicted positive');
    expect(text(shown({ analysis: classified(0.4199) }), 'system-decovnet')).toContain('Predicted negative');
  });

  it('has no region where it predicts negative, and shows its map on request', () => {
    const asked: string[] = [];
    const host = shown({ analysis: classified(0.1, { regions: [] }) }, { showMap: (system) => asked.push(system) });
    expect(text(host, 'system-decovnet')).toContain('No region: predicted negative.');
    host.querySelector<HTMLElement>('[data-testid="show-map"]')?.click();
    expect(asked).toEqual(['decovnet']);
    expect(text(shown({ analysis: classified(0.9, { regions: [] }) }), 'system-decovnet')).toContain('stays below the threshold');
  });

  it('says the predicted negative once, not as a warning too', () => {
    const analysis = classified(0.1, { regions: [] });
    if (analysis.results) analysis.results.warnings = ['COVID-19: no region: predicted negative.', 'The scan is cut.'];
    const warnings = [...shown({ analysis }).querySelectorAll('.al.warn')].map((one) => one.textContent?.trim());
    expect(warnings).toEqual(['The scan is cut.']);
  });

  it('leads to its model card, and says that all is for research', () => {
    const host = shown({ analysis: classified(0.86) });
    expect([...host.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual(['/methods/#density', '/methods/#decovnet', '/methods/']);
    expect(text(host, 'results')).toContain('Research use only.');
  });

  it('is marked where its weights only demonstrate, and only while they are the ones that ran', () => {
    const demonstrating = new Systems(SYSTEMS.map((system) => ({ ...system, state: 'demonstration' as const })));
    expect(text(shown({ analysis: classified(0.86), systems: demonstrating }), 'demonstration-decovnet')).toBe('Demonstration only');
    const other = shown({ analysis: classified(0.86, { version: 'small-6' }), systems: demonstrating });
    expect(text(other, 'demonstration-decovnet')).toBeUndefined();
    expect(text(other, 'system-decovnet')).not.toContain('AUC');
  });

  it('with several classes has a row for each, with the operating point of its own', () => {
    const probabilities = { NP: 0.05, CAP: 0.31, 'COVID-19': 0.64 };
    const host = shown({ analysis: classified(0, { probabilities, operating_points: { 'COVID-19': 0.5, CAP: 0.4 } }) });
    expect([...host.querySelectorAll('[data-testid^="probability-"]')].map((one) => one.textContent)).toEqual(['COVID-19', 'CAP', 'NP']);
    const said = text(host, 'system-decovnet');
    expect(said).toContain('COVID-190.64positive, operating point 0.50');
    expect(said).toContain('CAP0.31negative, operating point 0.40');
    expect(said).toContain('NP0.051 region.');
    expect([...host.querySelectorAll('.cmark')].map((mark) => (mark as HTMLElement).title)).toEqual(['Operating point 0.50', 'Operating point 0.40']);
    expect(text(host, 'product')).toBeUndefined();
  });

  it('that multiplies two answers shows both and the product, and names COVID-19 as its class', () => {
    const probabilities = { diseased: 0.95, 'COVID-19 given diseased': 0.6, 'COVID-19': 0.57 };
    const host = shown({ analysis: classified(0, { probabilities, operating_points: { 'COVID-19': 0.5, diseased: 0.7 } }) });
    expect(text(host, 'product')).toBe('COVID-19 0.57 = diseased 0.95 × COVID-19 given diseased 0.60');
    const said = text(host, 'system-decovnet');
    expect(said).toContain('DeCoVNetCOVID-190.57');
    expect(said).toContain('diseased0.95positive, operating point 0.70');
  });

  it('that measures has its infected part beside that of the lesion network', () => {
    const host = shown({ analysis: classified(0.86, { quantification: { infected_percent: 7.3, infected_ml: 343 } }) });
    expect(text(host, 'system-decovnet')).toContain('1 region. Infected 7.3%.');
    expect(text(host, 'infected-by')).toContain('Lesion segmentation');
    expect(text(host, 'infected-lesion-segmentation')).toBe('5.1%');
    expect(text(host, 'infected-decovnet')).toBe('7.3%');
    expect(text(shown({ analysis: classified(0.86) }), 'infected-by')).toBeUndefined();
  });

  it('with several maps leads to two of them side by side', () => {
    const asked: string[] = [];
    const host = shown({ analysis: classified(0.86) }, { compare: (system) => asked.push(system) });
    host.querySelector<HTMLElement>('[data-testid="compare-decovnet"]')?.click();
    expect(asked).toEqual(['decovnet']);
    expect(text(shown({ analysis: classified(0.86, { heatmaps: [{ id: 'cam' }] }) }), 'compare-decovnet')).toBeUndefined();
  });

  it('that disagrees with others is counted', () => {
    const two = classified(0.86);
    const add = (names: string[], probability: number): void => {
      for (const name of names) Object.assign(two.results?.systems ?? {}, { [name]: { ...CLASSIFIER, probabilities: { 'COVID-19': probability } } });
    };
    expect(text(shown({ analysis: two }), 'disagreement')).toBeUndefined();
    add(['multiscale'], 0.1);
    expect(text(shown({ analysis: two }), 'disagreement')).toBe('Systems disagree');
    add(['icovid', 'patchwise'], 0.7);
    expect(text(shown({ analysis: two }), 'disagreement')).toBe('1 of 4 disagrees');
  });

  it.each([
    ['concealed', { concealed: true }], ['hidden by the reader', { hiddenByReader: true }], ['never shown', { policy: 'never' as const }],
  ])('says nothing while results are %s', (_, change) => {
    const host = shown({ analysis: classified(0.86), ...change });
    for (const word of ['0.86', '0.42', 'positive', 'DeCoVNet', 'region']) expect(host.textContent).not.toContain(word);
  });
});

describe('another analysis', () => {
  it('is offered to who may start one, while none runs', () => {
    let asked = 0;
    const host = shown({}, { start: () => (asked += 1) });
    host.querySelector<HTMLElement>('[data-testid="new-analysis"]')?.click();
    expect(asked).toBe(1);
    expect(text(shown({ mayStart: false }), 'new-analysis')).toBeUndefined();
    const running = testAnalysis({ id: 'analysis-2', state: 'running', stage: 'DeCoVNet', progress: 0.4 });
    const busy = shown({ another: running });
    expect(text(busy, 'new-analysis')).toBeUndefined();
    expect(text(busy, 'another')).toBe('A new analysis: DeCoVNet, 40%. It is offered here when it is done.');
    expect(text(busy, 'infected-lungs')).toBe('5.1%');
  });

  it('can be stopped by who may start one', () => {
    const { results: _, ...running } = testAnalysis({ state: 'running', stage: 'DeCoVNet', progress: 0.4 });
    let stopped = 0;
    for (const change of [{ analysis: running }, { another: running }]) {
      const host = shown(change, { stop: () => (stopped += 1) });
      host.querySelector<HTMLElement>('[data-testid="stop-analysis"]')?.click();
      expect(text(shown({ ...change, mayStart: false }), 'stop-analysis')).toBeUndefined();
    }
    expect(stopped).toBe(2);
    expect(text(shown(), 'stop-analysis')).toBeUndefined();
  });

  it('says how far a heatmap is drawn that is shown while it is made', () => {
    const { results: _, ...running } = testAnalysis({ state: 'running', stage: 'DeCoVNet', progress: 0.4 });
    expect(text(shown({ analysis: running, making: MAKING }), 'preview'))
      .toBe('On the images: DeCoVNet, COVID-19, CAM, 40% drawn, slices with most evidence first.');
    expect(text(shown({ analysis: running }), 'preview')).toBeUndefined();
    expect(text(shown({ analysis: running, making: MAKING, hiddenByReader: true }), 'preview')).toBeUndefined();
  });

  it('changes nothing but its own line while it runs', () => {
    const host = document.createElement('div');
    document.body.append(host);
    const results = new Results(host, ACTIONS);
    const all = content({ another: testAnalysis({ state: 'running', stage: 'DeCoVNet', progress: 0.4 }) });
    results.show(all);
    const link = host.querySelector('a');
    results.show({ ...all, another: testAnalysis({ state: 'running', stage: 'DeCoVNet', progress: 0.5 }) });
    expect(text(host, 'another')).toContain('DeCoVNet, 50%');
    expect(host.querySelector('a')).toBe(link);
    results.show({ ...all, another: testAnalysis({ state: 'running', stage: 'DeCoVNet', progress: 0.5 }), making: MAKING });
    expect(text(host, 'another')).toContain('Among the maps already: DeCoVNet, COVID-19, CAM, 40% drawn.');
    expect(host.querySelector('a')).toBe(link);
    results.show({ ...all, another: null });
    expect(text(host, 'another')).toBeUndefined();
    expect(text(host, 'new-analysis')).toBe('New analysis…');
    results.show({ ...all, another: null, concealed: true });
    expect(host.textContent).not.toContain('5.1');
    host.remove();
  });
});
