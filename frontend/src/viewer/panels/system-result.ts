import { el } from '../../shared/dom';
import { percent, plural, range } from '../../shared/format';
import { icon } from '../../shared/icons';
import type { AnalysisResults, SystemInfo, SystemResult } from '../../shared/types';
import { COVID, predictions, votes, type Prediction, type Systems } from '../systems';

/** Classes with a colour of their own, and the order of the bar's parts. */
const CLASSES: [string, string][] = [[COVID, 'covid'], ['CAP', 'cap'], ['other', 'other'], ['NP', 'none']];

/** Says that the systems do not agree on COVID-19; null when they do, or when fewer than two decide on it. */
export function disagreement(results: AnalysisResults | undefined): HTMLElement | null {
  const { yes, no } = votes(results ?? {});
  if (yes === 0 || no === 0) return null;
  const fewer = Math.min(yes, no);
  const words = yes === no ? 'Systems disagree' : `${fewer} of ${yes + no} ${fewer === 1 ? 'disagrees' : 'disagree'}`;
  return el('span', { class: 'chip warn', 'data-testid': 'disagreement', title: `COVID-19: ${yes} positive, ${no} negative` }, icon('triangle'), words);
}

/** One system: its probability or what it measured, what it predicts, how many regions, which version. */
export function systemResult(name: string, result: SystemResult, systems: Systems, showMap: () => void): HTMLElement {
  const said = predictions(result);
  const measured = systems.measured(name, result.version);
  const head = el('div', { class: 'row-x s12' }, el('b', { class: 'w6' }, systems.title(name)),
    el('span', { class: 'sp' }), ...(said.length > 0 ? top(said) : infected(result)));
  const caution = measured?.state === 'demonstration'
    ? el('span', { class: 'chip warn', 'data-testid': `demonstration-${name}` }, icon('triangle'), 'Demonstration only') : null;
  return el('div', { class: 'sys', 'data-testid': `system-${name}` }, head,
    said.length > 0 ? bar(said) : null, caution, ...said.map((one, i) => words(one, i > 0)), found(result, said, showMap), version(name, result, measured));
}

function infected({ quantification }: SystemResult): (Node | string)[] {
  const share = quantification?.infected_percent;
  return [el('span', { class: 't2' }, 'infected'), ...(share === undefined ? [] : [' ', el('b', { class: 'w6 num' }, percent(share))])];
}

/** Those of the keys that are classes, in the order of the bar, each with its colour. */
function classes(said: Prediction[]): (Prediction & { token: string })[] {
  return CLASSES.flatMap(([key, token]) => said.filter((one) => one.key === key).map((one) => ({ ...one, token })));
}

/** The most probable class; a single one as it is. */
function top(said: Prediction[]): (Node | string)[] {
  const [most] = classes(said).sort((a, b) => b.probability - a.probability);
  return most ? [el('i', { class: `sq c-${most.token}` }), el('span', { class: 'w5' }, most.key), el('b', { class: 'num w6' }, most.probability.toFixed(2))] : [];
}

/** The classes side by side on a track from 0 to 1, with a mark at the operating point of COVID-19. */
function bar(said: Prediction[]): HTMLElement {
  const shown = classes(said);
  const parts = shown.map(({ token, probability }) => {
    const part = el('i', { class: `c-${token}` });
    part.style.width = `${100 * probability}%`;
    return part;
  });
  const point = shown.find(({ key }) => key === COVID)?.point;
  const mark = point === undefined ? null : el('span', { class: 'cmark', title: `Operating point ${point.toFixed(2)}` });
  if (mark) mark.style.insetInlineStart = `${100 * (point ?? 0)}%`;
  const label = shown.map(({ key, probability }) => `${key} ${probability.toFixed(2)}`).join(', ');
  return el('div', { class: 'ctrack' }, el('span', { class: 'cbar', role: 'img', 'aria-label': label }, ...parts), mark);
}

/** What a probability means: only a key with an operating point is decided on. */
function words({ key, probability, point, positive }: Prediction, named: boolean): HTMLElement | null {
  if (point === undefined) return named ? el('p', { class: 't2 s12' }, `${key} `, el('span', { class: 'num' }, probability.toFixed(2))) : null;
  const what = named ? `${key} ${probability.toFixed(2)}: predicted ` : 'Predicted ';
  return el('p', { class: 's12' }, what, el('b', { class: 'w6' }, positive ? 'positive' : 'negative'),
    el('span', { class: 't2 num' }, `, operating point ${point.toFixed(2)}`));
}

/** How many regions there are, or why there are none. */
function found({ regions, heatmaps }: SystemResult, said: Prediction[], showMap: () => void): HTMLElement | null {
  if (said.length === 0 || !regions) return null;
  if (regions.length > 0) return el('p', { class: 't2 s12' }, `${plural(regions.length, 'region')}.`);
  if (said.some(({ positive }) => positive)) return el('p', { class: 't2 s12' }, 'No region: its map stays below the threshold.');
  const show = el('button', { type: 'button', class: 'b q sm', 'data-testid': 'show-map' }, 'Show its map');
  show.addEventListener('click', showMap);
  return el('p', { class: 't2 s12 row-x' }, 'No region: predicted negative.', heatmaps && heatmaps.length > 0 ? show : null);
}

function version(name: string, { version: number, probabilities }: SystemResult, measured: SystemInfo | undefined): HTMLElement {
  const auc = aucWords(measured);
  return el('p', { class: 't3 s12' }, number ? `Version ${number}. ` : '', auc ? `${auc}. ` : '',
    el('a', { href: `/methods/#${name}`, target: '_blank' }, probabilities ? 'Model card' : 'Method'));
}

/** 'AUC 0.97 (0.95 to 0.99) on phantoms', or '' where none was measured. */
export function aucWords(system: SystemInfo | undefined): string {
  if (system?.auc === undefined) return '';
  return `AUC ${system.auc.toFixed(2)}${system.auc_interval ? ` (${range(system.auc_interval, 2)})` : ''} on phantoms`;
}
