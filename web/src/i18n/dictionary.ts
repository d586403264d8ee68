import type { es } from './es';

export const LANGUAGES = ['es', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

export type Key = keyof typeof es;
export type Dictionary = Record<Key, string>;

/** Keys that come as a pair `x.one` and `x.other`, by their stem. */
export type PluralKey = Key extends infer K ? (K extends `${infer Stem}.one` ? Stem : never) : never;

export type Values = Record<string, string | number>;

export function fill(template: string, values: Values = {}): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
