import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';

export interface BannerAction {
  word: string;
  filled?: boolean;
  testid: string;
  run(): void;
}

/** Lines between the tools and the images: offline, conflict, read only. One of each kind at a time. */
export class Banners {
  private readonly shown = new Map<string, HTMLElement>();

  constructor(private readonly host: HTMLElement) {}

  show(kind: string, strong: string, text: string, actions: BannerAction[] = []): void {
    const line = el('div', { class: 'bann', 'data-testid': `banner-${kind}` }, icon('triangle'),
      el('span', { class: 'sp' }, el('b', {}, strong), ` ${text}`),
      ...actions.map(({ word, filled, testid, run }) => {
        const button = el('button', { type: 'button', class: filled ? 'b sm p' : 'b sm', 'data-testid': testid }, word);
        button.addEventListener('click', run);
        return button;
      }));
    this.hide(kind);
    this.shown.set(kind, line);
    this.host.append(line);
  }

  hide(kind: string): void {
    this.shown.get(kind)?.remove();
    this.shown.delete(kind);
  }
}
