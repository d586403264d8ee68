import { useState } from 'react';

import { ApiError } from './client';
import type { Failed } from './use-answer';

export interface ActionView {
  busy: boolean;
  failure: Failed | null;
  /** Whether it was done. */
  run(work: () => Promise<unknown>): Promise<boolean>;
}

/** What the reader does, one thing at a time. */
export function useAction(): ActionView {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failed | null>(null);
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setFailure(null);
    try {
      await work();
      return true;
    } catch (error) {
      setFailure(error instanceof ApiError ? error : 'unreachable');
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, failure, run };
}
