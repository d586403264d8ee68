// A rule, as one would say it.

import type { Action, Schedule, Target } from '../api/wire';
import type { Words } from '../i18n/i18n';

export const OCCASIONS = [
  'quincena',
  'gratificacion',
  'cts',
  'cyber-wow',
  'fiestas-patrias',
  'campana-escolar',
  'dia-de-la-madre',
  'dia-del-padre',
  'dia-del-nino',
  'san-valentin',
  'semana-santa',
  'halloween',
  'black-friday',
  'navidad',
  'ano-nuevo',
] as const;

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** `Fija 3 productos desde el puesto 1, en Inicio, del 1 al 15 de diciembre de 2026`; `where` stands for the condition. */
export function ruleSentence({ action, target }: { action: Action; target: Target }, where: string | undefined, words: Words): string {
  return [does(action, where, words), ...targetWords(target, words)].join(', ');
}

function does(action: Action, where: string | undefined, words: Words): string {
  const { t, count, format } = words;
  const products = where === undefined ? '' : where;
  switch (action.kind) {
    case 'pin':
      return count('rule.pin', action.product_ids.length, { position: format.integer(action.position) });
    case 'boost':
      return t('rule.boost', { factor: format.decimal(action.factor), where: products });
    case 'bury':
      return t('rule.bury', { share: format.percent(action.factor), where: products });
    case 'include':
      return count('rule.include', action.places, { where: products });
    case 'exclude':
      return t('rule.exclude', { where: products });
    case 'cap': {
      if (action.attribute === undefined) return count('rule.cap', action.max, { where: products });
      const attribute = attributeName(action.attribute, words);
      if (where === undefined) return count('rule.cap.each', action.max, { attribute });
      return count('rule.cap.among', action.max, { attribute, where });
    }
    case 'diversify':
      return t('rule.diversify', { share: format.percent(action.strength) });
    case 'same':
      return t('rule.same', { attribute: attributeName(action.attribute, words) });
    default:
      // Of a newer server.
      return words.word('action', (action as { kind: string }).kind);
  }
}

function attributeName(name: string, { word }: Words): string {
  return word('attribute', name.replace(/^attributes\./, ''));
}

/** Where, for whom and when. */
export function targetWords(target: Target, words: Words): string[] {
  const { t, word, format } = words;
  const said = [];
  const { placements, segments, categories, schedule } = target;
  said.push(placements ? t('rule.placements', { names: format.list(placements.map((name) => word('placement', name))) }) : t('rule.everywhere'));
  if (categories) said.push(t('rule.categories', { names: format.list(categories, 'disjunction') }));
  if (segments) said.push(t('rule.segments', { names: format.list(segments.map((name) => word('segment', name)), 'disjunction') }));
  return [...said, ...scheduleWords(schedule, words)];
}

function scheduleWords(schedule: Schedule | undefined, words: Words): string[] {
  if (!schedule) return [];
  const { t, word, format } = words;
  const { from, until, weekdays, hours, occasions } = schedule;
  const said = [];
  const isDay = (text: string | undefined) => text !== undefined && !text.includes('T');
  if (from === until && isDay(from)) said.push(t('rule.on', { day: format.wallTime(from ?? '') }));
  else if (isDay(from) && isDay(until)) said.push(t('rule.days', { days: format.days(from ?? '', until ?? '', t('rule.to')) }));
  else {
    if (from !== undefined) said.push(t('rule.from', { time: format.wallTime(from) }));
    if (until !== undefined) said.push(t('rule.until', { time: format.wallTime(until) }));
  }
  if (occasions) said.push(t('rule.occasions', { names: format.list(occasions.map((name) => word('occasion', name)), 'disjunction') }));
  if (weekdays) said.push(t('rule.weekdays', { names: format.list(weekdays.map((day) => format.weekday(WEEKDAYS.findIndex((name) => name === day)))) }));
  if (hours) said.push(t('rule.hours', { from: hours[0], to: hours[1] }));
  return said;
}
