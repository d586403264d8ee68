// What the carousel says by itself; reasons and titles come from the server.

/** @import { Locale } from './types.js' */

const es = {
  heading: 'Recomendado para ti',
  promotions: 'Promociones',
  previous: 'Ver anteriores',
  next: 'Ver siguientes',
  /** @type {(first: number, last: number, all: number) => string} */
  shown: (first, last, all) => `Del ${first} al ${last} de ${all}`,
  price: 'Precio',
  before: 'Antes',
  /** @type {(n: number) => string} */
  together: (n) => `Los ${n} juntos`,
  /** @type {(n: number) => string} */
  add: (n) => `Agregar los ${n} al carrito`,
};

/** @type {typeof es} */
const en = {
  heading: 'Recommended for you',
  promotions: 'Promotions',
  previous: 'See previous',
  next: 'See next',
  shown: (first, last, all) => `${first} to ${last} of ${all}`,
  price: 'Price',
  before: 'Was',
  together: (n) => `All ${n} together`,
  add: (n) => `Add all ${n} to cart`,
};

/** @type {Record<Locale, typeof es>} */
export const WORDS = { es, en };

/** @typedef {typeof es} Words */
