import { useCallback, useEffect, useReducer, useRef } from 'react';

import { ApiError, getProfile, recommend } from '../api/client';
import type { Placement, Profile, Slate, SlateQuery } from '../api/wire';
import { contextFromHistory } from './context';
import { diffSlates, isUnchanged, NO_DIFF, type SlateDiff } from './diff';

const SLATE_LENGTH = 12;

/** Who is looked at, where. `context` is what the reader chose to start from; null leaves it to the history. */
export interface Subject {
  user: string;
  placement: Placement;
  context: readonly string[] | null;
}

export interface Shown {
  subject: Subject;
  /** Null when the shop does not know the user. */
  profile: Profile | null;
  slate: Slate;
  /** The products that the slate started from. */
  context: readonly string[];
  diff: SlateDiff;
  /** Names of the products that were on a slate or in the history, for those that are no longer. */
  names: ReadonlyMap<string, string>;
  readAt: Date;
  /** How often this subject's slate was read again. */
  refreshes: number;
}

export interface PreviewView {
  shown: Shown | null;
  busy: boolean;
  failure: ApiError | 'unreachable' | null;
  refresh(): void;
}

interface State {
  shown: Shown | null;
  busy: boolean;
  failure: PreviewView['failure'];
}

type Step =
  | { type: 'asked'; fresh: boolean }
  | { type: 'answered'; subject: Subject; profile: Profile | null; slate: Slate; context: readonly string[] }
  | { type: 'failed'; failure: NonNullable<PreviewView['failure']> };

function advance(state: State, step: Step): State {
  switch (step.type) {
    case 'asked':
      return { shown: step.fresh ? null : state.shown, busy: true, failure: null };
    case 'failed':
      return { ...state, busy: false, failure: step.failure };
    case 'answered':
      return { shown: show(state.shown, step), busy: false, failure: null };
  }
}

function show(before: Shown | null, answer: Extract<Step, { type: 'answered' }>): Shown {
  const { subject, profile, slate, context } = answer;
  const sameSlate = before !== null && isSameSubject(before.subject, subject);
  const names = new Map(before?.names);
  for (const { product_id, name } of [...(profile?.history ?? []), ...slate.items]) if (name) names.set(product_id, name);
  const shown = { subject, profile, slate, context, names, readAt: new Date(), diff: NO_DIFF, refreshes: 0 };
  if (!sameSlate) return shown;
  const diff = diffSlates(idsOf(before.slate), idsOf(slate));
  // A refresh that changes nothing leaves the marks of the last one that did.
  return { ...shown, diff: isUnchanged(diff) ? before.diff : diff, refreshes: before.refreshes + 1 };
}

const idsOf = (slate: Slate) => slate.items.map((item) => item.product_id);

function isSameSubject(a: Subject, b: Subject): boolean {
  return a.user === b.user && a.placement === b.placement && a.context?.join() === b.context?.join();
}

export function usePreview(subject: Subject | null): PreviewView {
  const [state, dispatch] = useReducer(advance, { shown: null, busy: false, failure: null });
  const running = useRef<AbortController | null>(null);
  const shownUser = useRef<string | null>(null);

  const read = useCallback(async () => {
    running.current?.abort();
    if (!subject) return;
    const stop = (running.current = new AbortController());
    // Another placement of the same user keeps what is on the screen until the answer is there; another user does not.
    dispatch({ type: 'asked', fresh: shownUser.current !== subject.user });
    shownUser.current = subject.user;
    try {
      const profile = await getProfile(subject.user, stop.signal);
      const context = subject.context ?? contextFromHistory(subject.placement, profile?.history ?? []);
      const slate = await recommend(slateQuery(subject, context), stop.signal);
      dispatch({ type: 'answered', subject, profile, slate, context });
    } catch (error) {
      if (stop.signal.aborted) return;
      dispatch({ type: 'failed', failure: error instanceof ApiError ? error : 'unreachable' });
    }
  }, [subject]);

  useEffect(() => {
    void read();
    return () => running.current?.abort();
  }, [read]);

  const refresh = useCallback(() => void read(), [read]);
  return { ...state, refresh };
}

function slateQuery({ user, placement }: Pick<Subject, 'user' | 'placement'>, context: readonly string[]): SlateQuery {
  const query: SlateQuery = { placement, user_id: user, n: SLATE_LENGTH, explain: true, preview: true };
  if (placement === 'product' && context.length > 0) query.product_ids = [...context];
  if (placement === 'cart' && context.length > 0) query.cart = [...context];
  return query;
}
