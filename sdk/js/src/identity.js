// Who the visitor is: a random id that this browser keeps, for as long as the visitor lets it.

const KEY = 'vitrina.anonymous_id';

/** Where storage is refused, the id lasts as long as the page. */
let inMemory = '';

/** @returns {string} 32 random hexadecimal digits; `crypto.randomUUID` is missing on pages without TLS. */
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @returns {string} the id that this browser keeps, made on the first call */
export function anonymousId() {
  try {
    const kept = localStorage.getItem(KEY) || inMemory || randomId();
    localStorage.setItem(KEY, kept);
    return kept;
  } catch {
    inMemory ||= randomId();
    return inMemory;
  }
}

/** For visitors who do not want to be recognised, and for a shop's "start over". */
export function forget() {
  inMemory = '';
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Where storage is refused there is nothing to remove.
  }
}

/** @returns {boolean} does the browser itself say that its user is not to be tracked? */
export function isPrivacyAsked() {
  return /** @type {{globalPrivacyControl?: boolean}} */ (navigator).globalPrivacyControl === true;
}
