import { useCallback, useEffect, useState } from 'react';

import { ApiError } from './client';

/** After so long a server that did not answer is asked again. */
const RETRY_MS = 5_000;

export type Failed = ApiError | 'unreachable';

export interface AnswerView<T> {
  /** The last good answer, kept while the next one is read. */
  answer: T | null;
  busy: boolean;
  failure: Failed | null;
  again(): void;
}

/** Asks when `ask` changes and, with `everyMs`, again and again while the tab is seen. */
export function useAnswer<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number | null = null): AnswerView<T> {
  const [answer, setAnswer] = useState<T | null>(null);
  const [busy, setBusy] = useState(true);
  const [failure, setFailure] = useState<Failed | null>(null);
  const [round, setRound] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      let waitMs = everyMs;
      if (!document.hidden) {
        setBusy(true);
        try {
          const next = await ask(stop.signal);
          setAnswer(next);
          setFailure(null);
        } catch (error) {
          if (stop.signal.aborted) return;
          setFailure(error instanceof ApiError ? error : 'unreachable');
          if (!(error instanceof ApiError)) waitMs = RETRY_MS;
        }
        setBusy(false);
      }
      if (waitMs !== null && !stop.signal.aborted) timer = setTimeout(() => void read(), waitMs);
    };
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [ask, everyMs, round]);

  const again = useCallback(() => setRound((n) => n + 1), []);
  return { answer, busy, failure, again };
}
