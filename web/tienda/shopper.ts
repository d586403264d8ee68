// Who shops: a user of the shop, or a visitor under the random id that the carousels keep too.

import { anonymousId, forget, isPrivacyAsked } from '../../sdk/js/src/identity.js';

const USER = 'tienda.user';
const REFUSED = 'tienda.no_tracking';

export function currentUser(): string | null {
  return localStorage.getItem(USER);
}

/** `null` starts over as a visitor whom nobody has met. */
export function shopAs(user: string | null): void {
  forget();
  if (user === null) localStorage.removeItem(USER);
  else localStorage.setItem(USER, user);
}

export function isTracked(): boolean {
  return !isPrivacyAsked() && localStorage.getItem(REFUSED) === null;
}

export function setTracked(isAllowed: boolean): void {
  if (isAllowed) localStorage.removeItem(REFUSED);
  else localStorage.setItem(REFUSED, 'true');
}

/** Nobody, where nothing may be kept. */
export function who(): { user_id?: string; anonymous_id?: string } {
  if (!isTracked()) return {};
  const user = currentUser();
  return user === null ? { anonymous_id: anonymousId() } : { user_id: user, anonymous_id: anonymousId() };
}
