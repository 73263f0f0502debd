/** The rows on the page: replaced in place when they change; new ones wait until the person asks for them. */
import { left } from '../../shared/format';
import { localTimes } from '../times';
import type { AnalysisProgress } from './live';

function seriesOf(row: HTMLElement): string {
  return row.dataset.series ?? '';
}

export class Rows {
  private readonly waiting = new Set<string>();

  constructor(private readonly root: HTMLElement) {
    localTimes(root);
  }

  get all(): HTMLTableRowElement[] {
    return [...this.root.querySelectorAll<HTMLTableRowElement>('tr[data-series]')];
  }

  /** Number of rows that match the page's filters and are not shown yet. */
  get unseen(): number {
    return this.waiting.size;
  }

  /** Takes rows the server rendered: shown ones are replaced in place, others are counted. */
  take(fresh: HTMLTableRowElement[]): void {
    const shown = new Map(this.all.map((row) => [seriesOf(row), row]));
    for (const row of fresh) {
      const old = shown.get(seriesOf(row));
      if (old) this.replace(old, row);
      else if (row.dataset.matches === 'yes') this.waiting.add(seriesOf(row));
    }
  }

  /** Drops rows of series that the server no longer gives to this person. */
  drop(series: Set<string>, fresh: HTMLTableRowElement[]): void {
    const given = new Set(fresh.map(seriesOf));
    for (const row of this.all) {
      if (series.has(seriesOf(row)) && !given.has(seriesOf(row))) row.remove();
    }
  }

  /** Moves the progress bar. False when the row must be fetched anew: the analysis started, ended or is unknown. */
  progress(event: AnalysisProgress): boolean {
    const rows = this.all.filter((row) => row.dataset.series === event.series);
    const running = rows.filter(
      (row) => row.dataset.analysis === event.analysis && row.dataset.analysisState === 'running',
    );
    if (event.state !== 'running' || running.length !== rows.length || rows.length === 0) return false;
    for (const row of running) this.move(row, event);
    return true;
  }

  private move(row: HTMLTableRowElement, event: AnalysisProgress): void {
    const bar = row.querySelector('progress');
    if (bar && event.progress !== undefined) bar.value = event.progress;
    const write = (selector: string, text: string): void => {
      const place = row.querySelector(selector);
      if (place) place.textContent = text;
    };
    if (event.stage) write('[data-stage]', event.stage);
    write('[data-left]', event.seconds_left === undefined ? '' : `${left(event.seconds_left)} left`);
    if (event.progress !== undefined) write('[data-percent]', `${Math.round(event.progress * 100)}%`);
  }

  private replace(old: HTMLTableRowElement, fresh: HTMLTableRowElement): void {
    localTimes(fresh);
    const selected = old.getAttribute('aria-selected');
    if (selected) fresh.setAttribute('aria-selected', selected);
    const focused = old.contains(document.activeElement) && document.activeElement?.matches('a.patient');
    old.replaceWith(fresh);
    if (focused) fresh.querySelector<HTMLElement>('a.patient')?.focus();
  }
}
