import { Dialog } from '../../shared/dialog';
import { el } from '../../shared/dom';
import { icon } from '../../shared/icons';
import type { SystemInfo } from '../../shared/types';
import { aucWords } from './system-result';

/** Asks which systems shall run; null when the reader goes back. Those that run by themselves are ticked. */
export async function chooseSystems(systems: SystemInfo[]): Promise<string[] | null> {
  const boxes = systems.map((system) => {
    const box = el('input', {
      type: 'checkbox', class: 'chk', value: system.name, 'data-testid': `choose-${system.name}`, 'aria-describedby': `about-${system.name}`,
      disabled: system.state === 'no weights',
    });
    box.checked = system.default;
    return box;
  });
  const start = el('button', { type: 'button', class: 'b p', 'data-testid': 'start-chosen' }, 'Start analysis');
  const back = el('button', { type: 'button', class: 'b' }, 'Go back');
  const lack = el('p', { class: 't2 s12', role: 'status' });
  const chosen = (): string[] => boxes.filter(({ checked }) => checked).map(({ value }) => value);
  const check = (): void => {
    start.disabled = chosen().length === 0;
    lack.textContent = start.disabled ? 'Choose at least one system.' : '';
  };
  const list = el('div', { class: 'ns', role: 'group', 'aria-label': 'Systems' },
    ...systems.map((system, i) => el('div', { class: 'ns-r' },
      el('label', { class: 'ck' }, boxes[i], el('b', { class: 'w6' }, system.title), stateChip(system)), about(system))));
  list.addEventListener('change', check);
  const dialog = new Dialog({
    title: 'New analysis', subtitle: 'Lungs, lobes, lesions and volumes are measured in any case. Research use only.',
    body: [list, lack], actions: [back, start], testid: 'new-analysis-dialog',
  });
  let answer: string[] | null = null;
  back.addEventListener('click', () => dialog.close());
  start.addEventListener('click', () => {
    answer = chosen();
    dialog.close();
  });
  check();
  await dialog.open(start).closed;
  return answer;
}

function about(system: SystemInfo): HTMLElement {
  const gives = system.probabilities.length > 0 ? `Gives ${system.probabilities.map((key) => `P(${key})`).join(', ')}. ` : 'Measures only, no probability. ';
  const measures = system.measures && system.probabilities.length > 0 ? 'Measures infected lung. ' : '';
  return el('p', { class: 't2 s12', id: `about-${system.name}` }, system.reads ? `Reads ${system.reads}. ` : '', gives, measures, el('br'), skill(system));
}

function stateChip({ state }: SystemInfo): HTMLElement | null {
  if (state === 'ready') return null;
  return state === 'demonstration' ? el('span', { class: 'chip warn' }, icon('triangle'), 'Demonstration only') : el('span', { class: 'chip' }, 'No weights');
}

/** How well it tells COVID-19 from the rest, as far as that was measured. */
function skill(system: SystemInfo): string {
  if (system.state === 'no weights') return system.reason ?? 'This site has no weights for it, so it cannot run.';
  if (system.probabilities.length === 0) return '';
  return aucWords(system) ? `${aucWords(system)}, not on patients.` : 'Its AUC was not measured.';
}
