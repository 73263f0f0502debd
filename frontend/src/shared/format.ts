/** Numbers and times as this site writes them. */

const DASH = '–';

/** Millilitres with one decimal below 1000: '57.7 ml'. */
export function ml(value: number): string {
  return `${value >= 1000 ? Math.round(value).toLocaleString('en') : value.toFixed(1)} ml`;
}

/** '31.1%', or an en dash when there is no value. */
export function percent(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined ? DASH : `${value.toFixed(digits)}%`;
}

/** '3.9 to 6.8' for the ends of a range. */
export function range([low, high]: [number, number], digits = 1): string {
  return `${low.toFixed(digits)} to ${high.toFixed(digits)}`;
}

/** Time of day in the reader's zone: '12:03:07'. */
export function clock(iso: string | Date, seconds = true): string {
  const when = typeof iso === 'string' ? new Date(iso) : iso;
  const two = (n: number): string => String(n).padStart(2, '0');
  const short = `${two(when.getHours())}:${two(when.getMinutes())}`;
  return seconds ? `${short}:${two(when.getSeconds())}` : short;
}

/** '14 Mar 2026' for an ISO date, '' for none. */
export function day(iso: string | null | undefined): string {
  if (!iso) return '';
  const when = new Date(iso.length === 10 ? `${iso}T00:00:00` : iso);
  return when.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** 'about 20 s', 'about 3 min' for seconds left; '' when unknown. */
export function left(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  return seconds < 90 ? `about ${Math.max(1, Math.round(seconds))} s` : `about ${Math.round(seconds / 60)} min`;
}

/** '1 change', '3 changes'. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
