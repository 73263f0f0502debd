import { el } from '../../shared/dom';
import { percent, plural, range } from '../../shared/format';
import { icon } from '../../shared/icons';
import type { AnalysisResults, SystemInfo, SystemResult } from '../../shared/types';
import { COVID, predictions, votes, type Prediction, type Systems } from '../systems';

/** Keys of the probabilities with a colour of their own, in the order of the rows. */
const KEYS: [string, string][] = [[COVID, 'covid'], ['CAP', 'cap'], ['other', 'other'], ['NP', 'none'], ['diseased', 'diseased']];
/** The two probabilities whose product is that of COVID-19. */
const DISEASED = 'diseased';
const GIVEN = 'COVID-19 given diseased';

/** What a system's row can ask for. */
export interface SystemActions {
  showMap(system: string): void;
  compare(system: string): void;
}

/** Says that the systems do not agree on COVID-19; null when they do, or when fewer than two decide on it. */
export function disagreement(results: AnalysisResults | undefined): HTMLElement | null {
  const { yes, no } = votes(results ?? {});
  if (yes === 0 || no === 0) return null;
  const fewer = Math.min(yes, no);
  const words = yes === no ? 'Systems disagree' : `${fewer} of ${yes + no} ${fewer === 1 ? 'disagrees' : 'disagree'}`;
  return el('span', { class: 'chip warn', 'data-testid': 'disagreement', title: `COVID-19: ${yes} positive, ${no} negative` }, icon('triangle'), words);
}

/** One system: its probabilities or what it measured, what it predicts, how many regions, which version. */
export function systemResult(name: string, result: SystemResult, systems: Systems, actions: SystemActions): HTMLElement {
  const said = predictions(result);
  const measured = systems.measured(name, result.version);
  const head = el('div', { class: 'row-x s12' }, el('b', { class: 'w6' }, systems.title(name)),
    el('span', { class: 'sp' }), ...(said.length > 0 ? top(said) : infected(result)));
  const caution = measured?.state === 'demonstration'
    ? el('span', { class: 'chip warn', 'data-testid': `demonstration-${name}` }, icon('triangle'), 'Demonstration only') : null;
  return el('div', { class: 'sys', 'data-testid': `system-${name}` }, head, ...answer(said), caution,
    found(result, said, () => actions.showMap(name)), foot(name, result, measured, () => actions.compare(name)));
}

function infected({ quantification }: SystemResult): (Node | string)[] {
  const share = quantification?.infected_percent;
  return [el('span', { class: 't2' }, 'infected'), ...(share === undefined ? [] : [' ', el('b', { class: 'w6 num' }, percent(share))])];
}

/** Those of the keys that have a colour, in the order of the rows. */
function coloured(said: Prediction[]): (Prediction & { token: string })[] {
  return KEYS.flatMap(([key, token]) => said.filter((one) => one.key === key).map((one) => ({ ...one, token })));
}

/** The most probable class; a single one as it is. A share of another probability is no class. */
function top(said: Prediction[]): (Node | string)[] {
  const [most] = coloured(said).filter(({ key }) => key !== DISEASED).sort((a, b) => b.probability - a.probability);
  return most ? [el('i', { class: `sq c-${most.token}` }), el('span', { class: 'w5' }, most.key), el('b', { class: 'num w6' }, most.probability.toFixed(2))] : [];
}

/** One probability as a bar and a sentence; several as rows, each with its own operating point. */
function answer(said: Prediction[]): (HTMLElement | null)[] {
  const shown = coloured(said);
  if (shown.length === 0) return [];
  const [first] = shown;
  if (shown.length === 1 && first) return [track(first), words(first)];
  return [el('div', { class: 'probs' }, ...shown.flatMap(row)), product(said)];
}

/** A probability on a track from 0 to 1, with a mark at its operating point. */
function track({ key, token, probability, point }: Prediction & { token: string }): HTMLElement {
  const part = el('i', { class: `c-${token}` });
  part.style.width = `${100 * probability}%`;
  const mark = point === undefined ? null : el('span', { class: 'cmark', title: `Operating point ${point.toFixed(2)}` });
  if (mark) mark.style.insetInlineStart = `${100 * (point ?? 0)}%`;
  return el('div', { class: 'ctrack' }, el('span', { class: 'cbar', role: 'img', 'aria-label': `${key} ${probability.toFixed(2)}` }, part), mark);
}

/** One of several probabilities: name, track, number, and what is predicted where that is decided. */
function row(one: Prediction & { token: string }): HTMLElement[] {
  const { key, probability, point, positive } = one;
  const decided = point === undefined ? null : el('span', { title: `Operating point ${point.toFixed(2)}` }, positive ? 'positive' : 'negative',
    el('span', { class: 'sr' }, `, operating point ${point.toFixed(2)}`));
  return [el('span', { class: 't2', 'data-testid': `probability-${key}` }, key), track(one), el('b', { class: 'num w6 end' }, probability.toFixed(2)),
    el('span', { class: positive ? 'w6' : 't2' }, decided)];
}

/** 'COVID-19 0.57 = diseased 0.95 × COVID-19 given diseased 0.60', where a system multiplies two answers. */
function product(said: Prediction[]): HTMLElement | null {
  const of = (key: string): string | undefined => said.find((one) => one.key === key)?.probability.toFixed(2);
  const [whole, diseased, given] = [of(COVID), of(DISEASED), of(GIVEN)];
  if (whole === undefined || diseased === undefined || given === undefined) return null;
  return el('p', { class: 't2 s12 num', 'data-testid': 'product' }, `${COVID} ${whole} = ${DISEASED} ${diseased} × ${GIVEN} ${given}`);
}

/** What a single probability means: only one with an operating point is decided on. */
function words({ point, positive }: Prediction): HTMLElement | null {
  if (point === undefined) return null;
  return el('p', { class: 's12' }, 'Predicted ', el('b', { class: 'w6' }, positive ? 'positive' : 'negative'),
    el('span', { class: 't2 num' }, `, operating point ${point.toFixed(2)}`));
}

/** How many regions there are, or why there are none; and what of the lungs it measured as infected. */
function found({ regions, heatmaps, quantification }: SystemResult, said: Prediction[], showMap: () => void): HTMLElement | null {
  if (said.length === 0 || !regions) return null;
  const share = quantification?.infected_percent;
  const measured = share === undefined ? '' : ` Infected ${percent(share)}.`;
  if (regions.length > 0) return el('p', { class: 't2 s12' }, `${plural(regions.length, 'region')}.${measured}`);
  if (said.some(({ positive }) => positive)) return el('p', { class: 't2 s12' }, `No region: its map stays below the threshold.${measured}`);
  const show = el('button', { type: 'button', class: 'b q sm', 'data-testid': 'show-map' }, 'Show its map');
  show.addEventListener('click', showMap);
  return el('p', { class: 't2 s12 row-x' }, `No region: predicted negative.${measured}`, heatmaps && heatmaps.length > 0 ? show : null);
}

/** Which version it was, how well it did, and the way to two of its maps side by side where it has more than one. */
function foot(name: string, result: SystemResult, measured: SystemInfo | undefined, compare: () => void): HTMLElement {
  const { version: number, probabilities, heatmaps = [] } = result;
  const auc = aucWords(measured);
  const button = el('button', { type: 'button', class: 'b q sm', 'data-testid': `compare-${name}` }, icon('layoutSplit'), 'Side by side');
  button.addEventListener('click', compare);
  return el('div', { class: 'row-x s12' }, el('p', { class: 't3 sp' }, number ? `Version ${number}. ` : '', auc ? `${auc}. ` : '',
    el('a', { href: `/methods/#${name}`, target: '_blank' }, probabilities ? 'Model card' : 'Method')), heatmaps.length > 1 ? button : null);
}

/** 'AUC 0.97 (0.95 to 0.99) on phantoms', or '' where none was measured. */
export function aucWords(system: SystemInfo | undefined): string {
  if (system?.auc === undefined) return '';
  return `AUC ${system.auc.toFixed(2)}${system.auc_interval ? ` (${range(system.auc_interval, 2)})` : ''} on phantoms`;
}
