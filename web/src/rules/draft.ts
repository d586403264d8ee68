// What the draft says of itself: how it differs from what is served, what is on now, what contradicts what.

import type { Conflict, Rule, Schedule } from '../api/wire';

export interface Changes {
  added: ReadonlySet<string>;
  /** By id: the rule as it is served. */
  changed: ReadonlyMap<string, Rule>;
  removed: readonly Rule[];
}

/** Both sides were written by one server, so equal rules are equal texts. */
export function changesOf(draft: readonly Rule[], served: readonly Rule[]): Changes {
  const before = new Map(served.map((rule) => [rule.rule_id, rule]));
  const stays = new Set(draft.map((rule) => rule.rule_id));
  const added = new Set<string>();
  const changed = new Map<string, Rule>();
  for (const rule of draft) {
    const old = before.get(rule.rule_id);
    if (!old) added.add(rule.rule_id);
    else if (JSON.stringify(old) !== JSON.stringify(rule)) changed.set(rule.rule_id, old);
  }
  return { added, changed, removed: served.filter((rule) => !stays.has(rule.rule_id)) };
}

/** `calendar`: on if one of its occasions is, which the server knows. */
export type Activity = 'on' | 'off' | 'before' | 'over' | 'resting' | 'calendar';

const WEEKDAYS_SUNDAY_FIRST = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** `clock` is the shop's, `2026-11-27T18:00:00`: texts of this form compare as times do, and a day comes before its hours. */
export function activityAt(enabled: boolean, schedule: Schedule | undefined, clock: string): Activity {
  if (!enabled) return 'off';
  if (!schedule) return 'on';
  const { from, until, weekdays, hours, occasions } = schedule;
  if (from !== undefined && from > clock) return 'before';
  if (until !== undefined && (until.includes('T') ? until <= clock : until < clock.slice(0, 10))) return 'over';
  const weekday = WEEKDAYS_SUNDAY_FIRST[new Date(`${clock}Z`).getUTCDay()] ?? '';
  if (weekdays && !weekdays.includes(weekday)) return 'resting';
  if (hours && !isWithin(Number(clock.slice(11, 13)), hours)) return 'resting';
  return occasions ? 'calendar' : 'on';
}

/** `[22, 2]` goes past midnight. */
function isWithin(hour: number, [from, to]: [number, number]): boolean {
  return from < to ? from <= hour && hour < to : from <= hour || hour < to;
}

export function conflictsOf(id: string, conflicts: readonly Conflict[]): Conflict[] {
  return conflicts.filter((conflict) => conflict.rules.includes(id));
}

export function ruleName(rule: Pick<Rule, 'rule_id' | 'name'>): string {
  return rule.name.trim() || rule.rule_id;
}
