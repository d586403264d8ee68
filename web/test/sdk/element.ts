// An element with nothing but attributes, and as much of a browser as the pure parts touch.

import { vi } from 'vitest';

export function stubBrowser(kept: Record<string, string> = {}, globalPrivacyControl = false): void {
  vi.stubGlobal('localStorage', storage(kept));
  vi.stubGlobal('navigator', { globalPrivacyControl });
}

export function elementWith(attributes: Record<string, string>, lang = 'es-PE'): Element {
  const element = {
    getAttribute: (name: string) => attributes[name] ?? null,
    hasAttribute: (name: string) => name in attributes,
    closest: () => ({ getAttribute: () => lang }),
  };
  return element as unknown as Element;
}

function storage(kept: Record<string, string>): Storage {
  const items = new Map(Object.entries(kept));
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  return storage as Storage;
}
