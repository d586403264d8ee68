// A sample shop around the carousels: what an integrator would build, with real events.

import '../../sdk/js/vitrina-carousel.js';
import '../../sdk/js/vitrina-carousel.css';
import '../../sdk/js/src/tints.css';
import './styles/tokens.css';
import './styles/page.css';
import './styles/header.css';
import './styles/goods.css';
import './styles/cart.css';

import { make } from '../../sdk/js/src/dom.js';
import type { Bundle, Click } from '../../sdk/js/src/types.js';
import { address, readAddress, type Route } from './address';
import { getProduct } from './api';
import { addToCart, emptyCart } from './cart';
import { attribute, forgetAttributions } from './events';
import { header } from './header';
import { cartPage } from './pages/cart';
import { categoryPage } from './pages/category';
import { checkoutPage } from './pages/checkout';
import { homePage } from './pages/home';
import { orderPage } from './pages/order';
import { productPage } from './pages/product';
import { searchPage } from './pages/search';
import { message } from './parts';
import { startLanguage, t } from './words';
import { notify } from './toast';

const PAGES: { [Page in Route['page']]: (route: Extract<Route, { page: Page }>) => Promise<HTMLElement> } = {
  home: homePage,
  product: productPage,
  category: categoryPage,
  search: searchPage,
  cart: cartPage,
  checkout: checkoutPage,
  order: orderPage,
  unknown: async () => message(t('unknownPage'), make('a', { class: 'button', href: address.home }, t('backHome'))),
};

const main = make('main', { id: 'content', tabindex: -1 });
const footer = make('footer', {});
/** Pages that were begun; only the last one is shown. */
let visits = 0;

async function render(): Promise<void> {
  visits += 1;
  const visit = visits;
  const route = readAddress(location.hash);
  main.setAttribute('aria-busy', 'true');
  let page: HTMLElement;
  try {
    page = await (PAGES[route.page] as (route: Route) => Promise<HTMLElement>)(route);
  } catch (error) {
    const retry = make('button', { class: 'button', type: 'button' }, t('retry'));
    retry.addEventListener('click', () => void render());
    page = message(t('failed', { detail: error instanceof Error ? error.message : String(error) }), retry);
  }
  if (visit !== visits) return;
  main.replaceChildren(page);
  main.removeAttribute('aria-busy');
  const heading = page.querySelector('h1')?.textContent;
  document.title = route.page === 'home' || !heading ? t('shop') : `${heading} · ${t('shop')}`;
}

function frame(): void {
  const skip = make('a', { class: 'skip', href: '#content' }, t('skip'));
  skip.addEventListener('click', (event) => {
    // The address behind `#` is the page's own.
    event.preventDefault();
    main.focus();
  });
  footer.replaceChildren(make('p', {}, t('sample')));
  document.body.replaceChildren(skip, header({ onLanguage: restart, onShopper: startOver }), main, footer);
}

function restart(): void {
  frame();
  void render();
}

/** Another shopper brings neither the cart nor the clicks of the one before. */
function startOver(): void {
  emptyCart();
  forgetAttributions();
  location.hash = address.home;
  restart();
}

addEventListener('hashchange', () => {
  scrollTo(0, 0);
  void render().then(() => main.focus({ preventScroll: true }));
});

document.addEventListener('vitrina:click', (event) => {
  const { product_id, recommendation_id } = (event as CustomEvent<Click>).detail;
  if (product_id !== undefined) attribute([product_id], recommendation_id);
});

document.addEventListener('vitrina:add', (event) => {
  const { product_ids, recommendation_id } = (event as CustomEvent<Bundle & { recommendation_id: string }>).detail;
  attribute(product_ids, recommendation_id);
  void Promise.all(product_ids.map(getProduct))
    .then((products) => addToCart(products.filter((product) => product !== null)))
    .then(() => notify(t('addedMany', { n: product_ids.length })))
    .catch((error: unknown) => notify(t('failed', { detail: String(error) })));
});

document.addEventListener('vitrina:error', (event) => {
  const { error } = (event as CustomEvent<{ error: Error }>).detail;
  notify(t('failedRows', { detail: error.message }));
});

startLanguage();
restart();
