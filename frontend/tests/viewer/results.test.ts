import { describe, expect, it } from 'vitest';
import type { Analysis, AnalysisResults, Quantification } from '../../src/shared/types';
import { Results, type ResultsContent } from '../../src/viewer/panels/results';
import { methodOf, rangeWords } from '../../src/viewer/panels/volumes';
import { RESULTS, testAnalysis } from './analysis';

function shown(change: Partial<ResultsContent> = {}): HTMLElement {
  const host = document.createElement('div');
  const nothing = (): void => undefined;
  new Results(host, { reveal: nothing, retry: nothing, start: nothing }).show({
    analysis: testAnalysis(), policy: 'at_once', concealed: false, hiddenByReader: false, mayStart: true, ...change,
  });
  return host;
}

function text(host: HTMLElement, testid: string): string | undefined {
  return host.querySelector(`[data-testid="${testid}"]`)?.textContent ?? undefined;
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
    const nothing = (): void => undefined;
    const results = new Results(host, { reveal: nothing, retry: nothing, start: nothing });
    const content: ResultsContent = { analysis: testAnalysis(), policy: 'at_once', concealed: false, hiddenByReader: false, mayStart: true };
    results.show(content);
    const zones = (): HTMLDetailsElement => host.querySelector('[data-testid="fold-zones"]') as HTMLDetailsElement;
    expect(zones().open).toBe(false);
    expect(text(host, 'infected-upper-third')).toBe('0.6%');
    expect(text(host, 'infected-subpleural')).toBe('11.0%');
    zones().open = true;
    zones().dispatchEvent(new Event('toggle'));
    results.show(content);
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
