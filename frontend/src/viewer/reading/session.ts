import { toast } from '../../shared/toast';
import { clock, plural } from '../../shared/format';
import type { Me, Reading } from '../../shared/types';
import type { Banners } from '../panels/banner';
import { Autosave } from './autosave';
import type { OwnChange, VerdictChange } from './changes';
import { compareChanges } from './compare';
import { differences } from './conflict';
import { Drafts } from './drafts';
import type { ReadingModel } from './model';
import { signInAgain } from './relogin';
import { loadStoredMasks } from './stored-masks';
import { planSave } from './transport';

/** Keeps the reading safe: saves it, keeps drafts on this computer, and lets the reader settle conflicts. */
export class ReadingSession {
  readonly autosave: Autosave;
  private drafts: Drafts | null = null;
  private theirs: Reading | null = null;
  private asking = false;

  constructor(
    private readonly model: ReadingModel, private readonly me: Me, private readonly banners: Banners,
    private readonly nameOf: (region: string) => string,
  ) {
    this.autosave = new Autosave({
      changes: model.changes,
      plan: (reading) => planSave(reading, model.changes.list, model.ownIds),
      reading: () => model.server,
      adopt: (reading) => model.adopt(reading),
      conflict: (theirs) => this.meet(theirs),
    });
    let before = 0;
    model.changes.changed.on(() => {
      void this.keepDraft();
      const newest = Math.max(0, ...model.changes.list.map((change) => change.seq));
      if (newest > before) this.autosave.touch();
      before = Math.max(before, newest);
    });
    this.autosave.status.on(({ state }) => this.follow(state), 'state');
    window.addEventListener('online', () => {
      if (this.autosave.status.value.state === 'offline') this.autosave.resume();
    });
    if (model.readOnly) this.autosave.close();
  }

  private get draftId(): string {
    return `${this.me.id}/${this.model.server.id}`;
  }

  private async keepDraft(): Promise<void> {
    await this.drafts?.keep(this.draftId, this.model.server, this.model.changes.list);
  }

  /** Looks for changes that an earlier visit left on this computer. */
  async restore(): Promise<void> {
    if (!this.model.server.id) return;
    try {
      this.drafts = await Drafts.open();
    } catch {
      this.banners.show('drafts', 'This browser keeps no drafts.', 'Changes are saved on the server only. Stay online while you read.');
      return;
    }
    const draft = await this.drafts.find(this.draftId);
    if (!draft || draft.changes.length === 0) return;
    if (this.model.readOnly) {
      this.offerDiscard(draft.changes.length);
      return;
    }
    for (const { key, value } of draft.changes) {
      const mask = (value as VerdictChange | OwnChange)?.mask;
      if (mask) this.model.masks.set(key.slice(key.indexOf(':') + 1), mask);
    }
    this.model.changes.restore(draft.changes);
    const same = draft.base.revision === this.model.server.revision;
    if (same) toast(`${plural(draft.changes.length, 'change')} from your last visit restored.`);
    else if (this.meet(this.model.server)) this.autosave.status.set({ state: 'conflict' });
  }

  private offerDiscard(count: number): void {
    this.banners.show('left', 'This reading is closed.', `${plural(count, 'change')} kept on this computer did not become part of it.`, [{
      word: 'Discard them', testid: 'discard-draft',
      run: () => {
        this.banners.hide('left');
        void this.drafts?.keep(this.draftId, this.model.server, []);
      },
    }]);
  }

  private follow(state: string): void {
    if (state === 'signed_out') void this.askToSignIn();
    const unsaved = plural(this.model.changes.count, 'change');
    if (state === 'offline') this.banners.show('offline', 'The server cannot be reached.', `Reading goes on. ${unsaved} kept on this computer and saved by itself later.`);
    else if (state === 'saved' || state === 'conflict' || state === 'read_only') this.banners.hide('offline');
    if (state === 'refused') this.banners.show('refused', 'A change was not accepted.', this.autosave.status.value.message);
    else if (state === 'saved') this.banners.hide('refused');
  }

  private async askToSignIn(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const done = await signInAgain(this.me);
    this.asking = false;
    if (done) {
      this.banners.hide('signed-out');
      this.autosave.resume();
      return;
    }
    this.banners.show('signed-out', 'You are signed out.', `${plural(this.model.changes.count, 'change')} kept on this computer.`, [
      { word: 'Sign in', filled: true, testid: 'relogin-open', run: () => void this.askToSignIn() },
    ]);
  }

  /** Takes note of another version; false when it already holds all kept changes. */
  private meet(theirs: Reading): boolean {
    const found = differences(this.model.changes.list, theirs, this.nameOf);
    if (found.length === 0) {
      this.model.adopt(theirs);
      this.model.changes.settle(this.model.changes.list);
      return false;
    }
    this.theirs = theirs;
    const when = theirs.saved_at ? ` at ${clock(theirs.saved_at)}` : '';
    const who = theirs.mine ? 'Another window' : theirs.reader.name;
    this.banners.show('conflict', `${who} saved revision ${theirs.revision}${when} meanwhile.`,
      `Your ${plural(this.model.changes.count, 'change')} ${this.model.changes.count === 1 ? 'is' : 'are'} kept on this computer. Compare them before you go on.`, [
        { word: 'Keep theirs', testid: 'keep-theirs', run: () => this.settle([]) },
        { word: 'Keep mine', testid: 'keep-mine', run: () => this.settle(found.map((one) => one.key)) },
        { word: 'Compare changes', filled: true, testid: 'compare', run: () => void this.compare() },
      ]);
    return true;
  }

  private async compare(): Promise<void> {
    if (!this.theirs) return;
    const found = differences(this.model.changes.list, this.theirs, this.nameOf);
    const mine = await compareChanges(found, `Revision ${this.theirs.revision}`);
    if (mine) this.settle(mine);
  }

  /** Goes on from the other version with the chosen own changes over it. */
  private settle(mine: string[]): void {
    if (!this.theirs) return;
    const dropped = this.model.changes.list.map((change) => change.key).filter((key) => !mine.includes(key));
    this.model.adopt(this.theirs);
    this.theirs = null;
    this.banners.hide('conflict');
    this.model.changes.drop(dropped);
    this.model.forgetSteps();
    void loadStoredMasks(this.model);
    if (this.model.readOnly) this.autosave.close();
    else this.autosave.resume();
  }

  /** Signed: nothing more is saved. */
  close(): void {
    this.banners.hide('refused');
    this.autosave.close();
  }
}
