// Numbers, money and times as the reader's language writes them, and always on the shop's clock.

import type { Money } from './api/wire';
import type { Language } from './i18n/dictionary';

/** What stands where there is nothing to show. */
export const NOTHING = '–';

const TAGS: Record<Language, string> = { es: 'es-PE', en: 'en-US' };

export interface Format {
  integer(value: number): string;
  /** Three significant digits: scores, rates, metrics. */
  decimal(value: number): string;
  percent(share: number): string;
  /** Without decimals, and 100% only of everything, 0% only of nothing. */
  wholePercent(share: number): string;
  milliseconds(value: number): string;
  money(value: Money | null | undefined): string;
  /** What the page computed, or the server as a bare number. */
  amount(major: number, currency: string): string;
  /** With its sign. */
  difference(value: number): string;
  /** `10:05:09`, with the day before it when that is not today. */
  clock(iso: string, now: Date): string;
  /** The full date and time. */
  moment(iso: string): string;
  /** A day as the calendar has it, `2026-07-29`, of no time zone. */
  day(date: string): string;
  /** A day, or a day and a time, of the shop's wall clock. */
  wallTime(text: string): string;
  /** From one day to another, with `to` between them: `1 al 15 de diciembre de 2026`. */
  days(from: string, until: string, to: string): string;
  /** What the shop's clock shows, as `2026-11-27T18:00:00`. */
  wallClock(at: Date): string;
  /** `lunes`; 0 is Monday. */
  weekday(number: number): string;
  list(names: readonly string[], type?: 'conjunction' | 'disjunction'): string;
  /** `hace 3 s` */
  ago(iso: string, now: Date): string;
  secondsAgo(seconds: number): string;
}

export function formatFor(language: Language, timeZone: string): Format {
  const tag = TAGS[language];
  const zone = isTimeZone(timeZone) ? timeZone : 'UTC';
  const integer = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 });
  const signed = new Intl.NumberFormat(tag, { maximumFractionDigits: 0, signDisplay: 'exceptZero' });
  const decimal = new Intl.NumberFormat(tag, { maximumSignificantDigits: 3 });
  const percent = new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 1 });
  const wholePercent = new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 0 });
  const calendarDay = new Intl.DateTimeFormat(tag, { timeZone: 'UTC', day: 'numeric', month: 'short' });
  const time = new Intl.DateTimeFormat(tag, {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  const shortDay = new Intl.DateTimeFormat(tag, { timeZone: zone, day: 'numeric', month: 'short' });
  const year = new Intl.DateTimeFormat(tag, { timeZone: zone, day: 'numeric', month: 'short', year: 'numeric' });
  const full = new Intl.DateTimeFormat(tag, { timeZone: zone, dateStyle: 'medium', timeStyle: 'medium' });
  const longDay = new Intl.DateTimeFormat(tag, { timeZone: 'UTC', dateStyle: 'long' });
  const longTime = new Intl.DateTimeFormat(tag, { timeZone: 'UTC', dateStyle: 'long', timeStyle: 'short', hourCycle: 'h23' });
  const weekday = new Intl.DateTimeFormat(tag, { timeZone: 'UTC', weekday: 'long' });
  // Swedes write times as ISO does.
  const wallClock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const relative = new Intl.RelativeTimeFormat(tag, { style: 'narrow' });
  const present = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' }).format(0, 'second');

  const secondsAgo = (seconds: number): string => {
    const [value, unit] = inLargestUnit(Math.max(0, seconds));
    return value === 0 ? present : relative.format(-value, unit);
  };

  return {
    integer: (value) => integer.format(value),
    decimal: (value) => decimal.format(value),
    percent: (share) => percent.format(share),
    wholePercent: (share) => wholePercent.format(share <= 0 || share >= 1 ? share : Math.min(0.99, Math.max(0.01, share))),
    milliseconds: (value) => `${decimal.format(value)} ms`,
    money: (value) => money(value, tag),
    amount: (major, currency) => new Intl.NumberFormat(tag, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(major),
    difference: (value) => signed.format(value),
    clock(iso, now) {
      const at = parse(iso);
      if (!at) return NOTHING;
      if (year.format(at) === year.format(now)) return time.format(at);
      return at.getUTCFullYear() === now.getUTCFullYear() ? shortDay.format(at) : year.format(at);
    },
    moment(iso) {
      const at = parse(iso);
      return at ? full.format(at) : NOTHING;
    },
    day(date) {
      const at = parse(`${date}T00:00:00Z`);
      return at ? calendarDay.format(at) : NOTHING;
    },
    wallTime(text) {
      const isDay = !text.includes('T');
      const at = parse(isDay ? `${text}T00:00:00Z` : `${text}Z`);
      return at ? (isDay ? longDay : longTime).format(at) : text;
    },
    days(from, until, to) {
      const [first, last] = [parse(`${from}T00:00:00Z`), parse(`${until}T00:00:00Z`)];
      return first && last ? longDay.formatRange(first, last).replace(/\s*–\s*/u, ` ${to} `) : NOTHING;
    },
    wallClock: (at) => wallClock.format(at).replace(' ', 'T'),
    weekday: (number) => weekday.format(Date.UTC(2024, 0, 1 + number)),
    list: (names, type = 'conjunction') => new Intl.ListFormat(tag, { type }).format(names),
    ago(iso, now) {
      const at = parse(iso);
      return at ? secondsAgo((now.getTime() - at.getTime()) / 1000) : NOTHING;
    },
    secondsAgo,
  };
}

function money(value: Money | null | undefined, tag: string): string {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === 'string') return value;
  if (value.formatted) return value.formatted;
  const format = new Intl.NumberFormat(tag, { style: 'currency', currency: value.currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(value.minor / 10 ** digits);
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

function inLargestUnit(seconds: number): [number, Intl.RelativeTimeFormatUnit] {
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return [Math.floor(seconds / length), unit];
  }
  return [Math.floor(seconds), 'second'];
}

function parse(iso: string): Date | null {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? null : at;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** `~3fa9c1…` for a pseudonym; anything else as it is. */
export function shortUser(user: string): string {
  return /^~[0-9a-f]{12,}$/i.test(user) ? `${user.slice(0, 7)}…` : user;
}

/** The name, or the id where the catalogue has none. */
export function productName(name: string | null | undefined, productId: string): string {
  return name?.trim() || productId;
}
