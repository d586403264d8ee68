// A word about what just happened, read aloud and gone after a while.

import { make } from '../../sdk/js/src/dom.js';

const STAYS_MS = 6_000;

const toast = make('div', { class: 'toast', role: 'status' });
let timer: ReturnType<typeof setTimeout> | undefined;

/** What was said on one page is no news on the next. */
addEventListener('hashchange', () => toast.replaceChildren());

export function notify(text: string, link: HTMLAnchorElement | null = null): void {
  if (!toast.isConnected) document.body.append(toast);
  clearTimeout(timer);
  toast.replaceChildren(make('span', {}, text), ...(link === null ? [] : [link]));
  timer = setTimeout(() => toast.replaceChildren(), STAYS_MS);
}
