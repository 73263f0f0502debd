/** Dark or light: kept in a cookie, so that the server renders the page in it from the first byte. */

const COOKIE = 'lungsight_theme';
const YEAR_SECONDS = 365 * 24 * 3600;

/** Switches the theme and keeps it. */
function change(button: HTMLButtonElement): void {
  const root = document.documentElement;
  const next = root.dataset.bsTheme === 'light' ? 'dark' : 'light';
  root.dataset.bsTheme = next;
  document.cookie = `${COOKIE}=${next}; path=/; max-age=${YEAR_SECONDS}; SameSite=Lax`;
  button.setAttribute('aria-label', `Theme: ${next}. Change it.`);
}

/** Makes the theme button of the bar work. */
export function keepTheme(): void {
  const button = document.querySelector<HTMLButtonElement>('#theme-toggle');
  button?.addEventListener('click', () => change(button));
}
