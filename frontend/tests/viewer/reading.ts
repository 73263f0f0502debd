import type { Reading } from '../../src/shared/types';

/** A reader's own draft; fields can be set. */
export function testReading(change: Partial<Reading> = {}): Reading {
  return {
    id: 'reading-1', series: 'series-1', cohort: 'spring', round: 'first',
    reader: { id: 'u1', name: 'Reader A', initials: 'RA' }, state: 'draft', revision: 3, mine: true,
    ai: { policy: 'at_once', shown: true }, answers: { note: '', nothing_else: false }, verdicts: {}, own_regions: [],
    missing: [], saved_at: '2026-03-14T12:00:00Z', ...change,
  };
}
