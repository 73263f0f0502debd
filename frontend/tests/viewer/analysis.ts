import type { Analysis, AnalysisResults, HeatmapInfo, SystemInfo, SystemResult } from '../../src/shared/types';

/** What the networks measured in an asymmetric case. */
export const RESULTS: AnalysisResults = {
  lungs: { volume_ml: 4700, right_ml: 2500, left_ml: 2200 },
  segmentation: { lungs: 'network 1', lobes: 'network 1', lesions: 'network 2' },
  quantification: {
    source: 'lesions', infected_ml: 240.4, infected_percent: 5.1, interval_percent: [3.9, 6.8],
    right: { infected_ml: 40, infected_percent: 1.6 }, left: { infected_ml: 200.4, infected_percent: 9.1 },
    lobes: { RUL: { infected_ml: 9, infected_percent: 1 }, LLL: { infected_ml: 200, infected_percent: 18.2 } },
    zones: { upper: { infected_ml: 9, infected_percent: 0.6 }, subpleural: { infected_ml: 180, infected_percent: 11 } },
    types_ml: { 'ground glass': 200.4, consolidation: 40, effusion: 12, nodule: 0 },
    severity: { lobes: { RUL: 1, RML: 0, RLL: 0, LUL: 0, LLL: 2 }, total: 3 },
  },
  systems: {}, warnings: [],
};

/** A finished analysis; fields can be set. */
export function testAnalysis(change: Partial<Analysis> = {}): Analysis {
  return { id: 'analysis-1', series: 'series-1', state: 'succeeded', systems: ['density'], results: RESULTS, ...change };
}

/** What a classifier found that was sure. */
export const CLASSIFIER: SystemResult = {
  version: 'small-7', probabilities: { 'COVID-19': 0.86 }, operating_points: { 'COVID-19': 0.42 }, slice_evidence: [1, 2],
  regions: [{ id: 'R1' }], heatmaps: [{ id: 'cam' }, { id: '3dcc' }],
};

/** The systems of a site whose classifier is ready. */
export const SYSTEMS: SystemInfo[] = [
  {
    name: 'density', title: 'Density', reads: 'CT density inside the lungs', state: 'ready', default: true, version: '1', probabilities: [],
    measures: true, evidence: 'ml', heatmaps: [{ class: 'infected', kind: 'density', name: 'density', about: 'Denser than healthy lung.' }],
  },
  {
    name: 'decovnet', title: 'DeCoVNet', reads: 'CT and lung mask', state: 'ready', default: true, version: 'small-7', auc: 0.97,
    auc_interval: [0.95, 0.99], probabilities: ['COVID-19'], measures: false, evidence: 'ml', heatmaps: [
      { class: 'COVID-19', kind: 'cam', name: 'CAM', about: 'Class activation map.' }, { class: 'COVID-19', kind: '3dcc', name: '3DCC', about: 'Edges.' },
    ],
  },
];

/** Further systems a site may have: one that measures, and one that does not run here. */
export const MORE_SYSTEMS: SystemInfo[] = [
  {
    name: 'multiscale', title: 'Multiscale', state: 'demonstration', default: false, version: '3', auc: 0.8, probabilities: ['COVID-19', 'CAP', 'NP'],
    measures: true, evidence: 'probability', heatmaps: [{ class: 'COVID-19', kind: 'conv3', name: 'fine scale (Conv3)', about: 'Small findings.' }],
  },
  { name: 'icovid', title: 'icovid', state: 'no weights', default: false, probabilities: ['COVID-19'], measures: false, evidence: 'share', heatmaps: [] },
];

/** A heatmap as the API lists it. */
export function testHeatmap(id: string, system: string, name: string, kind = id): HeatmapInfo {
  return { id, system, class: name, kind, reference: 1, threshold: 0.6, shape: [1, 1, 1], affine: [] };
}
