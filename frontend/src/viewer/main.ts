import '../styles/viewer.css';
import { ApiError, json, send } from '../shared/api';
import { el, need, pageData } from '../shared/dom';
import type { Series } from '../shared/types';
import { App } from './app';
import { gridOf, noReading, openReading, type ViewerContext } from './loading';
import type { Timings } from './probe';
import { CtVolume } from './volume/cornerstone';
import { readStream, SliceFiller } from './volume/stream';

const REFRESH_MS = 200;
const STATE_POLL_MS = 3000;

function message(root: HTMLElement, title: string, text: string): void {
  root.replaceChildren(el('main', { class: 'empty', id: 'main', 'data-testid': 'viewer-message' }, el('h1', {}, title), el('p', {}, text),
    el('a', { class: 'b', href: '/worklist/' }, 'Back to the worklist'),
    el('p', { class: 't3 s12' }, 'Research use only. Not a medical device.')));
}

/** Waits until the series can be shown; null when it never will. */
async function readySeries(root: HTMLElement, context: ViewerContext): Promise<Series | null> {
  for (;;) {
    const series = await json<Series>(`series/${context.series}/`);
    if (series.volume) return series;
    if (series.state === 'failed' || series.state === 'unusable') {
      const reasons = (series.geometry?.reasons ?? []).map((reason) => reason.sentence).join(' ');
      message(root, 'These images cannot be shown', series.reason || reasons || 'The series could not be read.');
      return null;
    }
    message(root, 'The images are being checked', 'They appear here by themselves.');
    await new Promise((resolve) => setTimeout(resolve, STATE_POLL_MS));
  }
}

async function open(root: HTMLElement, context: ViewerContext): Promise<void> {
  const series = await readySeries(root, context);
  if (!series?.volume) return;
  // The stream starts before anything else is built: the image is what the reader waits for.
  const streaming = send(series.volume.url ?? `series/${series.id}/volume`);
  const reading = (await openReading(context)) ?? noReading(context);
  const grid = gridOf(series);
  const voxels = new Int16Array(grid.nx * grid.ny * grid.nz);
  const filler = new SliceFiller(voxels, grid.nx * grid.ny, series.volume.slice_order);
  const volume = new CtVolume(grid, voxels, filler.ready);
  const timings: Timings = {};
  const app = new App({ root, series, grid, voxels, ready: filler.ready, volume, context, reading, timings });
  await Promise.all([app.start(), stream(await streaming, filler, app)]);
}

/** Fills the volume and shows what has arrived: the first slice at once, then a few times a second. */
async function stream(response: Response, filler: SliceFiller, { core, panels }: App): Promise<void> {
  const { stage, state, timings } = core;
  let waiting: number[] = [];
  let shown = -Infinity;
  const show = (): void => {
    stage.refresh(waiting);
    waiting = [];
    shown = performance.now();
    panels.rail.draw();
  };
  stage.views.axial.rendered.on(() => {
    if (timings.firstImage === undefined && filler.ready[state.value.cursor.z]) timings.firstImage = performance.now();
  });
  await readStream(response, filler, (slices) => {
    waiting.push(...slices);
    if (performance.now() - shown > REFRESH_MS) show();
  });
  show();
  await new Promise((resolve) => requestAnimationFrame(resolve));
  timings.fullLoad = performance.now();
  panels.list.refreshPictures();
}

function explain(root: HTMLElement, error: unknown): void {
  if (error instanceof ApiError) {
    if (error.status === 401) location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname)}`);
    message(root, 'The study could not be opened', error.sentence);
  } else {
    message(root, 'The viewer stopped', error instanceof Error ? `${error.message} Load the page again.` : 'Load the page again.');
  }
}

const root = need('#viewer');
const context = pageData<ViewerContext>('viewer-context');
open(root, context).catch((error: unknown) => {
  explain(root, error);
  throw error;
});
