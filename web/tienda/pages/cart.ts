import { picture } from '../../../sdk/js/src/cards.js';
import { make } from '../../../sdk/js/src/dom.js';
import { address } from '../address';
import { cartIds, cartLines, followCart, setQuantity, totalsOf, type CartLine, type Totals } from '../cart';
import { happened } from '../events';
import { show, times } from '../money';
import { carousel } from '../parts';
import { t } from '../words';

const QUANTITIES = 10;

export async function cartPage(): Promise<HTMLElement> {
  void happened.cartViewed();
  const goods = make('div', {});
  const rows = carousel({ page: 'cart', class: 'rows-cart' });
  const refresh = () => {
    const ids = cartIds().join(',');
    const at = goods.querySelector<HTMLElement>('.line:focus-within')?.dataset['product'];
    goods.replaceChildren(ids === '' ? empty() : filled());
    if (at !== undefined) goods.querySelector<HTMLElement>(`[data-product="${CSS.escape(at)}"] select`)?.focus();
    if (rows.getAttribute('cart') !== ids) rows.setAttribute('cart', ids);
  };
  refresh();
  followCart(goods, refresh);
  return make('div', {}, make('h1', {}, t('cart')), goods, rows);
}

function empty(): HTMLElement {
  return make('div', { class: 'empty' }, make('p', {}, make('b', {}, t('emptyCart'))), make('p', { class: 'muted' }, t('emptyCartHint')), make('a', { class: 'button', href: address.home }, t('keepShopping')));
}

function filled(): HTMLElement {
  const lines = cartLines();
  return make(
    'div',
    { class: 'cart' },
    make('ul', { class: 'lines', role: 'list' }, ...lines.map((line) => row(line))),
    summary(totalsOf(lines), make('a', { class: 'button button-primary', href: address.checkout }, t('checkout'))),
  );
}

function row(line: CartLine): HTMLElement {
  const { product_id, name, category, image_link, price, quantity } = line;
  const change = (n: number) => void setQuantity(product_id, n);
  const select = make('select', { 'aria-label': t('quantity', { name }) });
  for (let n = 1; n <= Math.max(QUANTITIES, quantity); n += 1) select.append(make('option', { value: n, selected: n === quantity }, String(n)));
  select.addEventListener('change', () => change(Number(select.value)));
  const remove = make('button', { class: 'link', type: 'button', 'aria-label': t('removeOf', { name }) }, t('remove'));
  remove.addEventListener('click', () => change(0));
  return make(
    'li',
    { class: 'line', 'data-product': product_id },
    make('span', { class: 'image' }, picture(image_link ?? undefined, name, category ?? name)),
    make('a', { href: address.product(product_id) }, name),
    make('span', { class: 'line-tools' }, select, remove),
    make('b', { class: 'amount' }, price === null ? '' : show(times(price, quantity))),
  );
}

export function summary(totals: Totals, ...action: Node[]): HTMLElement {
  const line = (name: string, amount: string, kind = '') => make('div', { class: kind }, make('dt', {}, name), make('dd', {}, amount));
  const { missing, shipping } = totals;
  const hint = missing === null ? t('freeReached') : t('missingForFree', { amount: show(missing) });
  return make(
    'section',
    { class: 'summary', 'aria-label': t('summary') },
    make('h2', {}, t('summary')),
    make('p', { class: missing === null ? 'hint reached' : 'hint' }, hint),
    make('progress', { max: 1, value: totals.share, 'aria-label': hint }),
    make('dl', {}, line(t('subtotal'), show(totals.subtotal)), line(t('shipping'), shipping.minor === 0 ? t('free') : show(shipping)), line(t('total'), show(totals.total), 'sum')),
    ...action,
  );
}
