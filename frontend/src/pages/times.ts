/** Times in the reader's own zone; the server renders UTC. */
import { clock, day } from '../shared/format';

/** Rewrites every <time datetime>: hours and minutes, with `data-day` the day before them. */
export function localTimes(root: ParentNode): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>('time[datetime]')) {
    const when = new Date(time.dateTime);
    const full = `${day(when.toISOString())} ${clock(when, false)}`;
    time.textContent = 'day' in time.dataset ? full : clock(when, false);
    time.title = full;
  }
}
