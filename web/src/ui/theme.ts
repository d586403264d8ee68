import { useEffect, useState } from 'react';

import { recall, remember } from './memory';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => recall('theme', THEMES, 'auto'));
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
    remember('theme', theme);
  }, [theme]);
  const next = () => setTheme((now) => THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] ?? 'auto');
  return [theme, next];
}
