/** Stands in for xmlbuilder2: vtk.js imports it for XML files, which this viewer never reads. */
export function create(): never {
  throw new Error('XML is not supported here.');
}
