/** Shows the server's report of an upload and keeps it fresh until nothing changes any more. */

const FIRST_MS = 1000;
const LONGEST_MS = 5000;

/** Follows the report at `url` (a page that also answers `?fragment`) inside `root`. */
export class ReportFollower {
  private shown = '';

  constructor(
    private readonly url: string,
    private readonly root: HTMLElement,
    private readonly onSettled: () => void = () => undefined,
  ) {}

  get settled(): boolean {
    return this.root.querySelector<HTMLElement>('[data-settled]')?.dataset.settled === 'yes';
  }

  async follow(): Promise<void> {
    let wait = FIRST_MS;
    while (!this.settled) {
      await this.load();
      if (this.settled) break;
      await new Promise((done) => window.setTimeout(done, wait));
      wait = Math.min(LONGEST_MS, wait * 1.2);
    }
    this.onSettled();
  }

  private async load(): Promise<void> {
    try {
      const response = await fetch(`${this.url}?fragment`, { credentials: 'same-origin' });
      if (!response.ok || response.redirected) return;
      this.show(await response.text());
    } catch {
      // The next round asks again; the sender says that the connection is lost.
    }
  }

  private show(html: string): void {
    if (html === this.shown) return;
    this.shown = html;
    const parsed = new DOMParser().parseFromString(html, 'text/html');
    this.root.replaceChildren(...parsed.body.childNodes);
  }
}
