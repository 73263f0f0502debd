/** Line icons (Bootstrap Icons, MIT), one set for the whole site. */
import arrowClockwise from 'bootstrap-icons/icons/arrow-clockwise.svg?raw';
import arrowCounterclockwise from 'bootstrap-icons/icons/arrow-counterclockwise.svg?raw';
import arrowsMove from 'bootstrap-icons/icons/arrows-move.svg?raw';
import check from 'bootstrap-icons/icons/check-lg.svg?raw';
import checkCircle from 'bootstrap-icons/icons/check-circle-fill.svg?raw';
import chevronLeft from 'bootstrap-icons/icons/chevron-left.svg?raw';
import chevronRight from 'bootstrap-icons/icons/chevron-right.svg?raw';
import circleHalf from 'bootstrap-icons/icons/circle-half.svg?raw';
import cloudCheck from 'bootstrap-icons/icons/cloud-check.svg?raw';
import cloudSlash from 'bootstrap-icons/icons/cloud-slash.svg?raw';
import crosshair from 'bootstrap-icons/icons/crosshair.svg?raw';
import eraser from 'bootstrap-icons/icons/eraser.svg?raw';
import eye from 'bootstrap-icons/icons/eye.svg?raw';
import eyeSlash from 'bootstrap-icons/icons/eye-slash.svg?raw';
import grid from 'bootstrap-icons/icons/grid-1x2.svg?raw';
import info from 'bootstrap-icons/icons/info-circle.svg?raw';
import keyboard from 'bootstrap-icons/icons/keyboard.svg?raw';
import layoutSplit from 'bootstrap-icons/icons/layout-split.svg?raw';
import lock from 'bootstrap-icons/icons/lock.svg?raw';
import octagon from 'bootstrap-icons/icons/exclamation-octagon-fill.svg?raw';
import pencil from 'bootstrap-icons/icons/pencil.svg?raw';
import brush from 'bootstrap-icons/icons/brush.svg?raw';
import plus from 'bootstrap-icons/icons/plus-lg.svg?raw';
import question from 'bootstrap-icons/icons/question-lg.svg?raw';
import square from 'bootstrap-icons/icons/square.svg?raw';
import trash from 'bootstrap-icons/icons/trash.svg?raw';
import triangle from 'bootstrap-icons/icons/exclamation-triangle-fill.svg?raw';
import x from 'bootstrap-icons/icons/x-lg.svg?raw';
import zoomIn from 'bootstrap-icons/icons/zoom-in.svg?raw';

const SOURCES = {
  arrowClockwise, arrowCounterclockwise, arrowsMove, brush, check, checkCircle, chevronLeft, chevronRight, circleHalf, cloudCheck,
  cloudSlash, crosshair, eraser, eye, eyeSlash, grid, info, keyboard, layoutSplit, lock, octagon, pencil, plus, question, square,
  trash, triangle, x, zoomIn,
};

export type IconName = keyof typeof SOURCES;

/** A decorative icon: hidden from assistive technology, the word beside it speaks. */
export function icon(name: IconName): SVGSVGElement {
  const holder = document.createElement('template');
  holder.innerHTML = SOURCES[name];
  const node = holder.content.querySelector('svg');
  if (!node) throw new Error(`The icon ${name} is not an SVG.`);
  node.setAttribute('class', 'i');
  node.setAttribute('aria-hidden', 'true');
  return node;
}
