import { Commands } from './commands';
import { createCore, type AppInput, type Core } from './core';
import { Images } from './images';
import { listenToKeys } from './keys';
import * as loading from './loading';
import { Panels } from './panels/panels';
import { probe } from './probe';
import { loadStoredMasks } from './reading/stored-masks';

/** The viewer: its parts, connected. */
export class App {
  readonly core: Core;
  readonly panels: Panels;
  private readonly images: Images;

  constructor(input: AppInput) {
    this.core = createCore(input);
    const commands = new Commands(this.core);
    this.images = new Images(this.core);
    this.panels = new Panels(this.core, commands);
    listenToKeys(commands.keys(this.panels.list));
    Object.defineProperty(window, 'lungsight', { value: probe({ ...this.core, pointer: () => this.images.pointed }) });
  }

  /** Shows the images, then loads what lies over them and what was drawn before. */
  async start(): Promise<void> {
    const { stage, ai, session, banners, model, timings } = this.core;
    this.panels.showAi();
    await stage.start();
    if (!model.server.id) banners.show('look', 'Read only.', 'You may look at this study; nobody has read it yet.');
    await Promise.all([
      ai.start().then(() => (timings.overlay = performance.now())),
      loadStoredMasks(model).then(() => session.restore()),
      this.nameStudy(),
    ]);
  }

  private async nameStudy(): Promise<void> {
    const { series, context } = this.core;
    this.panels.topBar.showStudy(series, await loading.study(series), context.cohort.name);
  }
}
