import { make } from '../../sdk/js/src/dom.js';
import { address, readAddress } from './address';
import { getCategories } from './api';
import { cartCount, followCart } from './cart';
import { persona } from './persona';
import { LANGUAGES, currentLanguage, setLanguage, t } from './words';

interface Handlers {
  onLanguage: () => void;
  onShopper: () => void;
}

export function header({ onLanguage, onShopper }: Handlers): HTMLElement {
  return make(
    'header',
    { class: 'header' },
    make(
      'div',
      { class: 'bar' },
      make('a', { class: 'brand', href: address.home }, make('img', { src: '/favicon.svg', alt: '', width: 28, height: 28 }), t('shop')),
      searchBox(),
      make('div', { class: 'tools' }, persona(onShopper), languageSwitch(onLanguage), cartLink()),
    ),
    categories(),
  );
}

function searchBox(): HTMLElement {
  const route = readAddress(location.hash);
  const input = make('input', { type: 'search', name: 'q', 'aria-label': t('search'), placeholder: t('search'), maxlength: 200, value: route.page === 'search' ? route.q : null });
  const form = make('form', { class: 'search', role: 'search' }, input, make('button', { class: 'button', type: 'submit' }, t('searchButton')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const q = input.value.trim();
    if (q) location.hash = address.search(q);
  });
  return form;
}

function languageSwitch(onLanguage: () => void): HTMLElement {
  const next = LANGUAGES.find((language) => language !== currentLanguage()) ?? 'es';
  const button = make('button', { class: 'quiet', type: 'button', lang: next }, t('language'));
  button.addEventListener('click', () => {
    setLanguage(next);
    onLanguage();
  });
  return button;
}

function cartLink(): HTMLElement {
  const count = make('span', { class: 'count', 'aria-hidden': 'true' });
  const link = make('a', { class: 'quiet cart-link', href: address.cart }, t('cart'), count);
  const refresh = () => {
    const n = cartCount();
    count.textContent = String(n);
    link.setAttribute('aria-label', t('cartOf', { n }));
  };
  refresh();
  followCart(link, refresh);
  return link;
}

/** The row has its height before it has its links. */
function categories(): HTMLElement {
  const list = make('ul', { role: 'list' }, make('li', {}, make('a', { href: address.home }, t('home'))));
  void getCategories()
    .then((names) => list.append(...names.map((name) => make('li', {}, make('a', { href: address.category(name) }, name)))))
    .catch(() => {
      // The page itself says that the shop does not answer.
    });
  return make('nav', { class: 'categories', 'aria-label': t('categories') }, list);
}
