/** Colours of the style sheet's tokens: the same in both themes, and slow to ask for. */

const known = new Map<string, string>();

/** The colour of a token such as '--ls-rg-own', as the style sheet writes it. */
export function tokenColour(token: string): string {
  let colour = known.get(token);
  if (colour === undefined) {
    colour = getComputedStyle(document.documentElement).getPropertyValue(token).trim() || '#ffffff';
    known.set(token, colour);
  }
  return colour;
}

/** [r, g, b] of '#rrggbb'. Throws for anything else: tokens drawn into pixels are written that way. */
export function rgbOf(colour: string): [number, number, number] {
  const found = /^#([0-9a-f]{6})$/i.exec(colour)?.[1];
  if (!found) throw new Error(`${colour} is no #rrggbb colour.`);
  const all = parseInt(found, 16);
  return [(all >> 16) & 255, (all >> 8) & 255, all & 255];
}
