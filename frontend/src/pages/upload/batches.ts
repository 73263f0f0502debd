/** Cuts many files into requests of bearable size. */

const MOST_FILES = 100;
const MOST_BYTES = 32 * 1024 * 1024;

/** Batches in the order of the files; a file larger than the limit travels alone. */
export function batches<T extends { size: number }>(files: T[], mostFiles = MOST_FILES, mostBytes = MOST_BYTES): T[][] {
  const cut: T[][] = [];
  let bytes = 0;
  for (const file of files) {
    const last = cut.at(-1);
    if (!last || last.length >= mostFiles || bytes + file.size > mostBytes) {
      cut.push([file]);
      bytes = file.size;
    } else {
      last.push(file);
      bytes += file.size;
    }
  }
  return cut;
}

/** '38.1 MB', '612 MB', '4 kB'. */
export function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  const mb = bytes / 1e6;
  return `${mb < 100 ? mb.toFixed(1) : Math.round(mb).toLocaleString('en')} MB`;
}
