// A rule as the fields of a form, and back.

import type { Action, Rule, Schedule, Target } from '../api/wire';

export const KINDS = ['pin', 'boost', 'bury', 'include', 'exclude', 'cap', 'diversify', 'same'] as const;
export type Kind = (typeof KINDS)[number];

/** The number that each action takes, with the server's bounds and where a new rule begins. */
export const NUMBERS: Partial<Record<Kind, { min: number; max: number; step: number | 'any'; start: number }>> = {
  pin: { min: 1, max: 100, step: 1, start: 1 },
  boost: { min: 1.01, max: 10, step: 'any', start: 2 },
  bury: { min: 0.01, max: 0.99, step: 'any', start: 0.5 },
  include: { min: 1, max: 100, step: 1, start: 2 },
  cap: { min: 1, max: 100, step: 1, start: 2 },
  diversify: { min: 0, max: 1, step: 'any', start: 0.3 },
};

/** As typed. Lists of names are written one a line, since names may have commas. */
export interface Fields {
  name: string;
  enabled: boolean;
  kind: Kind;
  number: string;
  products: string;
  attribute: string;
  where: string;
  placements: readonly string[];
  segments: string;
  categories: string;
  fromDay: string;
  fromTime: string;
  untilDay: string;
  untilTime: string;
  weekdays: readonly string[];
  hourFrom: string;
  hourTo: string;
  occasions: readonly string[];
}

/** Actions that are about some products; a cap may be. */
export function takesWhere(kind: Kind): boolean {
  return ['boost', 'bury', 'include', 'exclude', 'cap'].includes(kind);
}

export function needsWhere({ kind, attribute }: Fields): boolean {
  return takesWhere(kind) && !(kind === 'cap' && attribute.trim() !== '');
}

/** Of another action: its number begins anew. */
export function withKind(fields: Fields, kind: Kind): Fields {
  return { ...fields, kind, number: String(NUMBERS[kind]?.start ?? '') };
}

export function fieldsOf(rule: Rule | null): Fields {
  const action = rule?.action ?? { kind: 'pin', product_ids: [], position: 1 };
  const { placements = [], segments = [], categories = [], schedule = {} } = rule?.target ?? {};
  const [fromDay = '', fromTime = ''] = schedule.from?.split('T') ?? [];
  const [untilDay = '', untilTime = ''] = schedule.until?.split('T') ?? [];
  return {
    name: rule?.name ?? '',
    enabled: rule?.enabled ?? true,
    kind: action.kind,
    number: String(numberOf(action) ?? ''),
    products: action.kind === 'pin' ? action.product_ids.join('\n') : '',
    attribute: ('attribute' in action && action.attribute) || '',
    where: rule?.where ?? '',
    placements,
    segments: segments.join('\n'),
    categories: categories.join('\n'),
    fromDay,
    fromTime,
    untilDay,
    untilTime,
    weekdays: schedule.weekdays ?? [],
    hourFrom: String(schedule.hours?.[0] ?? ''),
    hourTo: String(schedule.hours?.[1] ?? ''),
    occasions: schedule.occasions ?? [],
  };
}

/** What is left empty is left out: everywhere, everybody, always. */
export function ruleOf(fields: Fields): Omit<Rule, 'rule_id'> {
  // As typed: the server says by its characters where it is wrong.
  const where = takesWhere(fields.kind) && fields.where.trim() ? fields.where : '';
  return {
    name: fields.name.trim(),
    enabled: fields.enabled,
    target: targetOf(fields),
    ...(where && { where }),
    action: actionOf(fields),
  };
}

const ID_MAX = 60;

/** An id that people can read in notices and logs; a name without letters leaves it to the server. */
export function idFor(name: string, taken: ReadonlySet<string>): { rule_id?: string } {
  const letters = name.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();
  const id = letters.replaceAll(/[^a-z0-9]+/g, '-').slice(0, ID_MAX).replaceAll(/^-|-$/g, '');
  if (!id) return {};
  let rule_id = id;
  for (let n = 2; taken.has(rule_id); n += 1) rule_id = `${id}-${n}`;
  return { rule_id };
}

function actionOf({ kind, number, products, attribute }: Fields): Action {
  const n = Number(number);
  switch (kind) {
    case 'pin':
      return { kind, product_ids: lines(products), position: n };
    case 'boost':
    case 'bury':
      return { kind, factor: n };
    case 'include':
      return { kind, places: n };
    case 'exclude':
      return { kind };
    case 'cap':
      return { kind, ...(attribute.trim() && { attribute: attribute.trim() }), max: n };
    case 'diversify':
      return { kind, strength: n };
    case 'same':
      return { kind, attribute: attribute.trim() };
  }
}

function numberOf(action: Action): number | undefined {
  switch (action.kind) {
    case 'pin':
      return action.position;
    case 'boost':
    case 'bury':
      return action.factor;
    case 'include':
      return action.places;
    case 'cap':
      return action.max;
    case 'diversify':
      return action.strength;
    default:
      return undefined;
  }
}

function targetOf(fields: Fields): Target {
  const schedule = scheduleOf(fields);
  const [segments, categories] = [lines(fields.segments), lines(fields.categories)];
  return {
    ...(fields.placements.length > 0 && { placements: [...fields.placements] }),
    ...(segments.length > 0 && { segments }),
    ...(categories.length > 0 && { categories }),
    ...(Object.keys(schedule).length > 0 && { schedule }),
  };
}

function scheduleOf(fields: Fields): Schedule {
  const wall = (day: string, time: string) => (time ? `${day}T${time}` : day);
  const hours = fields.hourFrom !== '' && fields.hourTo !== '';
  return {
    ...(fields.fromDay && { from: wall(fields.fromDay, fields.fromTime) }),
    ...(fields.untilDay && { until: wall(fields.untilDay, fields.untilTime) }),
    ...(fields.weekdays.length > 0 && { weekdays: [...fields.weekdays] }),
    ...(hours && { hours: [Number(fields.hourFrom), Number(fields.hourTo)] as [number, number] }),
    ...(fields.occasions.length > 0 && { occasions: [...fields.occasions] }),
  };
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Where the server found the condition wrong, `… at character 8: …`, counted from 0; null when it was not about the condition. */
export function wrongAt(detail: string): number | null {
  const found = /\bwhere: .*? at character (\d+): /s.exec(detail);
  return found ? Number(found[1]) - 1 : null;
}
