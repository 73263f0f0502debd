/** Bits of a mask, eight voxels a byte, first voxel in the highest bit (numpy.packbits, bitorder big). */

/** Packs a mask of zeros and non-zeros. The last byte is filled up with zeros. */
export function packBits(mask: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(mask.length / 8));
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i]) packed[i >> 3] = (packed[i >> 3] ?? 0) | (0x80 >> (i & 7));
  }
  return packed;
}

/** Unpacks `count` voxels to zeros and ones. Throws when the bytes are too few. */
export function unpackBits(packed: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  if (packed.length * 8 < count) throw new Error('The mask is shorter than its box.');
  const mask = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) {
    mask[i] = ((packed[i >> 3] ?? 0) >> (7 - (i & 7))) & 1;
  }
  return mask;
}
