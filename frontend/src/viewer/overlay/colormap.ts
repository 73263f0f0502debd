/** Viridis and its table for a threshold and an opacity. */

const STOPS: [number, number, number][] = [
  [0x44, 0x01, 0x54], [0x47, 0x2d, 0x7b], [0x3b, 0x52, 0x8b], [0x2c, 0x72, 0x8e], [0x21, 0x91, 0x8c],
  [0x28, 0xae, 0x80], [0x5e, 0xc9, 0x62], [0xad, 0xdc, 0x30], [0xfd, 0xe7, 0x25],
];
/** Above the threshold the opacity rises over this range, so that no hard edge appears. */
const SOFT_EDGE = 0.08;

/** The colour of evidence 0..1 as [r, g, b], 0..255. */
export function viridis(value: number): [number, number, number] {
  const at = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(at));
  const [a, b] = [STOPS[low], STOPS[low + 1]];
  if (!a || !b) throw new Error('The colour table is empty.');
  const t = at - low;
  return [0, 1, 2].map((i) => Math.round((a[i] ?? 0) * (1 - t) + (b[i] ?? 0) * t)) as [number, number, number];
}

/** CSS colour of evidence 0..1. */
export function viridisCss(value: number): string {
  return `rgb(${viridis(value).join(' ')})`;
}

/** Share of the full opacity at a value: 0 below the threshold, rising to 1 over the soft edge. */
export function ramp(value: number, threshold: number): number {
  if (value < threshold) return 0;
  const t = Math.min(1, (value - threshold) / SOFT_EDGE);
  return 0.35 + 0.65 * t * t * (3 - 2 * t);
}

/** 256 RGBA colours (little endian, as ImageData reads them) for evidence 0..255. */
export function colorTable(threshold: number, opacity: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    const value = i / 255;
    const alpha = Math.round(255 * opacity * ramp(value, threshold));
    const [r, g, b] = viridis(value);
    table[i] = ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return table;
}
