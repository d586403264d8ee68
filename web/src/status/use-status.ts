import { useCallback, useEffect, useState } from 'react';

import { ApiError, getStatus } from '../api/client';
import type { Status } from '../api/wire';

const EVERY_MS = 2_000;
const RETRY_MS_MAX = 15_000;
const SAMPLES_MAX = 60;

export interface StatusView {
  /** The last good answer, kept while the server is away. */
  status: Status | null;
  readAt: Date | null;
  failure: { error: ApiError | null; retryAt: Date } | null;
  /** Events per second at each reading, oldest first. */
  samples: readonly number[];
  retry(): void;
}

/** Reads the status again and again; slower while it fails, not at all while the tab is hidden. */
export function useStatus(): StatusView {
  const [status, setStatus] = useState<Status | null>(null);
  const [readAt, setReadAt] = useState<Date | null>(null);
  const [failure, setFailure] = useState<StatusView['failure']>(null);
  const [samples, setSamples] = useState<readonly number[]>([]);
  const [round, setRound] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;

    const read = async () => {
      if (document.hidden) return;
      let waitMs = EVERY_MS;
      try {
        const next = await getStatus(stop.signal);
        failures = 0;
        setStatus(next);
        setReadAt(new Date());
        setFailure(null);
        setSamples((kept) => [...kept, next.events.per_second].slice(-SAMPLES_MAX));
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        waitMs = Math.min(RETRY_MS_MAX, EVERY_MS * 2 ** (failures - 1));
        setFailure({ error: error instanceof ApiError ? error : null, retryAt: new Date(Date.now() + waitMs) });
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void read(), waitMs);
    };
    const wake = () => {
      if (document.hidden) return;
      clearTimeout(timer);
      void read();
    };

    document.addEventListener('visibilitychange', wake);
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', wake);
    };
  }, [round]);

  const retry = useCallback(() => setRound((n) => n + 1), []);
  return { status, readAt, failure, samples, retry };
}
