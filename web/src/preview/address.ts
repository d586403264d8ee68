import { PLACEMENTS } from '../api/wire';
import type { Subject } from './use-preview';

/** The preview in the address, `#user=~3fa9…&placement=cart`, so that it survives a reload and can be passed on. */
export function readAddress(hash: string): Subject | null {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const user = parameters.get('user');
  if (!user) return null;
  const placement = PLACEMENTS.find((name) => name === parameters.get('placement')) ?? 'home';
  return { user, placement, context: null };
}

/** Only pseudonyms are written: a shop's own user id may be a mail address, and addresses end up in histories. */
export function addressOf({ user, placement }: Subject): string {
  if (!user.startsWith('~')) return '';
  return `#user=${user}&placement=${placement}`;
}

export function writeAddress(subject: Subject): void {
  history.replaceState(null, '', addressOf(subject) || location.pathname + location.search);
}
