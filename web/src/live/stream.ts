import { useEffect, useReducer, useRef, useState, type Dispatch } from 'react';

import { EVENT_STREAM, getRecentEvents } from '../api/client';
import type { CommittedEvent } from '../api/wire';
import { advance, NO_ROWS, ROWS_MAX, type LiveRows, type LiveStep } from './rows';

export type StreamState = 'connecting' | 'open' | 'retrying';

/** Told of every event, shown or not, in the order of arrival. */
export type Listener = (event: CommittedEvent) => void;

export interface Stream {
  state: StreamState;
  rows: LiveRows;
  dispatch: Dispatch<LiveStep>;
  /** Returns how to stop listening. */
  listen(listener: Listener): () => void;
}

/** Events are drawn in batches, so that a burst costs a few renders and not thousands. */
const BATCH_MS = 120;
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 20_000;

export function useStream(): Stream {
  const [state, setState] = useState<StreamState>('connecting');
  const [rows, dispatch] = useReducer(advance, NO_ROWS);
  const listeners = useRef(new Set<Listener>());

  useEffect(() => {
    let source: EventSource;
    let retryTimer: ReturnType<typeof setTimeout> | undefined;
    let batchTimer: ReturnType<typeof setTimeout> | undefined;
    let batch: CommittedEvent[] = [];
    let failures = 0;
    const stop = new AbortController();

    // Fills the rows before the first event and closes the hole after a break; what is known already counts once.
    const recall = async () => {
      try {
        dispatch({ type: 'recalled', events: await getRecentEvents(ROWS_MAX, stop.signal) });
      } catch {
        // Only rows of the past are missing; the stream goes on.
      }
    };
    const flush = () => {
      batchTimer = undefined;
      const events = batch;
      batch = [];
      dispatch({ type: 'arrived', events });
    };
    const receive = (message: MessageEvent<string>) => {
      const event = parse(message.data);
      if (!event) return;
      batch.push(event);
      batchTimer ??= setTimeout(flush, BATCH_MS);
      for (const listener of listeners.current) listener(event);
    };
    const connect = () => {
      source = new EventSource(EVENT_STREAM);
      source.addEventListener('committed', receive);
      // The server dropped events because we read too slowly.
      source.addEventListener('lagged', () => void recall());
      source.onopen = () => {
        failures = 0;
        setState('open');
        void recall();
      };
      source.onerror = () => {
        setState('retrying');
        // The browser retries a broken connection by itself and says where it stopped; it gives up on a refused one.
        if (source.readyState !== EventSource.CLOSED) return;
        failures += 1;
        retryTimer = setTimeout(connect, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (failures - 1)));
      };
    };

    connect();
    return () => {
      stop.abort();
      source.close();
      clearTimeout(retryTimer);
      clearTimeout(batchTimer);
    };
  }, []);

  const [listen] = useState(() => (listener: Listener) => {
    listeners.current.add(listener);
    return () => void listeners.current.delete(listener);
  });
  return { state, rows, dispatch, listen };
}

function parse(text: string): CommittedEvent | null {
  try {
    const event = JSON.parse(text) as CommittedEvent;
    return typeof event.position === 'number' && typeof event.kind === 'string' ? event : null;
  } catch {
    return null;
  }
}
