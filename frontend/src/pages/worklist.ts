/** Keeps the server-rendered worklist alive: rows change in place as series are checked, analysed and read. */
import { ApiError, json } from '../shared/api';
import { need } from '../shared/dom';
import { clock } from '../shared/format';
import { listenKeys, openOnClick } from './worklist/keys';
import { Live, type WorklistEvent } from './worklist/live';
import { Rows } from './worklist/rows';

const GATHER_MS = 250;
/** Longer addresses are cut by proxies: so many changed series are asked for at a time. */
const SERIES_PER_REQUEST = 50;

class Worklist {
  private readonly root = need('#worklist');
  private readonly rows = new Rows(this.root);
  private readonly changed = new Set<string>();
  private timer: number | undefined;

  start(): void {
    const search = need<HTMLInputElement>('#search');
    listenKeys(() => this.rows.all, search);
    openOnClick(this.root);
    this.root.addEventListener('click', (event) => void this.retry(event));
    document.querySelector('#cohort')?.addEventListener('change', () => need<HTMLFormElement>('#filters').submit());
    new Live({
      url: this.root.dataset.socket ?? '',
      onEvent: (event) => this.receive(event),
      onMissed: () => void this.refresh(),
      onLine: (connected) => this.showLine(connected),
    });
  }

  private receive(event: WorklistEvent): void {
    if (event.type === 'analysis.progress' && this.rows.progress(event)) return;
    this.changed.add(event.series);
    this.timer ??= window.setTimeout(() => void this.fetchChanged(), GATHER_MS);
  }

  private async fetchChanged(): Promise<void> {
    this.timer = undefined;
    const wanted = [...this.changed].slice(0, SERIES_PER_REQUEST);
    if (wanted.length === 0) return;
    for (const series of wanted) this.changed.delete(series);
    const fresh = await this.load(wanted);
    if (fresh) this.rows.drop(new Set(wanted), fresh);
    if (fresh && this.changed.size) this.timer = window.setTimeout(() => void this.fetchChanged(), GATHER_MS);
  }

  /** Asks for what the page would show now, and for what it shows, which may have left its tab. */
  private async refresh(): Promise<void> {
    await this.load([]);
    for (const row of this.rows.all) this.changed.add(row.dataset.series ?? '');
    await this.fetchChanged();
  }

  /** Fetches rows as the server renders them: those of `series`, or the page's own when it is empty. */
  private async load(series: string[]): Promise<HTMLTableRowElement[] | undefined> {
    const address = new URL(this.root.dataset.fresh ?? '', location.href);
    for (const id of series) address.searchParams.append('series', id);
    try {
      const response = await fetch(address, { credentials: 'same-origin', headers: { Accept: 'text/html' } });
      if (!response.ok || response.redirected) return undefined;
      return this.take(await response.text());
    } catch {
      return undefined; // The line is down; the next poll or reconnect asks again.
    }
  }

  private take(html: string): HTMLTableRowElement[] {
    const parsed = new DOMParser().parseFromString(html, 'text/html');
    const fresh = [...parsed.querySelectorAll<HTMLTableRowElement>('tr[data-series]')];
    for (const part of ['#tabs', '#actions']) {
      const made = parsed.querySelector(part);
      if (made) need(part).replaceWith(made);
    }
    const matching = fresh.some((row) => row.dataset.matches === 'yes');
    // An empty table has no order to disturb.
    if (matching && this.rows.all.length === 0) location.reload();
    this.rows.take(fresh);
    this.showUnseen();
    need('#live').textContent = `Updated ${clock(new Date())}`;
    return fresh;
  }

  private showUnseen(): void {
    const link = need<HTMLAnchorElement>('#show-new');
    link.hidden = this.rows.unseen === 0;
    link.textContent = `${this.rows.unseen} new, show`;
  }

  private showLine(connected: boolean): void {
    const box = need('#trouble');
    box.hidden = connected;
    if (!connected) need('span', box).textContent = 'The live connection is lost. The list is refreshed every 10 seconds.';
  }

  private async retry(event: Event): Promise<void> {
    const button = (event.target as HTMLElement).closest<HTMLButtonElement>('[data-retry]');
    if (!button) return;
    button.disabled = true;
    try {
      await json(`analyses/${button.dataset.retry}/retry/`, { method: 'POST', json: {} });
      await this.load([button.closest('tr')?.dataset.series ?? '']);
    } catch (error) {
      button.disabled = false;
      const box = need('#trouble');
      box.hidden = false;
      need('span', box).textContent = error instanceof ApiError ? error.sentence : 'The analysis was not started again.';
    }
  }
}

new Worklist().start();
