import { carousel, skeletons } from './carousel.js';
import { make } from './dom.js';
import { clickOf, impressionsOf, send } from './events.js';
import { ask, requestOf, rowsOf } from './request.js';
import { whenSeen } from './seen.js';
import { ATTRIBUTES, settingsOf } from './settings.js';
import css from './styles.css?inline';

/** @import { Bundle, Click, Row, Settings } from './types.js' */

// Constructed, not inline: the shop's content security policy needs no exception.
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/**
 * What stands in the attribute `state`: `loading`, `loaded`, `kept` (no answer, what the shop rendered stays) or `hidden` (nothing to show).
 */
export class VitrinaCarousel extends HTMLElement {
  static observedAttributes = ATTRIBUTES;

  #root = this.attachShadow({ mode: 'open' });
  #slot = document.createElement('slot');
  #boxes = make('div', { 'aria-hidden': 'true' });
  /** Of the request under way. */
  #stop = new AbortController();
  #isScheduled = false;
  /** @type {(() => void)[]} */
  #watches = [];
  #hasContent = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    // What the shop's server rendered may be parsed after the element itself.
    this.#slot.addEventListener('slotchange', () => {
      if (this.getAttribute('state') === 'loading') this.#wait();
    });
  }

  connectedCallback() {
    if (!this.#hasContent) this.#wait();
    this.refresh();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#unwatch();
  }

  /**
   * @param {string} _name
   * @param {string | null} before
   * @param {string | null} after
   */
  attributeChangedCallback(_name, before, after) {
    if (this.isConnected && before !== after) this.refresh();
  }

  /** Asks anew, once for all calls and changed attributes of one moment. */
  refresh() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.isConnected) void this.#load();
    });
  }

  async #load() {
    this.#stop.abort();
    const stop = new AbortController();
    this.#stop = stop;
    const settings = settingsOf(this);
    const { timeoutMs } = settings;
    const timer = setTimeout(() => stop.abort(new Error(`no answer within ${timeoutMs} ms; the attribute timeout-ms sets how long to wait`)), timeoutMs);
    try {
      const rows = rowsOf(settings, await ask(requestOf(settings), stop.signal));
      if (stop !== this.#stop) return;
      this.#show(rows, settings);
    } catch (error) {
      if (stop === this.#stop && this.isConnected) this.#fail(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What the shop rendered, or boxes of the size of what is to come. */
  #wait() {
    const rows = Number(getComputedStyle(this).getPropertyValue('--vitrina-rows')) || 1;
    this.#boxes.replaceChildren(...(this.childElementCount > 0 ? [] : skeletons(rows)));
    // A slot that is put in anew changes, which would bring us here again.
    if (!this.#slot.isConnected) this.#root.replaceChildren(this.#slot, this.#boxes);
    this.setAttribute('state', 'loading');
  }

  /**
   * @param {Row[]} rows
   * @param {Settings} settings
   */
  #show(rows, settings) {
    this.#unwatch();
    const focused = this.#focused();
    const handlers = {
      /** @type {(event: MouseEvent, click: Click) => void} */
      onClick: (event, click) => this.#clicked(event, click, settings),
      /** @type {(bundle: Bundle, row: Row) => void} */
      onAdd: (bundle, row) => this.#tell('vitrina:add', { ...bundle, recommendation_id: row.recommendation_id, placement: row.placement }),
    };
    const sections = rows.map((row) => carousel(row, settings, handlers));
    this.#hasContent = rows.length > 0;
    this.#root.replaceChildren(...sections);
    this.setAttribute('state', rows.length > 0 ? 'loaded' : 'hidden');
    if (focused) /** @type {HTMLElement | null} */ (this.#root.querySelector(focused))?.focus();
    this.#watches = rows.map((row, i) => {
      const section = /** @type {HTMLElement} */ (sections[i]);
      return whenSeen(section, row.recommendation_id, () => send(impressionsOf(row, settings), settings));
    });
    this.#tell('vitrina:loaded', { rows });
  }

  /** @returns {string | null} where the focus is, for it to be there again in the next content */
  #focused() {
    const card = this.#root.activeElement?.closest('li');
    const section = card?.closest('section');
    if (!card || !section) return null;
    const at = [...(card.parentElement?.children ?? [])].indexOf(card);
    return `section:nth-of-type(${[...this.#root.children].indexOf(section) + 1}) li:nth-of-type(${at + 1}) > .link`;
  }

  /** @param {unknown} error */
  #fail(error) {
    // What was shown before is still good; so is what the shop rendered.
    if (!this.#hasContent) {
      this.#root.replaceChildren(this.#slot);
      this.setAttribute('state', this.childElementCount > 0 ? 'kept' : 'hidden');
    }
    this.#tell('vitrina:error', { error });
  }

  /**
   * @param {MouseEvent} event
   * @param {Click} click
   * @param {Settings} settings
   */
  #clicked(event, click, settings) {
    send([clickOf(click, settings)], settings);
    // A click that opens a new tab is the browser's.
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const mayGo = this.#tell('vitrina:click', { ...click }, isPlain);
    if (!mayGo) event.preventDefault();
  }

  /**
   * @param {string} name
   * @param {object} detail
   * @returns {boolean} `false` when somebody prevented what would follow
   */
  #tell(name, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  }

  #unwatch() {
    for (const stop of this.#watches) stop();
    this.#watches = [];
  }
}
