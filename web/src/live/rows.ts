// The rows of the live stream, as pure steps: what is kept, what waits while paused, what is dropped.

import type { CommittedEvent } from '../api/wire';

export const ROWS_MAX = 200;

export interface LiveRows {
  /** Newest first. */
  rows: readonly CommittedEvent[];
  /** Arrived while paused, newest first; `waitingTotal` counts those that no longer fit too. */
  waiting: readonly CommittedEvent[];
  waitingTotal: number;
  paused: boolean;
  /** The kind to show, or null for all. */
  kind: string | null;
  /** Rows above this position arrived while the reader was looking and may announce themselves. */
  settledPosition: number;
}

export const NO_ROWS: LiveRows = { rows: [], waiting: [], waitingTotal: 0, paused: false, kind: null, settledPosition: -1 };

export type LiveStep =
  | { type: 'arrived'; events: readonly CommittedEvent[] }
  /** Read from the log instead of heard: what happened before the page opened, or while it was cut off. */
  | { type: 'recalled'; events: readonly CommittedEvent[] }
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'filtered'; kind: string | null };

export function advance(state: LiveRows, step: LiveStep): LiveRows {
  switch (step.type) {
    case 'arrived': {
      const fresh = unseen(state, step.events);
      if (fresh.length === 0) return state;
      if (state.paused) {
        const waiting = keep([...fresh, ...state.waiting], state.kind);
        return { ...state, waiting, waitingTotal: state.waitingTotal + fresh.filter(matches(state.kind)).length };
      }
      return { ...state, rows: keep([...fresh, ...state.rows], state.kind) };
    }
    case 'recalled':
      return settled(advance(state, { type: 'arrived', events: step.events }));
    case 'paused':
      return { ...state, paused: true };
    case 'resumed': {
      const rows = keep([...state.waiting, ...state.rows], state.kind);
      return settled({ ...state, rows, waiting: [], waitingTotal: 0, paused: false });
    }
    case 'filtered': {
      const waitingTotal = state.waiting.filter(matches(step.kind)).length;
      return settled({ ...state, kind: step.kind, waitingTotal });
    }
  }
}

export function visibleRows(state: LiveRows): readonly CommittedEvent[] {
  return state.rows.filter(matches(state.kind));
}

function matches(kind: string | null): (event: CommittedEvent) => boolean {
  return (event) => kind === null || event.kind === kind;
}

/** A reconnection may repeat events: each position counts once. */
function unseen(state: LiveRows, events: readonly CommittedEvent[]): CommittedEvent[] {
  const seen = new Set([...state.rows, ...state.waiting].map((event) => event.position));
  const fresh = events.filter((event) => {
    if (seen.has(event.position)) return false;
    seen.add(event.position);
    return true;
  });
  return fresh.sort((a, b) => b.position - a.position);
}

/** At most `ROWS_MAX`. Under a filter the rows it hides go first, so that rare kinds are not washed out by views. */
function keep(events: readonly CommittedEvent[], kind: string | null): readonly CommittedEvent[] {
  const sorted = [...events].sort((a, b) => b.position - a.position);
  let excess = sorted.length - ROWS_MAX;
  if (excess <= 0) return sorted;
  const shown = matches(kind);
  const kept: CommittedEvent[] = [];
  for (const event of sorted.reverse()) {
    if (excess > 0 && !shown(event)) excess -= 1;
    else kept.push(event);
  }
  return kept.reverse().slice(0, ROWS_MAX);
}

function settled(state: LiveRows): LiveRows {
  return { ...state, settledPosition: state.rows[0]?.position ?? -1 };
}
