import { picture } from '../../../sdk/js/src/cards.js';
import { discountPercent } from '../../../sdk/js/src/discount.js';
import { make } from '../../../sdk/js/src/dom.js';
import { address } from '../address';
import { getProduct, type Product } from '../api';
import { addToCart, freeShippingFrom } from '../cart';
import { happened } from '../events';
import { parseMoney, show } from '../money';
import { carousel, message, prices } from '../parts';
import { notify } from '../toast';
import { t } from '../words';

const FEW = 5;

export async function productPage({ id }: { id: string }): Promise<HTMLElement> {
  const product = await getProduct(id);
  if (product === null) return message(t('unknownProduct', { id }), carousel({ placement: 'home', heading: t('maybe') }));
  await happened.productViewed(id);
  return make('div', {}, crumbs(product), make('article', { class: 'product' }, photo(product), facts(product)), carousel({ page: 'product', 'product-id': id, class: 'rows-product' }));
}

function crumbs({ category = [] }: Product): HTMLElement {
  const steps = [make('li', {}, make('a', { href: address.home }, t('home'))), ...category.map((name) => make('li', {}, make('a', { href: address.category(name) }, name)))];
  return make('nav', { class: 'crumbs', 'aria-label': t('crumbs') }, make('ol', { role: 'list' }, ...steps));
}

function photo({ image_link, category, name }: Product): HTMLElement {
  const image = picture(image_link, name, category?.at(-1) ?? name);
  image.removeAttribute('loading');
  return make('div', { class: 'image' }, image);
}

function facts(product: Product): HTMLElement {
  const [price, before] = [product.price, product.list_price].map((text) => (text === undefined ? null : parseMoney(text)));
  const percent = price && before ? discountPercent(show(price), show(before)) : 0;
  const isAvailable = product.availability === 'in_stock' && product.stock !== 0;
  return make(
    'div',
    { class: 'facts' },
    product.brand ? make('p', { class: 'muted' }, product.brand) : null,
    make('h1', {}, product.name),
    make('p', { class: 'big-price' }, prices(price ? show(price) : undefined, percent > 0 && before ? show(before) : undefined), percent > 0 ? make('span', { class: 'badge' }, `-${percent}%`) : null),
    make('p', { class: isAvailable ? 'stock' : 'stock out' }, stockText(product, isAvailable)),
    addButton(product, isAvailable),
    price ? make('p', { class: 'muted' }, t('deliveryFree', { amount: show(freeShippingFrom(price)) })) : null,
    product.description ? make('p', { class: 'description' }, product.description) : null,
    details(product),
  );
}

function stockText({ stock }: Product, isAvailable: boolean): string {
  if (!isAvailable) return t('outOfStock');
  return stock !== undefined && stock <= FEW ? t('lastUnits', { n: stock }) : t('inStock');
}

function addButton(product: Product, isAvailable: boolean): HTMLElement {
  const button = make('button', { class: 'button button-primary', type: 'button', disabled: !isAvailable }, t('addToCart'));
  button.addEventListener('click', () => {
    void addToCart([product]);
    notify(t('added', { name: product.name }), make('a', { href: address.cart }, t('seeCart')));
  });
  return button;
}

function details({ product_id, attributes = {} }: Product): HTMLElement {
  const rows = [[t('code'), product_id] as const, ...Object.entries(attributes)];
  return make('dl', { class: 'details', 'aria-label': t('details') }, ...rows.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
}
