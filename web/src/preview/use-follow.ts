import { useEffect } from 'react';

import type { Stream } from '../live/stream';
import type { PreviewView, Subject } from './use-preview';

/** Lets a burst of one user's events cost one refresh, and the fold of the last one finish. */
const SETTLE_MS = 250;
/** While the shop does not know the user there is no pseudonym to match, so any event may be their first. */
const UNKNOWN_SETTLE_MS = 2_000;

/** Refreshes the preview when its user acts. A null view follows nobody. */
export function useFollow(stream: Stream, view: PreviewView | null, subject: Subject | null): void {
  const refresh = view?.refresh;
  const shown = view?.shown;
  const user = shown?.profile?.user ?? subject?.user;
  const isUnknown = shown != null && shown.profile === null;
  const { listen } = stream;
  useEffect(() => {
    if (!refresh) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = listen((event) => {
      if (event.user !== user && !isUnknown) return;
      // What the shop showed them is an event too, but not something they did.
      if (event.kind === 'impression') return;
      timer ??= setTimeout(
        () => {
          timer = undefined;
          refresh();
        },
        isUnknown ? UNKNOWN_SETTLE_MS : SETTLE_MS,
      );
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [listen, refresh, user, isUnknown]);
}
