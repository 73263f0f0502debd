/** Sends files batch by batch. A batch that fails on the way is sent again: the server stores the same bytes once. */
import { ApiError } from '../../shared/api';
import { batches } from './batches';

export interface Sent {
  id: string;
}

export interface Progress {
  files: number;
  allFiles: number;
  bytes: number;
  allBytes: number;
}

export interface SenderOptions {
  uploads: string;
  cohort: string;
  pseudonym: string;
  post: (url: string, form: FormData, onBytes: (sent: number) => void) => Promise<Sent>;
  onProgress: (progress: Progress) => void;
  onOpened: (id: string) => void;
  /** The connection is lost (a sentence) or is back (''). */
  onTrouble: (sentence: string) => void;
  wait: (milliseconds: number) => Promise<void>;
}

const LONGEST_WAIT_MS = 30_000;

/** Faults that pass: no connection, a restarting or busy server. Everything else would be refused again. */
function passes(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.offline || error.status === 429 || error.status >= 500);
}

export class Sender {
  private id = '';
  private bytes = 0;
  private files = 0;
  private gate: Promise<void> = Promise.resolve();
  private openGate: () => void = () => undefined;

  constructor(private readonly options: SenderOptions) {}

  /** Lets the running batch end and then stops until `resume`. */
  pause(): void {
    this.gate = new Promise((open) => {
      this.openGate = open;
    });
  }

  resume(): void {
    this.openGate();
  }

  /** Sends all files and returns the upload's id. Throws ApiError when the server refuses them. */
  async send(files: File[]): Promise<string> {
    const cut = batches(files);
    const all = { allFiles: files.length, allBytes: files.reduce((sum, file) => sum + file.size, 0) };
    for (const [index, batch] of cut.entries()) {
      await this.gate;
      await this.deliver(batch, index < cut.length - 1, all);
      this.files += batch.length;
      this.bytes += batch.reduce((sum, file) => sum + file.size, 0);
      this.options.onProgress({ files: this.files, bytes: this.bytes, ...all });
    }
    return this.id;
  }

  private async deliver(batch: File[], more: boolean, all: { allFiles: number; allBytes: number }): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      try {
        await this.request(batch, more, all);
        if (tries) this.options.onTrouble('');
        return;
      } catch (error) {
        // The answer to the last batch was lost: the upload has ended as wished.
        if (!more && tries && error instanceof ApiError && error.body.code === 'upload_ended') return;
        if (!passes(error)) throw error;
        this.options.onTrouble(
          `${error.message} ${this.files} of ${all.allFiles} files have arrived. The rest goes on by itself.`,
        );
        await this.options.wait(Math.min(LONGEST_WAIT_MS, 1000 * 2 ** tries));
      }
    }
  }

  private async request(batch: File[], more: boolean, all: { allFiles: number; allBytes: number }): Promise<void> {
    const form = new FormData();
    if (!this.id) {
      form.set('cohort', this.options.cohort);
      form.set('pseudonym', this.options.pseudonym);
    }
    if (more) form.set('more', '1');
    for (const file of batch) form.append('files', file, file.name);
    const url = this.id ? `${this.options.uploads}${this.id}/files/` : this.options.uploads;
    const size = batch.reduce((sum, file) => sum + file.size, 0);
    const answer = await this.options.post(url, form, (sent) => {
      // Part headers count as sent bytes too: never show more than there is.
      this.options.onProgress({ files: this.files, bytes: this.bytes + Math.min(sent, size), ...all });
    });
    if (this.id) return;
    this.id = answer.id;
    this.options.onOpened(answer.id);
  }
}
