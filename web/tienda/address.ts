// What the page shows is in the address behind `#`.

export type Route =
  | { page: 'home' }
  | { page: 'product'; id: string }
  | { page: 'category'; name: string }
  | { page: 'search'; q: string }
  | { page: 'cart' }
  | { page: 'checkout' }
  | { page: 'order'; id: string }
  | { page: 'unknown' };

export function readAddress(hash: string): Route {
  const [kind = '', ...rest] = hash.replace(/^#\/?/, '').split('/');
  const name = decode(rest.join('/'));
  if (kind === '') return { page: 'home' };
  if (kind === 'producto' && name) return { page: 'product', id: name };
  if (kind === 'categoria' && name) return { page: 'category', name };
  if (kind === 'buscar' && name) return { page: 'search', q: name };
  if (kind === 'carrito') return { page: 'cart' };
  if (kind === 'compra') return { page: 'checkout' };
  if (kind === 'pedido' && name) return { page: 'order', id: name };
  return { page: 'unknown' };
}

/** An address that somebody cut short may end within an escape. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const address = {
  home: '#/',
  cart: '#/carrito',
  checkout: '#/compra',
  product: (id: string) => `#/producto/${encodeURIComponent(id)}`,
  category: (name: string) => `#/categoria/${encodeURIComponent(name)}`,
  search: (q: string) => `#/buscar/${encodeURIComponent(q)}`,
  order: (id: string) => `#/pedido/${encodeURIComponent(id)}`,
};
