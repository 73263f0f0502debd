import { el } from '../shared/dom';
import { icon } from '../shared/icons';

/** The places of the page that the parts fill. */
export interface Shell {
  root: HTMLElement;
  top: HTMLElement;
  tools: HTMLElement;
  banners: HTMLElement;
  rail: HTMLElement;
  overlayBar: HTMLElement;
  stage: HTMLElement;
  centre: HTMLElement;
  regions: HTMLElement;
  results: HTMLElement;
  form: HTMLElement;
  sign: HTMLElement;
  tabs: HTMLElement;
  panel: HTMLElement;
  status: HTMLElement;
}

const TABS: [string, string][] = [['results', 'AI results'], ['regions', 'Regions'], ['form', 'Reading']];

function key(word: string, ...caps: string[]): HTMLElement {
  return el('span', {}, ...caps.flatMap((cap) => [el('span', { class: 'k' }, cap), ' ']), word);
}

function footer(): HTMLElement {
  return el('footer', { class: 'vfoot' },
    key('slice', '↑', '↓'), key('region', 'J', 'K'), key('accept', 'A'), key('reject', 'R'), key('redraw', 'E'),
    key('unsure', 'U'), key('heatmap', 'H'), el('span', { class: 'hide-s' }, key('plain image', 'Space')),
    el('span', { class: 'hide-s' }, key('undo', 'Ctrl Z')), key('all keys', '?'), el('span', { class: 'sp' }),
    el('span', {}, icon('info'), ' Research use only. Not a medical device.'));
}

function tabList(panel: HTMLElement): HTMLElement {
  const tabs = el('div', { class: 'ptabs', role: 'tablist', 'aria-label': 'Review' });
  const show = (name: string): void => {
    panel.dataset['tab'] = name;
    for (const tab of tabs.querySelectorAll('button')) {
      tab.setAttribute('aria-selected', String(tab.dataset['tab'] === name));
    }
  };
  for (const [name, word] of TABS) {
    const tab = el('button', {
      type: 'button', role: 'tab', 'aria-selected': 'false', 'data-tab': name, 'data-testid': `tab-${name}`,
    }, word);
    tab.addEventListener('click', () => show(name));
    tabs.append(tab);
  }
  show('regions');
  return tabs;
}

/** Builds the viewer's frame inside the page's root element. */
export function buildShell(root: HTMLElement): Shell {
  const section = (name: string): HTMLElement => el('section', { class: `pane-${name}` });
  const [regions, results, form] = [section('regions'), section('results'), section('form')];
  const shell = {
    root,
    top: el('header', { class: 'vb' }),
    tools: el('section', { 'aria-label': 'Tools' }),
    banners: el('div', { class: 'banners' }),
    rail: el('aside', { class: 'rail', 'aria-label': 'Slices' }),
    overlayBar: el('div', { class: 'ov' }),
    stage: el('div', { class: 'stage' }),
    centre: el('div', { class: 'ctr' }),
    regions, results, form,
    sign: el('div', { class: 'sign' }),
    panel: el('aside', { class: 'pn', 'aria-label': 'Review' }),
    status: el('div', { class: 'sr', role: 'status', 'aria-live': 'polite' }),
  };
  shell.centre.append(shell.overlayBar, shell.stage);
  const tabs = tabList(shell.panel);
  shell.panel.append(
    tabs, el('div', { class: 'pA' }, regions), el('div', { class: 'pB' }, results, form), shell.sign);
  root.classList.add('v');
  root.replaceChildren(
    shell.top, shell.tools, shell.banners,
    el('main', { class: 'mid', id: 'main' }, shell.rail, shell.centre, shell.panel), footer(), shell.status);
  return { ...shell, tabs };
}
