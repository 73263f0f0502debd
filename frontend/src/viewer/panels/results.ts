import { el, setText } from '../../shared/dom';
import { clock, left, plural } from '../../shared/format';
import { icon } from '../../shared/icons';
import type { AiPolicy, Analysis, HeatmapPreview } from '../../shared/types';
import type { Systems } from '../systems';
import { disagreement, systemResult } from './system-result';
import { Volumes } from './volumes';

export interface ResultsActions {
  reveal(): void;
  retry(): void;
  /** Stops the analysis that waits or runs. */
  stop(): void;
  /** Asks which systems shall run. */
  start(): void;
  /** Shows the map of a system that was predicted negative. */
  showMap(system: string): void;
  /** Sets two maps of a system side by side. */
  compare(system: string): void;
}

/** What the results pane has to show. */
export interface ResultsContent {
  analysis: Analysis | null;
  /** A later analysis that waits or runs. */
  another: Analysis | null;
  systems: Systems;
  policy: AiPolicy;
  /** The heatmap that a running analysis shows while it makes it. */
  making: HeatmapPreview | null;
  /** Not revealed to this reader. */
  concealed: boolean;
  /** The reader hid the results again. */
  hiddenByReader: boolean;
  mayStart: boolean;
}

/** How far a heatmap is made. */
export function drawn({ done }: HeatmapPreview): string {
  return `${Math.round(100 * done)}% drawn`;
}

const STAGES: Record<string, string> = {
  read: 'Reading the images', lungs: 'Finding the lungs', lesions: 'Finding infected lung', quantification: 'Measuring volumes',
  regions: 'Outlining regions', store: 'Storing the results',
};

/** How the warning ends that a system's own row says already. */
const PREDICTED_NEGATIVE = 'no region: predicted negative.';

/** The results of the systems, or why there are none yet. */
export class Results {
  private readonly volumes = new Volumes();
  private readonly progress = el('p', { class: 't2 s12', 'data-testid': 'another' });
  private shownFor: Omit<ResultsContent, 'another'> | null = null;

  constructor(private readonly host: HTMLElement, private readonly actions: ResultsActions) {}

  show(content: ResultsContent): void {
    const { another, ...all } = content;
    // The map of a later analysis is told in its own line.
    const rest = { ...all, making: another ? null : all.making };
    const before = this.shownFor;
    const going = another !== null;
    this.showProgress(content);
    // What a pointer may be pressing stays where it is while only the progress of another analysis changes.
    const same = before !== null && this.progress.isConnected === going && (Object.keys(rest) as (keyof typeof rest)[]).every((key) => before[key] === rest[key]);
    if (same) return;
    this.shownFor = rest;
    this.render(content);
  }

  private render(content: ResultsContent): void {
    const { analysis, policy, concealed } = content;
    const body = !analysis ? this.none(content)
      : policy === 'never' ? [this.note('This cohort reads without AI results.')]
        : analysis.state === 'failed' || analysis.state === 'cancelled' ? this.failed(analysis)
          : analysis.state !== 'succeeded' ? this.running(analysis, content)
            : concealed ? this.concealed(analysis)
              : content.hiddenByReader ? [this.note('You hid the AI results. F2 shows them again.')]
                : this.results(analysis, content.systems);
    this.host.replaceChildren(el('div', { class: 'sec', 'data-testid': 'results' },
      el('header', {}, el('h2', {}, 'AI results'), this.shown(content) ? disagreement(analysis?.results) : null,
        el('span', { class: 'sp' }), this.outdated(analysis), this.again(content)),
      content.another ? el('div', { class: 'row-x' }, this.progress, content.mayStart ? this.stopping() : null) : null, ...body),
    ...(analysis?.results && this.shown(content) ? [this.volumes.section(analysis.results, content.systems)] : []));
  }

  private shown({ analysis, concealed, hiddenByReader, policy }: ResultsContent): boolean {
    return analysis?.state === 'succeeded' && !concealed && !hiddenByReader && policy !== 'never';
  }

  private outdated(analysis: Analysis | null): HTMLElement | null {
    return analysis?.outdated ? el('span', { class: 'chip warn' }, icon('triangle'), 'Older series') : null;
  }

  private note(text: string): HTMLElement {
    return el('p', { class: 't2 s12' }, text);
  }

  private none({ mayStart }: ResultsContent): HTMLElement[] {
    const start = el('button', { type: 'button', class: 'b sm', 'data-testid': 'start-analysis' }, 'Start analysis');
    start.addEventListener('click', () => this.actions.start());
    return [this.note('This series has no analysis.'), ...(mayStart ? [start] : [])];
  }

  private running(analysis: Analysis, { making, systems, hiddenByReader, mayStart }: ResultsContent): HTMLElement[] {
    const share = Math.round(100 * (analysis.progress ?? 0));
    const bar = el('i', {});
    bar.style.width = `${share}%`;
    const queued = analysis.state === 'queued';
    const stage = analysis.stage ? STAGES[analysis.stage] ?? analysis.stage : 'Starting';
    const wait = analysis.queue_position ? `${plural(analysis.queue_position - 1, 'study', 'studies')} before this one` : 'Waiting for a worker';
    return [
      el('div', { class: 'row-x s12', 'data-testid': 'progress' }, el('b', { class: 'w6' }, queued ? 'In the queue' : stage),
        el('span', { class: 'sp' }), el('span', { class: 't3 num' }, queued ? wait : `${share}% ${left(analysis.seconds_left)}`)),
      el('div', { class: 'pb gap', role: 'progressbar', 'aria-label': 'Analysis', 'aria-valuenow': share, 'aria-valuemin': 0,
        'aria-valuemax': 100 }, bar),
      this.note('You can read meanwhile. The results appear here by themselves.'),
      ...(making && !hiddenByReader ? [el('p', { class: 't2 s12', 'data-testid': 'preview' },
        `On the images: ${systems.heatmap(making)}, ${drawn(making)}, slices with most evidence first.`)] : []),
      ...(mayStart ? [el('div', { class: 'gap' }, this.stopping())] : []),
    ];
  }

  private stopping(): HTMLElement {
    const button = el('button', { type: 'button', class: 'b q sm', 'data-testid': 'stop-analysis' }, 'Stop');
    button.addEventListener('click', () => this.actions.stop());
    return button;
  }

  private failed(analysis: Analysis): HTMLElement[] {
    const again = el('button', { type: 'button', class: 'b sm', 'data-testid': 'retry' }, 'Try again');
    again.addEventListener('click', () => this.actions.retry());
    const said = analysis.error;
    const text = analysis.state === 'cancelled' ? 'The analysis was stopped.' : said?.message ?? 'The analysis failed.';
    return [el('div', { class: 'al bad', role: 'alert', 'data-testid': 'analysis-failed' }, icon('octagon'),
      el('div', { class: 'sp' }, el('b', {}, text), said?.hint ? el('div', {}, said.hint) : null,
        said?.reference ? el('div', { class: 't3 s12' }, `Reference ${said.reference}`) : null, el('div', { class: 'gap' }, again)))];
  }

  private concealed(analysis: Analysis): HTMLElement[] {
    const show = el('button', { type: 'button', class: 'b', 'data-testid': 'reveal' }, icon('eye'), 'Show AI now ', el('span', { class: 'k' }, 'F2'));
    show.addEventListener('click', () => this.actions.reveal());
    return [el('div', { class: 'conceal' }, icon('eyeSlash'), el('h3', {}, 'Hidden for your first read'),
      el('p', { class: 't2' }, 'Record CO-RADS and diagnosis, then show AI. Both answers are kept, so the cohort can measure what AI changed.'),
      show, analysis.finished_at ? el('p', { class: 't3 s12' }, `Analysis finished ${clock(analysis.finished_at, false)}.`) : null)];
  }

  private results(analysis: Analysis, systems: Systems): (HTMLElement | null)[] {
    const { systems: found = {}, warnings = [] } = analysis.results ?? {};
    const ran = analysis.systems.flatMap((name) => (found[name] ? [[name, found[name]] as const] : []));
    return [
      ...ran.map(([name, result]) => systemResult(name, result, systems, this.actions)),
      ran.some(([, result]) => Object.keys(result.operating_points ?? {}).length > 0)
        ? el('p', { class: 't3 s12' }, 'A line across a bar is the operating point: from there on predicted positive.') : null,
      el('p', { class: 't3 s12 gap' }, 'Research use only. ', el('a', { href: '/methods/', target: '_blank' }, 'Methods and models')),
      ...warnings.filter((text) => !text.endsWith(PREDICTED_NEGATIVE)).map((warning) =>
        el('div', { class: 'al warn gap' }, icon('triangle'), el('span', {}, warning))),
    ];
  }

  /** Leads to another analysis with systems of the reader's choice. */
  private again({ analysis, another, mayStart }: ResultsContent): HTMLElement | null {
    if (!mayStart || another || analysis?.state !== 'succeeded') return null;
    const button = el('button', { type: 'button', class: 'b q sm', 'data-testid': 'new-analysis' }, 'New analysis…');
    button.addEventListener('click', () => this.actions.start());
    return button;
  }

  private showProgress({ another: analysis, making, systems }: ResultsContent): void {
    if (!analysis) return;
    const share = Math.round((analysis.progress ?? 0) * 100);
    const doing = analysis.state === 'queued' ? 'waits for a worker' : `${analysis.stage || 'starting'}, ${share}%`;
    const map = making ? ` Among the maps already: ${systems.heatmap(making)}, ${drawn(making)}.` : '';
    setText(this.progress, `A new analysis: ${doing}. It is offered here when it is done.${map}`);
  }
}
