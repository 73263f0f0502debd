/** The lesion types as the project numbers them, with the words and colours of this page. */

export interface LesionType {
  /** Value in the label volume. */
  value: number;
  /** Name in the results of an analysis. */
  name: string;
  word: string;
  /** Colour token; warm where the type counts as infected, cool where it does not. */
  token: string;
  infected: boolean;
}

export const LESION_TYPES: LesionType[] = [
  { value: 1, name: 'ground glass', word: 'Ground glass', token: '--ls-le-glass', infected: true },
  { value: 2, name: 'crazy paving', word: 'Crazy paving', token: '--ls-le-paving', infected: true },
  { value: 3, name: 'consolidation', word: 'Consolidation', token: '--ls-le-consolidation', infected: true },
  { value: 4, name: 'other infection', word: 'Other infection', token: '--ls-le-other', infected: true },
  { value: 10, name: 'effusion', word: 'Effusion', token: '--ls-le-effusion', infected: false },
  { value: 11, name: 'nodule', word: 'Nodule', token: '--ls-le-nodule', infected: false },
  { value: 12, name: 'emphysema', word: 'Emphysema', token: '--ls-le-emphysema', infected: false },
  { value: 13, name: 'atelectasis', word: 'Atelectasis', token: '--ls-le-atelectasis', infected: false },
];

/** The type that the results call `name`. */
export function lesionType(name: string | undefined): LesionType | undefined {
  return LESION_TYPES.find((type) => type.name === name);
}
