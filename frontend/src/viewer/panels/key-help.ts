import { Dialog } from '../../shared/dialog';
import { el } from '../../shared/dom';

const KEYS: [string, [string, string][]][] = [
  ['Slices and views', [
    ['Up / Down', 'One slice'], ['PgUp / PgDn', '10 slices'], ['. and ,', 'Next worst slice / the one before'], ['Home / End', 'First or last slice'], ['Tab', 'Next view, then panel'],
    ['M', 'One view or three planes'], ['0', 'Reset the view'], ['W P Z X', 'Window, pan, zoom, crosshair'],
    ['Shift 1 2 3', 'Lung, soft tissue, bone window'], ['Wheel', 'One slice; Ctrl: zoom; Shift: 10 slices'],
    ['Middle / right drag', 'Pan / window'], ['Double click', 'Fill the centre with that view'],
  ]],
  ['Regions', [
    ['J / K', 'Next or previous region'], ['A', 'Accept, go to the next one'], ['R, then 1–6', 'Reject: vessel, motion, atelectasis, effusion, fibrosis, outside lung'],
    ['E', 'Redraw'], ['U', 'Unsure, for the second reader'], ['N', 'Add a region'], ['Delete', 'Delete own region'],
    ['D / Shift D', 'Brush / eraser'], ['[ and ]', 'Brush 1 mm smaller or larger'], ['Ctrl (hold)', 'Erase while drawing'],
    ['Enter / Esc', 'Keep the drawing / cancel it'],
  ]],
  ['Overlay and AI', [
    ['H', 'Heatmap or lesion types on or off'], ['T', 'Heatmap or lesion types'], ['B', 'Two maps side by side'], ['Space (hold)', 'Plain image'], ['- and =', 'Opacity 10 % less or more'], ['F2', 'Show or hide AI'],
  ]],
  ['Reading', [
    ['Ctrl Z / Ctrl Y', 'Undo / redo'], ['Ctrl S', 'Save now (also saved by itself)'], ['Ctrl Enter', 'Sign'],
    ['Shift J / Shift K', 'Next or previous study'], ['1–6 in a form row', 'Set that row'], ['?', 'This list'],
  ]],
];

/** All keys of the viewer. */
export function showKeys(): void {
  const groups = KEYS.map(([title, keys]) => el('section', {}, el('h3', {}, title),
    el('dl', { class: 'keys' }, ...keys.flatMap(([key, what]) => [el('dt', {}, el('span', { class: 'k' }, key)), el('dd', {}, what)]))));
  new Dialog({ title: 'Keys', body: [el('div', { class: 'keys-g' }, ...groups)], actions: [], testid: 'key-help', wide: true }).open();
}
