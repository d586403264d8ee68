// Spanish of Peru is the language that the other follows. `{name}` is filled in.

const es = {
  shop: 'La Vitrina',
  skip: 'Ir al contenido',
  home: 'Inicio',
  categories: 'Categorías',
  search: 'Buscar productos',
  searchButton: 'Buscar',
  cart: 'Carrito',
  cartOf: 'Carrito, {n} productos',
  language: 'English',
  sample: 'Tienda de muestra: no se cobra ni se envía nada.',

  shopAs: 'Comprar como',
  visitor: 'Visitante',
  personaHint: 'Elige quién compra y mira cómo cambia la tienda.',
  startOver: 'Empezar como visitante nuevo',
  userId: 'Id de usuario',
  use: 'Usar',
  recentUsers: 'Usuarios recientes',
  interactions: '{n} interacciones',
  noTracking: 'Sin seguimiento: no se registra nada',
  privacyAsked: 'Tu navegador pide no ser rastreado: no se registra nada.',

  heroTitle: 'Todo para tu casa, elegido para ti',
  heroText: 'Mientras más miras, mejor te conoce la tienda.',
  heroUser: 'Hola, {user}. Esto es lo que elegimos para ti.',

  crumbs: 'Ruta',
  addToCart: 'Agregar al carrito',
  added: 'Se agregó al carrito: {name}',
  addedMany: 'Se agregaron {n} productos al carrito',
  seeCart: 'Ver carrito',
  inStock: 'Disponible',
  outOfStock: 'Agotado',
  lastUnits: 'Últimas {n} unidades',
  before: 'Antes',
  details: 'Detalles',
  brand: 'Marca',
  code: 'Código',
  deliveryFree: 'Envío gratis desde {amount}',
  unknownProduct: 'No encontramos el producto «{id}»',
  unknownPage: 'Esta página no existe',
  backHome: 'Volver al inicio',

  results: '{n} resultados de «{q}»',
  corrected: 'Mostramos resultados de «{to}» en lugar de «{from}».',
  unknownWords: 'Nada en la tienda se parece a «{words}».',
  noResults: 'No encontramos nada de «{q}»',
  maybe: 'Quizá te interese',
  productsIn: 'Los más elegidos de esta categoría, para ti primero.',
  emptyCategory: 'No hay productos en «{category}»',

  emptyCart: 'Tu carrito está vacío',
  emptyCartHint: 'Cuando agregues un producto lo verás aquí.',
  quantity: 'Cantidad de {name}',
  remove: 'Quitar',
  removeOf: 'Quitar {name}',
  summary: 'Resumen',
  subtotal: 'Subtotal',
  shipping: 'Envío',
  free: 'Gratis',
  total: 'Total',
  missingForFree: 'Agrega {amount} más y el envío es gratis.',
  freeReached: '¡Tu envío es gratis!',
  checkout: 'Ir a pagar',

  checkoutTitle: 'Finalizar compra',
  checkoutHint: 'Es una muestra: no escribas datos reales. Nada de este formulario sale de tu navegador.',
  name: 'Nombre',
  district: 'Distrito',
  payment: 'Medio de pago',
  card: 'Tarjeta',
  wallet: 'Billetera móvil',
  cash: 'Contra entrega',
  pay: 'Pagar {amount}',
  thanks: '¡Gracias por tu compra!',
  orderNumber: 'Pedido {id}',
  orderHint: 'La próxima página ya sabe lo que compraste.',
  keepShopping: 'Seguir comprando',

  failed: 'La tienda no responde: {detail}',
  failedRows: 'No se pudieron cargar las recomendaciones: {detail}',
  retry: 'Reintentar',
};

export type Key = keyof typeof es;

const en: Record<Key, string> = {
  shop: 'La Vitrina',
  skip: 'Skip to content',
  home: 'Home',
  categories: 'Categories',
  search: 'Search products',
  searchButton: 'Search',
  cart: 'Cart',
  cartOf: 'Cart, {n} products',
  language: 'Español',
  sample: 'Sample shop: nothing is charged or shipped.',

  shopAs: 'Shop as',
  visitor: 'Visitor',
  personaHint: 'Choose who shops and see how the shop changes.',
  startOver: 'Start over as a new visitor',
  userId: 'User id',
  use: 'Use',
  recentUsers: 'Recent users',
  interactions: '{n} interactions',
  noTracking: 'No tracking: nothing is recorded',
  privacyAsked: 'Your browser asks not to be tracked: nothing is recorded.',

  heroTitle: 'Everything for your home, picked for you',
  heroText: 'The more you look, the better the shop knows you.',
  heroUser: 'Hello, {user}. This is what we picked for you.',

  crumbs: 'Breadcrumbs',
  addToCart: 'Add to cart',
  added: 'Added to the cart: {name}',
  addedMany: 'Added {n} products to the cart',
  seeCart: 'See cart',
  inStock: 'In stock',
  outOfStock: 'Out of stock',
  lastUnits: 'Last {n} units',
  before: 'Was',
  details: 'Details',
  brand: 'Brand',
  code: 'Code',
  deliveryFree: 'Free shipping from {amount}',
  unknownProduct: 'There is no product “{id}”',
  unknownPage: 'There is no such page',
  backHome: 'Back to the start',

  results: '{n} results for “{q}”',
  corrected: 'Showing results for “{to}” instead of “{from}”.',
  unknownWords: 'Nothing in the shop comes near “{words}”.',
  noResults: 'Nothing found for “{q}”',
  maybe: 'You may like',
  productsIn: 'What people choose most here, yours first.',
  emptyCategory: 'There are no products in “{category}”',

  emptyCart: 'Your cart is empty',
  emptyCartHint: 'What you add will be here.',
  quantity: 'Quantity of {name}',
  remove: 'Remove',
  removeOf: 'Remove {name}',
  summary: 'Summary',
  subtotal: 'Subtotal',
  shipping: 'Shipping',
  free: 'Free',
  total: 'Total',
  missingForFree: 'Add {amount} more and shipping is free.',
  freeReached: 'Your shipping is free!',
  checkout: 'Check out',

  checkoutTitle: 'Check out',
  checkoutHint: 'This is a sample: do not write real data. Nothing in this form leaves your browser.',
  name: 'Name',
  district: 'District',
  payment: 'Payment',
  card: 'Card',
  wallet: 'Mobile wallet',
  cash: 'On delivery',
  pay: 'Pay {amount}',
  thanks: 'Thank you for your order!',
  orderNumber: 'Order {id}',
  orderHint: 'The next page already knows what you bought.',
  keepShopping: 'Keep shopping',

  failed: 'The shop does not answer: {detail}',
  failedRows: 'The recommendations could not be loaded: {detail}',
  retry: 'Try again',
};

export const LANGUAGES = ['es', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

export const DICTIONARIES: Record<Language, Record<Key, string>> = { es, en };
const TAGS: Record<Language, string> = { es: 'es-PE', en: 'en-PE' };

const KEPT = 'tienda.language';
let language: Language = 'es';

export function startLanguage(): void {
  setLanguage(localStorage.getItem(KEPT) === 'en' ? 'en' : 'es');
}

export function setLanguage(next: Language): void {
  language = next;
  localStorage.setItem(KEPT, next);
  document.documentElement.lang = tag();
}

export function currentLanguage(): Language {
  return language;
}

/** For numbers, dates and the page itself. */
export function tag(): string {
  return TAGS[language];
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return DICTIONARIES[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
