/** The upload page: drop, send, then read what became of every file. */
import { ApiError } from '../shared/api';
import { need } from '../shared/dom';
import { plural } from '../shared/format';
import { localTimes } from './times';
import { megabytes } from './upload/batches';
import { filesOfDrop, isNifti } from './upload/files';
import { post } from './upload/post';
import { ReportFollower } from './upload/report';
import { Sender, type Progress } from './upload/sender';

class UploadPage {
  private readonly drop = need('#drop');
  private readonly cohort = need<HTMLSelectElement>('#cohort');
  private readonly pseudonym = need<HTMLInputElement>('#pseudonym');
  private sender: Sender | undefined;
  private files: File[] = [];
  private cutWait: () => void = () => undefined;

  start(): void {
    this.listenDrop();
    this.listenInput(need<HTMLInputElement>('#folder'), need('#choose-folder'));
    this.listenInput(need<HTMLInputElement>('#files'), need('#choose-files'));
    need('#where').addEventListener('submit', (event) => event.preventDefault());
    need('#again').addEventListener('click', () => void this.begin(this.files));
    need('#pause').addEventListener('click', () => this.togglePause());
    window.addEventListener('online', () => this.cutWait());
    window.addEventListener('beforeunload', (event) => {
      if (this.sender) event.preventDefault();
    });
  }

  private listenDrop(): void {
    const over = (on: boolean) => (event: DragEvent): void => {
      event.preventDefault();
      this.drop.classList.toggle('over', on);
    };
    this.drop.addEventListener('dragover', over(true));
    this.drop.addEventListener('dragleave', over(false));
    this.drop.addEventListener('drop', (event) => {
      over(false)(event);
      if (event.dataTransfer) void filesOfDrop(event.dataTransfer).then((files) => this.begin(files));
    });
    // A file dropped beside the box would otherwise replace the page.
    for (const name of ['dragover', 'drop'] as const) document.addEventListener(name, (event) => event.preventDefault());
  }

  private listenInput(input: HTMLInputElement, button: HTMLElement): void {
    button.addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      input.value = '';
      void this.begin(files);
    });
  }

  private async begin(files: File[]): Promise<void> {
    if (this.sender) return this.trouble('An upload is being sent. Wait for it to end, then add more.');
    this.files = files;
    if (files.length === 0) return this.trouble('There is no file in this folder. Choose another.');
    if (!this.checkPseudonym(files)) return;
    this.trouble('');
    await this.send(files);
  }

  private checkPseudonym(files: File[]): boolean {
    const missing = files.some(isNifti) && !this.pseudonym.value.trim();
    const error = need('#pseudonym-error');
    error.hidden = !missing;
    this.pseudonym.classList.toggle('is-err', missing);
    if (missing) {
      need('span', error).textContent = 'A NIfTI file names no patient. Type a pseudonym, then send.';
      this.trouble(`${plural(files.length, 'file')} waiting: a pseudonym is missing.`, 'Send');
      this.pseudonym.focus();
    }
    return !missing;
  }

  private async send(files: File[]): Promise<void> {
    const reports = this.drop.dataset.report ?? '';
    let follower: ReportFollower | undefined;
    this.sender = new Sender({
      uploads: this.drop.dataset.uploads ?? '',
      cohort: this.cohort.value,
      pseudonym: this.pseudonym.value.trim(),
      post,
      onProgress: (progress) => this.showProgress(progress),
      onOpened: (id) => {
        need('#report').replaceChildren();
        follower = new ReportFollower(`${reports}${id}/`, need('#report'));
        void follower.follow();
      },
      onTrouble: (sentence) => this.trouble(sentence),
      wait: (milliseconds) => this.wait(milliseconds),
    });
    this.setBusy(true);
    try {
      const id = await this.sender.send(files);
      history.replaceState(null, '', `${reports}${id}/`);
    } catch (error) {
      this.trouble(error instanceof ApiError ? error.sentence : 'The files could not be read. Choose them again.', 'Try again');
    } finally {
      this.sender = undefined;
      this.setBusy(false);
    }
  }

  private setBusy(busy: boolean): void {
    need('#sending').hidden = !busy;
    for (const id of ['#choose-folder', '#choose-files', '#cohort', '#pseudonym']) {
      need<HTMLButtonElement>(id).disabled = busy;
    }
  }

  private showProgress(progress: Progress): void {
    need<HTMLProgressElement>('#sent-bar').value = progress.allBytes ? progress.bytes / progress.allBytes : 1;
    need('#sent').textContent =
      `${progress.files} of ${plural(progress.allFiles, 'file')} · ` +
      `${megabytes(progress.bytes)} of ${megabytes(progress.allBytes)}`;
  }

  private togglePause(): void {
    const button = need<HTMLButtonElement>('#pause');
    const paused = button.getAttribute('aria-pressed') === 'true';
    if (paused) this.sender?.resume();
    else this.sender?.pause();
    button.setAttribute('aria-pressed', String(!paused));
    button.textContent = paused ? 'Pause' : 'Go on';
  }

  private wait(milliseconds: number): Promise<void> {
    return new Promise((done) => {
      this.cutWait = done;
      window.setTimeout(done, milliseconds);
    });
  }

  private trouble(sentence: string, action = ''): void {
    const box = need('#trouble');
    box.hidden = !sentence;
    need('span', box).textContent = sentence;
    const button = need<HTMLButtonElement>('#again');
    button.hidden = !action;
    button.textContent = action;
  }
}

function followPage(root: HTMLElement): void {
  void new ReportFollower(root.dataset.follow ?? '', root).follow();
}

localTimes(document);
const report = document.querySelector<HTMLElement>('#report');
if (report?.dataset.follow) followPage(report);
else if (document.querySelector('#drop')) new UploadPage().start();
