import { createContext, use, useEffect, useMemo, useState, type ReactNode } from 'react';

import { formatFor, type Format } from '../format';
import { recall, remember } from '../ui/memory';
import { fill, LANGUAGES, type Dictionary, type Key, type Language, type PluralKey, type Values } from './dictionary';
import { en } from './en';
import { es } from './es';

export const DICTIONARIES: Record<Language, Dictionary> = { es, en };
const TAGS: Record<Language, string> = { es: 'es-PE', en: 'en' };

export interface Words {
  language: Language;
  t(key: Key, values?: Values): string;
  /** The form of `key` that fits `n`, which fills `{n}` in; `values` the rest. */
  count(key: PluralKey, n: number, values?: Values): string;
  /** A word that the server chose, such as a kind or a source: its raw text where this page is older than the server. */
  word(prefix: string, code: string, values?: Values): string;
  format: Format;
}

interface SwitchableWords extends Words {
  setLanguage(language: Language): void;
}

const Context = createContext<SwitchableWords | null>(null);

export function wordsFor(language: Language, timeZone: string): Words {
  const dictionary = DICTIONARIES[language];
  const plural = new Intl.PluralRules(TAGS[language]);
  const format = formatFor(language, timeZone);
  return {
    language,
    format,
    t: (key, values) => fill(dictionary[key], values),
    count(key, n, values) {
      const form = plural.select(n) === 'one' ? 'one' : 'other';
      return fill(dictionary[`${key}.${form}` as Key], { ...values, n: format.integer(n) });
    },
    word(prefix, code, values) {
      const known = dictionary[`${prefix}.${code}` as Key] as string | undefined;
      return known === undefined ? code.replaceAll('_', ' ') : fill(known, values);
    },
  };
}

export function LanguageProvider({ timeZone, children }: { timeZone: string; children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(() => recall('language', LANGUAGES, 'es'));
  useEffect(() => {
    document.documentElement.lang = TAGS[language];
    remember('language', language);
  }, [language]);
  const value = useMemo(() => ({ ...wordsFor(language, timeZone), setLanguage }), [language, timeZone]);
  return <Context value={value}>{children}</Context>;
}

export function useWords(): SwitchableWords {
  const words = use(Context);
  if (!words) throw new Error('useWords outside LanguageProvider');
  return words;
}
