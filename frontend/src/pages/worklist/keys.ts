/** J and K move through the rows, Enter opens, / searches, Esc leaves the search. */
import { isTyping } from '../../shared/dom';

/** Index of the row to select next; stays inside the list. -1 means none is selected yet. */
export function step(current: number, by: 1 | -1, count: number): number {
  if (count === 0) return -1;
  if (current < 0) return by === 1 ? 0 : count - 1;
  return Math.min(count - 1, Math.max(0, current + by));
}

function select(rows: HTMLTableRowElement[], index: number): void {
  rows.forEach((row, at) => {
    if (at === index) row.setAttribute('aria-selected', 'true');
    else row.removeAttribute('aria-selected');
  });
  const link = rows[index]?.querySelector<HTMLElement>('a.patient');
  link?.focus({ preventScroll: true });
  rows[index]?.scrollIntoView({ block: 'nearest' });
}

function inSearch(event: KeyboardEvent, search: HTMLInputElement): void {
  if (event.key !== 'Escape' || event.target !== search) return;
  search.value = '';
  search.blur();
}

/** Listens for the worklist's keys. They never act while text is typed. */
export function listenKeys(rows: () => HTMLTableRowElement[], search: HTMLInputElement): void {
  document.addEventListener('keydown', (event) => {
    if (isTyping(event.target)) return inSearch(event, search);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/') {
      event.preventDefault();
      search.focus();
      return;
    }
    const shown = rows();
    const current = shown.findIndex((row) => row.getAttribute('aria-selected') === 'true');
    if (event.key === 'j') select(shown, step(current, 1, shown.length));
    if (event.key === 'k') select(shown, step(current, -1, shown.length));
    if (event.key === 'Enter' && event.target === document.body) {
      shown[current]?.querySelector<HTMLElement>('a.patient')?.click();
    }
  });
}

/** A click anywhere in a row opens the study; links and buttons in it keep their own meaning. */
export function openOnClick(table: HTMLElement): void {
  table.addEventListener('click', (event) => {
    const target = event.target as HTMLElement;
    if (target.closest('a, button') || String(getSelection())) return;
    target.closest('tr[data-series]')?.querySelector<HTMLElement>('a.patient')?.click();
  });
}
