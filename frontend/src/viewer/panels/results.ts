import { el } from '../../shared/dom';
import { clock, left, percent, plural } from '../../shared/format';
import { icon } from '../../shared/icons';
import type { AiPolicy, Analysis, SystemResult } from '../../shared/types';
import { Volumes } from './volumes';

export interface ResultsActions {
  reveal(): void;
  retry(): void;
  start(): void;
}

/** What the results pane has to show. */
export interface ResultsContent {
  analysis: Analysis | null;
  policy: AiPolicy;
  /** Not revealed to this reader. */
  concealed: boolean;
  /** The reader hid the results again. */
  hiddenByReader: boolean;
  mayStart: boolean;
}

const STAGES: Record<string, string> = {
  read: 'Reading the images', lungs: 'Finding the lungs', lesions: 'Finding infected lung', quantification: 'Measuring volumes',
  regions: 'Outlining regions', store: 'Storing the results',
};
const CLASSES: [string, string][] = [['COVID-19', 'covid'], ['CAP', 'cap'], ['other', 'other'], ['NP', 'none']];

/** The results of the systems, or why there are none yet. */
export class Results {
  private readonly volumes = new Volumes();

  constructor(private readonly host: HTMLElement, private readonly actions: ResultsActions) {}

  show(content: ResultsContent): void {
    const { analysis, policy, concealed } = content;
    const body = !analysis ? this.none(content)
      : policy === 'never' ? [this.note('This cohort reads without AI results.')]
        : analysis.state === 'failed' || analysis.state === 'cancelled' ? this.failed(analysis)
          : analysis.state !== 'succeeded' ? this.running(analysis)
            : concealed ? this.concealed(analysis)
              : content.hiddenByReader ? [this.note('You hid the AI results. F2 shows them again.')]
                : this.results(analysis);
    this.host.replaceChildren(el('div', { class: 'sec', 'data-testid': 'results' },
      el('header', {}, el('h2', {}, 'AI results'), el('span', { class: 'sp' }), this.outdated(analysis)), ...body),
    ...(analysis?.results && this.shown(content) ? [this.volumes.section(analysis.results)] : []));
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

  private running(analysis: Analysis): HTMLElement[] {
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
    ];
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

  private results(analysis: Analysis): HTMLElement[] {
    const systems = Object.entries(analysis.results?.systems ?? {});
    const warnings = analysis.results?.warnings ?? [];
    return [
      ...systems.map(([name, result]) => this.system(name, result)),
      ...warnings.map((warning) => el('div', { class: 'al warn gap' }, icon('triangle'), el('span', {}, warning))),
    ];
  }

  private system(name: string, result: SystemResult): HTMLElement {
    const head = el('div', { class: 'row-x s12' }, el('b', { class: 'w6' }, name),
      result.version ? el('span', { class: 't3' }, `v${result.version}`) : null, el('span', { class: 'sp' }));
    if (!result.probabilities) {
      const measured = result.quantification?.infected_percent;
      head.append(el('span', { class: 't2' }, 'infected'), ...(measured === undefined ? [] : [' ', el('b', { class: 'w6 num' }, percent(measured))]));
      return el('div', { class: 'sys' }, head);
    }
    const bars = CLASSES.filter(([key]) => result.probabilities?.[key] !== undefined);
    const [top] = [...bars].sort((a, b) => (result.probabilities?.[b[0]] ?? 0) - (result.probabilities?.[a[0]] ?? 0));
    if (top) head.append(el('i', { class: `sq c-${top[1]}` }), el('span', { class: 'w5' }, top[0]), el('b', { class: 'num w6' }, (result.probabilities[top[0]] ?? 0).toFixed(2)));
    const bar = el('span', {
      class: 'cbar', role: 'img', 'aria-label': bars.map(([key]) => `${key} ${(result.probabilities?.[key] ?? 0).toFixed(2)}`).join(', '),
    }, ...bars.map(([key, token]) => {
      const part = el('i', { class: `c-${token}` });
      part.style.width = `${100 * (result.probabilities?.[key] ?? 0)}%`;
      return part;
    }));
    return el('div', { class: 'sys' }, head, bar);
  }
}
