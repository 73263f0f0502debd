/** Files a person dropped or chose, folders opened. */

/** The part of FileSystemEntry that is used; happy to be faked in tests. */
export interface Entry {
  isFile: boolean;
  isDirectory: boolean;
}
interface FileEntry extends Entry {
  file(found: (file: File) => void, failed: (error: DOMException) => void): void;
}
interface FolderEntry extends Entry {
  createReader(): {
    readEntries(found: (entries: Entry[]) => void, failed: (error: DOMException) => void): void;
  };
}

const NIFTI = /\.nii(\.gz)?$/i;

/** True for files that name no patient, so that the sender has to. */
export function isNifti(file: { name: string }): boolean {
  return NIFTI.test(file.name);
}

/** All files below the entries, in the order of their names. Browsers give a folder in pieces of 100 entries. */
export async function filesBelow(entries: Entry[]): Promise<File[]> {
  const found: File[] = [];
  for (const entry of entries) {
    if (entry.isFile) found.push(await new Promise<File>((ok, no) => (entry as FileEntry).file(ok, no)));
    else if (entry.isDirectory) found.push(...(await filesBelow(await children(entry as FolderEntry))));
  }
  return found;
}

async function children(folder: FolderEntry): Promise<Entry[]> {
  const reader = folder.createReader();
  const all: Entry[] = [];
  for (;;) {
    const piece = await new Promise<Entry[]>((ok, no) => reader.readEntries(ok, no));
    if (piece.length === 0) return all;
    all.push(...piece);
  }
}

/**
 * The files of a drop, folders opened. Everything must be taken before the first await: the browser empties the list
 * after the event.
 */
export function filesOfDrop(transfer: DataTransfer): Promise<File[]> {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry());
  if (entries.every((entry) => entry !== null)) return filesBelow(entries as unknown as Entry[]);
  return Promise.resolve([...transfer.files]); // Dragged out of another program: files without a place on disk.
}
