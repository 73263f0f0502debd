import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { listenKeys, openOnClick, step } from '../../src/pages/worklist/keys';
import { backoff, Live, type WorklistEvent } from '../../src/pages/worklist/live';
import { Rows } from '../../src/pages/worklist/rows';

function row(series: string, more = ''): string {
  return `<tr data-series="${series}" data-matches="yes" ${more}>
    <td><a class="patient" href="#${series}">P-${series}</a></td>
    <td><span data-stage>Lungs</span><span data-left></span><span data-percent></span><progress max="1" value="0"></progress></td></tr>`;
}

function rowsOf(html: string): HTMLTableRowElement[] {
  const holder = document.createElement('div');
  holder.innerHTML = `<table><tbody>${html}</tbody></table>`;
  return [...holder.querySelectorAll('tr')];
}

let root: HTMLElement;
beforeEach(() => {
  document.body.innerHTML = `<input id="search"><div id="list"><table><tbody>${
    row('a', 'data-analysis="1" data-analysis-state="running"')}${row('b')}</tbody></table></div>`;
  root = document.querySelector<HTMLElement>('#list')!;
});

describe('rows', () => {
  test('a changed row is replaced in its place and stays selected', () => {
    const rows = new Rows(root);
    rows.all[0]!.setAttribute('aria-selected', 'true');
    rows.take(rowsOf(row('a', 'data-state="ready"')));
    expect(rows.all.map((one) => one.dataset.series)).toEqual(['a', 'b']);
    expect(rows.all[0]!.dataset.state).toBe('ready');
    expect(rows.all[0]!.getAttribute('aria-selected')).toBe('true');
  });

  test('new rows are counted once and do not move the others', () => {
    const rows = new Rows(root);
    rows.take(rowsOf(row('c')));
    rows.take(rowsOf(row('c')));
    expect(rows.unseen).toBe(1);
    expect(rows.all).toHaveLength(2);
  });

  test('new rows that the filters hide are not announced', () => {
    const rows = new Rows(root);
    rows.take(rowsOf(row('c').replace('data-matches="yes"', 'data-matches="no"')));
    expect(rows.unseen).toBe(0);
  });

  test('a series that this person may no longer see leaves the page', () => {
    const rows = new Rows(root);
    rows.drop(new Set(['a']), []);
    expect(rows.all.map((one) => one.dataset.series)).toEqual(['b']);
  });

  test('progress of a running analysis moves the bar without asking the server', () => {
    const rows = new Rows(root);
    const taken = rows.progress({
      type: 'analysis.progress', series: 'a', analysis: '1', state: 'running', stage: 'Regions', progress: 0.64, seconds_left: 20,
    });
    expect(taken).toBe(true);
    const first = rows.all[0]!;
    expect(first.querySelector('progress')!.value).toBe(0.64);
    expect(first.textContent).toContain('Regions');
    expect(first.textContent).toContain('about 20 s left');
    expect(first.textContent).toContain('64%');
  });

  test.each([
    ['the analysis ends', { analysis: '1', state: 'succeeded' }],
    ['another analysis began', { analysis: '2', state: 'running' }],
  ])('the row is fetched anew when %s', (_when, event) => {
    expect(new Rows(root).progress({ type: 'analysis.progress', series: 'a', ...event })).toBe(false);
  });
});

describe('keys', () => {
  test('moving stays inside the list', () => {
    expect([step(-1, 1, 3), step(-1, -1, 3), step(2, 1, 3), step(0, -1, 3), step(0, 1, 0)]).toEqual([0, 2, 2, 0, -1]);
  });

  test('J selects and focuses the next row, slash goes to the search, and letters typed there do nothing', () => {
    const rows = new Rows(root);
    const search = document.querySelector<HTMLInputElement>('#search')!;
    listenKeys(() => rows.all, search);
    const press = (key: string, target: EventTarget = document.body): void => {
      target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    };
    press('j');
    press('j');
    expect(rows.all[1]!.getAttribute('aria-selected')).toBe('true');
    expect(document.activeElement?.textContent).toBe('P-b');
    press('/');
    expect(document.activeElement).toBe(search);
    press('k', search);
    expect(rows.all[1]!.getAttribute('aria-selected')).toBe('true');
  });

  test('a click beside the link opens the study too', () => {
    openOnClick(root);
    const opened = vi.fn((event: Event) => event.preventDefault());
    root.querySelector('a.patient')!.addEventListener('click', opened);
    root.querySelectorAll('td')[1]!.click();
    expect(opened).toHaveBeenCalledTimes(1);
  });
});

class FakeSocket extends EventTarget {
  static readonly made: FakeSocket[] = [];
  constructor(readonly url: URL) {
    super();
    FakeSocket.made.push(this);
  }
}

describe('the live line', () => {
  beforeEach(() => {
    FakeSocket.made.length = 0;
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', FakeSocket);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test('waiting doubles up to half a minute, with jitter', () => {
    expect([0, 1, 2, 9].map((tries) => backoff(tries, () => 1))).toEqual([1000, 2000, 4000, 30000]);
    expect(backoff(3, () => 0)).toBe(4000);
  });

  test('messages arrive as events', () => {
    const events: WorklistEvent[] = [];
    new Live({ url: '/ws/', onEvent: (event) => events.push(event), onMissed: () => undefined, onLine: () => undefined });
    FakeSocket.made[0]!.dispatchEvent(new MessageEvent('message', { data: '{"type":"series.changed","series":"a"}' }));
    expect(events).toEqual([{ type: 'series.changed', series: 'a' }]);
  });

  test('what changed before the server began to tell is caught up at the first greeting', () => {
    const onMissed = vi.fn();
    new Live({ url: '/ws/', onEvent: () => undefined, onMissed, onLine: () => undefined });
    FakeSocket.made[0]!.dispatchEvent(new Event('open'));
    expect(onMissed).not.toHaveBeenCalled();
    FakeSocket.made[0]!.dispatchEvent(new MessageEvent('message', { data: '{"type":"hello"}' }));
    expect(onMissed).toHaveBeenCalledTimes(1);
  });

  test('without a line it polls, comes back by itself, and catches up', () => {
    const onMissed = vi.fn();
    const line: boolean[] = [];
    new Live({ url: '/ws/', onEvent: () => undefined, onMissed, onLine: (up) => line.push(up) });
    FakeSocket.made[0]!.dispatchEvent(new Event('close'));
    vi.advanceTimersByTime(10_000);
    expect(onMissed).toHaveBeenCalledTimes(1);
    expect(FakeSocket.made).toHaveLength(2);
    FakeSocket.made[1]!.dispatchEvent(new Event('open'));
    FakeSocket.made[1]!.dispatchEvent(new MessageEvent('message', { data: '{"type":"hello"}' }));
    expect(onMissed).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(60_000);
    expect(onMissed).toHaveBeenCalledTimes(2);
    expect(line).toEqual([false, true]);
  });
});
