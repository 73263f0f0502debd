/** Cuts the one response of GET series/{id}/volume into slices as the bytes arrive. */

/** Slices from the middle outwards: m, m+1, m-1, m+2, ... for `count` slices. */
export function middleOut(count: number): number[] {
  const middle = Math.floor(count / 2);
  const order = count > 0 ? [middle] : [];
  for (let step = 1; order.length < count; step += 1) {
    if (middle + step < count) order.push(middle + step);
    if (middle - step >= 0) order.push(middle - step);
  }
  return order;
}

/** Fills a volume of int16 slices from chunks of bytes that come in any size. */
export class SliceFiller {
  readonly ready: Uint8Array;
  loaded = 0;
  private readonly bytes: Uint8Array;
  private filled = 0;

  /** `voxels` is the whole volume [z, y, x]; `order` says which slice comes when. */
  constructor(voxels: Int16Array, private readonly sliceVoxels: number, private readonly order: number[]) {
    this.bytes = new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength);
    this.ready = new Uint8Array(order.length);
  }

  /** Takes the next bytes; returns the slices that they completed. Throws on bytes beyond the last slice. */
  push(chunk: Uint8Array): number[] {
    const sliceBytes = this.sliceVoxels * 2;
    const done: number[] = [];
    let taken = 0;
    while (taken < chunk.length) {
      const z = this.order[this.loaded];
      if (z === undefined) throw new Error('The image stream is longer than its geometry says.');
      const part = chunk.subarray(taken, taken + sliceBytes - this.filled);
      this.bytes.set(part, z * sliceBytes + this.filled);
      taken += part.length;
      this.filled += part.length;
      if (this.filled === sliceBytes) {
        this.ready[z] = 1;
        this.loaded += 1;
        this.filled = 0;
        done.push(z);
      }
    }
    return done;
  }

  get complete(): boolean {
    return this.loaded === this.order.length;
  }
}

/** Reads a response to its end; calls back with the slices each chunk completed. */
export async function readStream(
  response: Response, filler: SliceFiller, onSlices: (slices: number[]) => void,
): Promise<void> {
  if (!response.body) throw new Error('The image stream has no body.');
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const slices = filler.push(value);
    if (slices.length > 0) onSlices(slices);
  }
  if (!filler.complete) throw new Error('The image stream ended early.');
}
