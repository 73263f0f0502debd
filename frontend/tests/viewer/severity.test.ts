import { describe, expect, it } from 'vitest';
import { ReadingForm } from '../../src/viewer/panels/form';
import { ReadingModel } from '../../src/viewer/reading/model';
import { UndoStack } from '../../src/viewer/undo';
import { RESULTS } from './analysis';
import { testReading } from './reading';

function form(): { host: HTMLElement; form: ReadingForm; model: ReadingModel } {
  const host = document.createElement('div');
  const model = new ReadingModel(testReading(), new UndoStack());
  return { host, form: new ReadingForm(host, model), model };
}

const at = (host: HTMLElement, testid: string): HTMLElement => host.querySelector(`[data-testid="${testid}"]`) as HTMLElement;

describe('the suggested severity', () => {
  it('stands beside the empty field and presets nothing', () => {
    const { host, form: shown, model } = form();
    shown.showMeasured(RESULTS.quantification, 'the lesion network (network 2)');
    expect(at(host, 'severity-ai-LLL').textContent).toBe('2 · 18%');
    expect(at(host, 'severity-ai-RUL').textContent).toBe('1 · 1%');
    expect(at(host, 'severity-ai-RML').textContent).toBe('0');
    expect(at(host, 'severity-suggestion').textContent).toBe(
      'AI suggests 3 of 25, measured by the lesion network (network 2). Nothing is filled in.');
    expect(host.querySelectorAll('.sg [aria-checked=true]')).toHaveLength(0);
    expect(model.answers.severity).toBeUndefined();
    expect(model.changes.count).toBe(0);
    expect(at(host, 'severity-total').textContent).toBe('0 of 5 lobes scored');
  });

  it('goes when AI is hidden again', () => {
    const { host, form: shown } = form();
    shown.showMeasured(RESULTS.quantification, 'the lesion network');
    shown.showMeasured(undefined, undefined);
    expect(at(host, 'severity-ai-LLL').textContent).toBe('');
    expect(at(host, 'severity-ai-LLL').title).toBe('');
    expect(at(host, 'severity-suggestion').hidden).toBe(true);
    expect(at(host, 'severity-suggestion').textContent).toBe('');
  });

  it('is absent without lobes', () => {
    const { host, form: shown } = form();
    shown.showMeasured({ source: 'density', infected_percent: 5.1 }, 'lung density');
    expect(at(host, 'severity-suggestion').hidden).toBe(true);
    expect(at(host, 'severity-ai-RUL').textContent).toBe('');
  });
});
