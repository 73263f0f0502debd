import { toast } from '../shared/toast';
import type { Analysis } from '../shared/types';
import { AnalysisWatch } from './analysis-watch';
import type { ReadingModel } from './reading/model';
import { Signal } from './store';

/** A later analysis of the series, followed while the results of an earlier one are shown. */
export class AnotherAnalysis {
  readonly changed = new Signal();
  /** Null while none waits or runs. */
  running: Analysis | null = null;
  private watch: AnalysisWatch | null = null;

  /** `drawn` is called when it may have made more of a heatmap. */
  constructor(private readonly model: ReadingModel, private readonly drawn: () => void) {}

  follow(analysis: Analysis | null): void {
    this.watch?.stop();
    this.running = analysis;
    this.watch = analysis && new AnalysisWatch(analysis, (now) => this.progress(now), this.drawn);
    this.changed.emit();
    this.drawn();
  }

  private progress(analysis: Analysis): void {
    const going = analysis.state === 'queued' || analysis.state === 'running';
    this.running = going ? analysis : null;
    if (analysis.state === 'failed') toast(`The new analysis failed. ${analysis.error?.message ?? ''}`.trim());
    if (analysis.state === 'cancelled') toast('The new analysis was stopped.');
    const { server } = this.model;
    // Offered, never swapped in. The rest of the reading stays as it is known here.
    if (analysis.state === 'succeeded' && server.analysis && !this.model.readOnly) this.model.adopt({ ...server, newer_analysis: analysis.id });
    this.changed.emit();
  }
}
