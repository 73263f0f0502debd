import { ApiError, json } from '../shared/api';
import type { Analysis } from '../shared/types';

const POLL_MS = 2000;
const POLL_WITH_SOCKET_MS = 10000;

function ended(analysis: Analysis): boolean {
  return ['succeeded', 'failed', 'cancelled'].includes(analysis.state);
}

/**
 * Follows an analysis to its end: by WebSocket where there is one, by asking otherwise.
 *
 * `drawn` is called when more of a heatmap may have been made meanwhile.
 */
export class AnalysisWatch {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private stopped = false;
  private last: Analysis;

  constructor(analysis: Analysis, private readonly changed: (analysis: Analysis) => void, private readonly drawn: () => void = () => undefined) {
    this.last = analysis;
    if (ended(analysis)) return;
    this.connect();
    this.wait();
  }

  private connect(): void {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws/analyses/${this.last.id}/`);
    socket.addEventListener('open', () => (this.socket = socket));
    socket.addEventListener('close', () => (this.socket = null));
    socket.addEventListener('message', (event) => this.hear(String(event.data)));
  }

  private hear(text: string): void {
    const said = JSON.parse(text) as Partial<Analysis> & { type?: string };
    if (this.stopped) return;
    if (said.type === 'analysis.preview') this.drawn();
    if (said.type !== 'analysis.progress') return;
    const { state, stage, progress, seconds_left: seconds } = said;
    this.last = {
      ...this.last, ...(state && { state }), ...(stage !== undefined && { stage }), ...(progress !== undefined && { progress }),
      ...(seconds !== undefined && { seconds_left: seconds }),
    };
    if (ended(this.last)) void this.ask();
    else this.changed(this.last);
  }

  private wait(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), this.socket ? POLL_WITH_SOCKET_MS : POLL_MS);
  }

  private async ask(): Promise<void> {
    if (this.stopped) return;
    try {
      this.last = await json<Analysis>(`analyses/${this.last.id}/`);
      if (this.stopped) return;
      if (ended(this.last)) this.stop();
      this.changed(this.last);
      if (!ended(this.last)) this.drawn();
    } catch (error) {
      // Out of reach for a moment: the next question will tell.
      if (!(error instanceof ApiError)) throw error;
    }
    if (!this.stopped) this.wait();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    this.socket?.close();
  }
}
