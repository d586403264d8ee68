/**
 * An element with its attributes and children. Attributes that are `null` or `false` are left out; there is no way to give it HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null | undefined>} attributes
 * @param {(Node | string | null)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * A link of the catalogue, if a page may follow it: `javascript:` and its like are not.
 * @param {string | undefined} link
 * @returns {string | null}
 */
export function safeLink(link) {
  if (!link) return null;
  try {
    return ['http:', 'https:'].includes(new URL(link, document.baseURI).protocol) ? link : null;
  } catch {
    return null;
  }
}
