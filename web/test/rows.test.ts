import { describe, expect, it } from 'vitest';

import type { CommittedEvent } from '../src/api/wire';
import { advance, NO_ROWS, ROWS_MAX, visibleRows, type LiveRows, type LiveStep } from '../src/live/rows';

const event = (position: number, kind = 'product_viewed'): CommittedEvent => ({
  position,
  kind,
  user: '~a',
  occurred_at: '2026-07-28T03:00:00Z',
  received_at: '2026-07-28T03:00:00Z',
  channel: 'browser',
});
const arrived = (...events: CommittedEvent[]): LiveStep => ({ type: 'arrived', events });
const after = (...steps: LiveStep[]): LiveRows => steps.reduce(advance, NO_ROWS);
const shown = (state: LiveRows) => visibleRows(state).map((row) => row.position);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => event(from + i));

describe('the live rows', () => {
  it('stand newest first, each position once', () => {
    expect(shown(after(arrived(event(1), event(2)), arrived(event(2), event(3))))).toEqual([3, 2, 1]);
  });

  it('stay in the order of the log when a reconnection fills a hole late', () => {
    expect(shown(after(arrived(event(1), event(4)), arrived(event(2), event(3))))).toEqual([4, 3, 2, 1]);
  });

  it('are at most so many', () => {
    const state = after(arrived(...range(1, ROWS_MAX + 50)));
    expect(state.rows).toHaveLength(ROWS_MAX);
    expect(shown(state)[0]).toBe(ROWS_MAX + 50);
  });

  it('wait while paused and are counted', () => {
    const paused = after(arrived(event(1)), { type: 'paused' }, arrived(event(2)), arrived(event(3)));
    expect(shown(paused)).toEqual([1]);
    expect(paused.waitingTotal).toBe(2);
    const resumed = advance(paused, { type: 'resumed' });
    expect(shown(resumed)).toEqual([3, 2, 1]);
    expect(resumed).toMatchObject({ waitingTotal: 0, paused: false, settledPosition: 3 });
  });

  it('count those that wait beyond what is kept', () => {
    expect(after({ type: 'paused' }, arrived(...range(1, 500))).waitingTotal).toBe(500);
  });

  it('show one kind under a filter and keep its rows when others flood in', () => {
    const order = event(1, 'order_completed');
    const state = after(arrived(order), { type: 'filtered', kind: 'order_completed' }, arrived(...range(2, 400)));
    expect(shown(state)).toEqual([1]);
    expect(state.rows).toHaveLength(ROWS_MAX);
  });

  it('announce only what arrived since the reader looked', () => {
    expect(after(arrived(event(7)), { type: 'filtered', kind: null }).settledPosition).toBe(7);
  });

  it('take in what the log recalls without announcing it', () => {
    const state = after(arrived(event(5)), { type: 'recalled', events: range(1, 5) });
    expect(shown(state)).toEqual([5, 4, 3, 2, 1]);
    expect(state.settledPosition).toBe(5);
  });
});
