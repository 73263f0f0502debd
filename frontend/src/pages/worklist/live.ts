/** The worklist's line to the server: a WebSocket that comes back by itself, and polling while it is away. */

export interface SeriesChanged {
  type: 'series.changed';
  series: string;
}

export interface AnalysisProgress {
  type: 'analysis.progress';
  series: string;
  analysis: string;
  state: string;
  stage?: string;
  progress?: number;
  seconds_left?: number;
}

export type WorklistEvent = SeriesChanged | AnalysisProgress;

export interface LiveOptions {
  url: string;
  onEvent: (event: WorklistEvent) => void;
  /**
   * Called when events may have been missed: each time the server has begun to tell (also the first time: something may
   * have changed since the page was made), and on every poll while the socket is away.
   */
  onMissed: () => void;
  /** Called when the line is lost or is back. */
  onLine: (connected: boolean) => void;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const POLL_MS = 10_000;

/** Milliseconds before try number `tries` (from 0): doubling, with jitter so that a hundred pages do not knock at once. */
export function backoff(tries: number, random: () => number = Math.random): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
  return full * (0.5 + random() / 2);
}

/** Keeps a WebSocket open for as long as the page lives. */
export class Live {
  private tries = 0;
  private poll: number | undefined;

  constructor(private readonly options: LiveOptions) {
    this.connect();
  }

  private connect(): void {
    const address = new URL(this.options.url, location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(address);
    socket.addEventListener('open', () => this.opened());
    socket.addEventListener('message', (message) => {
      const event = JSON.parse(String(message.data)) as WorklistEvent | { type: 'hello' };
      if (event.type === 'hello') this.options.onMissed();
      else this.options.onEvent(event);
    });
    socket.addEventListener('close', () => this.closed());
  }

  private opened(): void {
    window.clearInterval(this.poll);
    this.poll = undefined;
    this.tries = 0;
    this.options.onLine(true);
  }

  private closed(): void {
    this.options.onLine(false);
    this.poll ??= window.setInterval(this.options.onMissed, POLL_MS);
    window.setTimeout(() => this.connect(), backoff(this.tries));
    this.tries += 1;
  }
}
