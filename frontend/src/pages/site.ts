/** What every page does: styles, theme, the account menu. */
import '../styles/site.css';
import './pages.css';
import { keepTheme } from './theme';

/** Closes an open menu when the person clicks elsewhere or presses Esc, and gives focus back. */
function closeMenus(): void {
  const open = (): HTMLDetailsElement[] => [...document.querySelectorAll<HTMLDetailsElement>('details.menu[open]')];
  document.addEventListener('click', (event) => {
    for (const menu of open()) if (!menu.contains(event.target as Node)) menu.open = false;
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector('summary')?.focus();
    }
  });
}

/** Buttons that show or hide what is typed in the password field they name. */
function passwordButtons(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-shows]')) {
    button.hidden = false;
    button.addEventListener('click', () => {
      const field = document.getElementById(button.dataset.shows ?? '') as HTMLInputElement;
      field.type = field.type === 'password' ? 'text' : 'password';
      button.setAttribute('aria-pressed', String(field.type === 'text'));
    });
  }
}

keepTheme();
closeMenus();
passwordButtons();
