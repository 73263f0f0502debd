import { Dialog } from '../shared/dialog';
import { el } from '../shared/dom';
import { plural } from '../shared/format';
import { toast } from '../shared/toast';
import type { RejectReason, VerdictName } from '../shared/types';
import type { RegionActions, RegionList } from './panels/region-list';
import type { VerdictChange } from './reading/changes';
import type { ReadingModel } from './reading/model';
import { reasonWord, REASONS, VERDICT_WORDS } from './reading/words';
import type { Drawing } from './regions/drawing';
import type { Regions, RegionView } from './regions/regions';
import type { ViewState } from './state';
import type { Store } from './store';
import type { UndoStack } from './undo';
import type { Stage } from './views/stage';

export interface JudgingParts {
  state: Store<ViewState>;
  model: ReadingModel;
  regions: Regions;
  undo: UndoStack;
  drawing: Drawing;
  stage: Stage;
  /** Axial slices that have been on screen. */
  seen: Set<number>;
}

/** What the reader can do with regions, by button or key. */
export class Judging implements RegionActions {
  private list: RegionList | null = null;

  constructor(private readonly parts: JudgingParts) {}

  /** The list is built with these actions, so it comes afterwards. */
  attach(list: RegionList): void {
    this.list = list;
  }

  private get selected(): RegionView | undefined {
    return this.parts.regions.get(this.parts.state.value.selected);
  }

  /** Selects a region and takes all views to its fullest slice. */
  select(id: string, jump = true): void {
    const region = this.parts.regions.get(id);
    if (!region) return;
    const { regionSystem } = this.parts.state.value;
    if (!region.own && regionSystem !== null && region.system !== regionSystem) this.parts.state.set({ regionSystem: null });
    if (this.parts.drawing.current && this.parts.drawing.current.id !== id) this.parts.drawing.keep();
    if (this.list?.askedFor && this.list.askedFor !== id) this.list.ask(null);
    this.parts.state.set({ selected: id });
    if (jump && region.source.box[3] > region.source.box[0]) this.parts.stage.moveTo(region.centre);
    this.list?.reveal(id);
  }

  walk(direction: 1 | -1): void {
    const list = this.list?.visible ?? [];
    if (list.length === 0) return;
    const at = list.findIndex((region) => region.id === this.parts.state.value.selected);
    const next = at < 0 ? list[direction === 1 ? 0 : list.length - 1] : list[(at + direction + list.length) % list.length];
    if (next) this.select(next.id);
  }

  private toNextOpen(from: string): void {
    const list = this.list?.visible ?? [];
    const at = list.findIndex((region) => region.id === from);
    const after = [...list.slice(at + 1), ...list.slice(0, Math.max(0, at))];
    const next = after.find((region) => region.style === 'pending');
    if (next) this.select(next.id);
  }

  private record(region: RegionView, verdict: VerdictChange, words: string): void {
    this.parts.model.setVerdict(region.id, verdict, `${region.label} ${words}`);
    toast(`${region.label} ${words}.`, { word: 'Undo', run: () => this.parts.undo.undo() });
  }

  /** A verdict button: pressed again it takes the verdict back. */
  verdict(id: string, verdict: VerdictName): void {
    const region = this.parts.regions.get(id);
    if (!region || region.own || this.parts.model.readOnly) return;
    if (this.parts.state.value.selected !== id) this.select(id);
    if (verdict === 'redrawn') {
      this.redraw(id);
    } else if (region.style === verdict && verdict !== 'rejected') {
      this.record(region, null, 'has no verdict now');
    } else if (verdict === 'rejected') {
      this.list?.ask(this.list.askedFor === id ? null : id);
    } else {
      this.record(region, { verdict }, VERDICT_WORDS[verdict].toLowerCase());
    }
  }

  reason(id: string, reason: RejectReason): void {
    const region = this.parts.regions.get(id);
    this.list?.ask(null);
    if (!region || this.parts.model.readOnly) return;
    this.record(region, { verdict: 'rejected', reason }, `rejected as ${reasonWord(reason).toLowerCase()}`);
  }

  /** Key 1-6 while reasons are shown. */
  reasonKey(index: number): boolean {
    const id = this.list?.askedFor;
    const reason = REASONS[index]?.[0];
    if (!id || !reason) return false;
    this.reason(id, reason);
    this.toNextOpen(id);
    return true;
  }

  /** A and U: judge the selected region and go to the next without verdict. */
  judgeSelected(verdict: 'accepted' | 'unsure'): void {
    const region = this.selected;
    if (!region || region.own || this.parts.state.value.aiHidden) return;
    if (region.style !== verdict) this.verdict(region.id, verdict);
    this.toNextOpen(region.id);
  }

  rejectSelected(): void {
    if (this.selected && !this.parts.state.value.aiHidden) this.verdict(this.selected.id, 'rejected');
  }

  redrawSelected(): void {
    const region = this.selected;
    if (region && (region.own || !this.parts.state.value.aiHidden)) this.redraw(region.id);
  }

  redraw(id: string): void {
    this.select(id);
    this.parts.drawing.start(id);
  }

  add(): void {
    this.parts.drawing.add();
    this.list?.render();
  }

  remove(id: string): void {
    const region = this.parts.regions.get(id);
    if (!region || this.parts.model.readOnly) return;
    if (!region.own) {
      toast(`${region.label} comes from a system. Reject it with R.`);
      return;
    }
    if (this.parts.drawing.current?.id === id) this.parts.drawing.keep();
    this.parts.model.removeOwn(id, region.label);
    toast(`${region.label} deleted.`, { word: 'Undo', run: () => this.parts.undo.undo() });
  }

  kind(id: string, lesionValue: number): void {
    const region = this.parts.regions.get(id);
    if (region?.own) this.parts.model.setKind(id, lesionValue, region.label);
  }

  removeSelected(): void {
    if (this.selected) this.remove(this.selected.id);
  }

  /** Accepts every listed region without verdict, after naming those that were never on screen. */
  acceptLeft(): void {
    const pending = (region: RegionView): boolean => region.style === 'pending';
    const open = this.parts.regions.of(this.parts.state.value.regionSystem).filter(pending);
    const others = this.parts.regions.all.filter(pending).length - open.length;
    const unseen = open.filter((region) => !this.wasSeen(region));
    const names = unseen.map((region) => region.label).join(', ');
    const text = unseen.length > 0
      ? `${names} ${unseen.length === 1 ? 'has' : 'have'} not been on screen.` : 'All of them have been on screen.';
    const accept = el('button', { type: 'button', class: 'b', 'data-testid': 'accept-all' }, `Accept all ${open.length}`);
    const show = el('button', { type: 'button', class: 'b p', 'data-testid': 'show-unseen' }, unseen.length > 0 ? 'Show them first' : 'Go back');
    const dialog = new Dialog({
      title: `Accept ${plural(open.length, 'region')} without verdict?`,
      body: [el('p', {}, text), ...(others > 0 ? [el('p', {}, `${plural(others, 'region')} of other systems ${others === 1 ? 'stays' : 'stay'} without verdict.`)] : [])],
      actions: [accept, show], testid: 'accept-dialog',
    }).open(show);
    accept.addEventListener('click', () => {
      dialog.close();
      this.acceptAll(open);
    });
    show.addEventListener('click', () => {
      dialog.close();
      if (unseen[0]) this.select(unseen[0].id);
    });
  }

  private wasSeen(region: RegionView): boolean {
    for (let z = region.source.box[0]; z < region.source.box[3]; z += 1) if (this.parts.seen.has(z)) return true;
    return false;
  }

  private acceptAll(open: RegionView[]): void {
    const { model, undo } = this.parts;
    const put = (verdict: VerdictChange) => (): void => open.forEach((region) => model.putVerdict(region.id, verdict));
    put({ verdict: 'accepted' })();
    undo.push({ label: `${open.length} regions accepted`, undo: put(null), redo: put({ verdict: 'accepted' }) });
    toast(`${open.length} regions accepted.`, { word: 'Undo', run: () => undo.undo() });
  }
}
