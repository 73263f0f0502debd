/** Shapes of /api/v1/ that the pages read. Absent means the key is absent. */

export type Matrix4 = number[][];
/** Half-open voxel box [z0, y0, x0, z1, y1, x1]. */
export type Box = [number, number, number, number, number, number];
export type AiPolicy = 'at_once' | 'after_first_answers' | 'never';

export interface Me {
  id: string;
  email: string;
  name: string;
  initials: string;
}

export interface Geometry {
  grade: 'full' | 'limited' | 'unusable';
  reasons?: { code: string; sentence: string }[];
}

export interface VolumeInfo {
  shape: [number, number, number];
  spacing_mm: [number, number, number];
  affine: Matrix4;
  slice_order: number[];
  url?: string;
}

export interface Series {
  id: string;
  study: string | { id: string };
  description: string;
  state: 'receiving' | 'checking' | 'ready' | 'unusable' | 'failed';
  reason?: string;
  revision: number;
  geometry?: Geometry;
  volume?: VolumeInfo;
  analyses?: Analysis[];
  reading_cohorts?: string[];
}

export interface Study {
  id: string;
  patient: { pseudonym: string; sex?: string; age?: number | string };
  study_date?: string;
  description?: string;
  cohorts?: string[];
}

export interface UserMessage {
  code: string;
  message: string;
  hint?: string;
  reference?: string;
}

export interface Side {
  infected_ml?: number;
  infected_percent?: number;
}

export interface Quantification extends Side {
  /** What found the infected voxels. */
  source?: 'lesions' | 'density' | 'patches' | 'saliency';
  right?: Side;
  left?: Side;
  lobes?: Partial<Record<Lobe, Side>>;
  zones?: Record<string, Side>;
  /** Millilitres by the name of the lesion type. */
  types_ml?: Record<string, number>;
  /** Suggested CT severity scores. */
  severity?: { lobes: Partial<Record<Lobe, number>>; total?: number };
  /** Calibrated 90 % interval of infected_percent. */
  interval_percent?: [number, number];
  /** A range of infected_percent that is not calibrated. */
  spread?: [number, number];
  slice_evidence?: number[];
}

/** Label volumes of a whole series. */
export type SegmentationKind = 'lungs' | 'lobes' | 'lesions';

export interface SystemResult {
  version?: string;
  probabilities?: Record<string, number>;
  /** By key of the probabilities: from this value on the system predicts it. */
  operating_points?: Record<string, number>;
  regions?: { id: string }[];
  heatmaps?: { id: string }[];
  /** From cranial to caudal; what it is, the system says (`SystemInfo.evidence`). */
  slice_evidence?: number[];
  quantification?: Quantification;
}

export interface AnalysisResults {
  lungs?: { volume_ml: number; right_ml: number; left_ml: number };
  quantification?: Quantification;
  systems?: Record<string, SystemResult>;
  /** What made each label volume; a volume that was not made has no key. */
  segmentation?: Partial<Record<SegmentationKind, string>>;
  warnings?: string[];
}

/** What evidence per slice is: millilitres, the slice's own probability of COVID-19, or its share of the whole. */
export type EvidenceUnit = 'ml' | 'probability' | 'share';

/** A system of this site, as /api/v1/systems/ tells it. */
export interface SystemInfo {
  name: string;
  title: string;
  /** What it looks at, in one phrase. */
  reads?: string;
  state: 'ready' | 'demonstration' | 'no weights';
  /** Why weights that are there cannot be used. */
  reason?: string;
  /** Whether it runs when nobody chooses. */
  default: boolean;
  version?: string;
  /** Area under the ROC curve of COVID-19, measured on phantoms. */
  auc?: number;
  auc_interval?: [number, number];
  probabilities: string[];
  /** Whether it measures the infected part of the lungs by itself. */
  measures: boolean;
  evidence: EvidenceUnit;
  /** `name` and `about` are for people: what a map is called and what it says. */
  heatmaps: { class: string; kind: string; name: string; about: string }[];
}

export interface Analysis {
  id: string;
  series: string;
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  systems: string[];
  stage?: string;
  progress?: number;
  seconds_left?: number;
  queue_position?: number;
  error?: UserMessage;
  created_at?: string;
  finished_at?: string;
  outdated?: boolean;
  hidden?: boolean;
  results?: AnalysisResults;
}

export interface AiRegion {
  id: string;
  label: string;
  system: string;
  class?: string;
  volume_ml: number;
  side?: string;
  lobe?: string;
  evidence?: number;
  box: Box;
  centre: [number, number, number];
  largest_slice: number;
}

export interface HeatmapInfo {
  id: string;
  system: string;
  class: string;
  kind: string;
  reference: number;
  threshold?: number;
  shape: [number, number, number];
  affine: Matrix4;
  url?: string;
}

/** A heatmap that is still being made. */
export interface HeatmapPreview extends HeatmapInfo {
  /** The finished part of it, 0..1. */
  done: number;
}

export type VerdictName = 'accepted' | 'rejected' | 'redrawn' | 'unsure';
export type RejectReason =
  'vessel' | 'motion' | 'atelectasis' | 'effusion' | 'fibrosis' | 'outside_lung' | 'other';

export interface MaskInfo {
  sha256: string;
  box: Box;
  volume_ml: number;
}

export interface Verdict {
  verdict: VerdictName;
  reason?: RejectReason;
  mask?: MaskInfo;
}

export interface OwnRegion {
  id: string;
  label: string;
  lesion_value?: number;
  mask?: MaskInfo;
}

export type Lobe = 'RUL' | 'RML' | 'RLL' | 'LUL' | 'LLL';

export interface Answers {
  co_rads?: number;
  pcr?: 'positive' | 'negative' | 'unknown';
  severity?: Partial<Record<Lobe, number>>;
  diagnosis?: string;
  confidence?: string;
  note?: string;
  nothing_else?: boolean;
}

export interface Reading {
  id: string;
  series: string;
  cohort: string;
  round: string;
  reader: { id: string; name: string; initials: string };
  state: 'draft' | 'signed';
  revision: number;
  mine: boolean;
  /** The analysis whose regions are judged; absent until it is shown. */
  analysis?: string;
  /** A later analysis that the reader may go over to. */
  newer_analysis?: string;
  ai: { policy: AiPolicy; shown: boolean; shown_at?: string };
  answers: Answers;
  answers_before_ai?: Answers;
  verdicts: Record<string, Verdict>;
  own_regions: OwnRegion[];
  missing: { code: string; sentence: string; target?: string }[];
  saved_at?: string;
  signed_at?: string;
  addenda?: { text: string; at: string }[];
}
