import { useCallback, useEffect, useState } from 'react';

import { getRecentUsers } from '../api/client';
import type { RecentUser } from '../api/wire';

const LIMIT = 20;
const EVERY_MS = 10_000;

/** Recently active users. `isHeld` keeps the list still while someone is choosing from it. */
export function useRecentUsers(isHeld: () => boolean): RecentUser[] | null {
  const [users, setUsers] = useState<RecentUser[] | null>(null);
  const held = useCallback(isHeld, []);
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      if (document.hidden || held()) return;
      try {
        const next = await getRecentUsers(LIMIT, stop.signal);
        if (!held()) setUsers(next);
      } catch {
        // The status above says that the server is away; the list keeps what it has.
      }
    };
    void read();
    const timer = setInterval(() => void read(), EVERY_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [held]);
  return users;
}
