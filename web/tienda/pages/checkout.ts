import { make } from '../../../sdk/js/src/dom.js';
import { address } from '../address';
import { cartLines, placeOrder, totalsOf } from '../cart';
import { happened } from '../events';
import { show } from '../money';
import { message } from '../parts';
import { t } from '../words';
import { summary } from './cart';

export async function checkoutPage(): Promise<HTMLElement> {
  const lines = cartLines();
  if (lines.length === 0) return message(t('emptyCart'), make('a', { class: 'button', href: address.home }, t('keepShopping')));
  void happened.checkoutStarted();
  const totals = totalsOf(lines);
  const pay = make('button', { class: 'button button-primary', type: 'submit' }, t('pay', { amount: show(totals.total) }));
  const form = make(
    'form',
    { class: 'checkout', autocomplete: 'off' },
    make('p', { class: 'muted' }, t('checkoutHint')),
    make('label', {}, t('name'), make('input', { name: 'name', value: 'Rosa Quispe' })),
    make('label', {}, t('district'), make('input', { name: 'district', value: 'Miraflores, Lima' })),
    make('label', {}, t('payment'), make('select', { name: 'payment' }, ...[t('card'), t('wallet'), t('cash')].map((name) => make('option', {}, name)))),
    pay,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    pay.disabled = true;
    void placeOrder().then(({ order_id }) => {
      location.hash = address.order(order_id);
    });
  });
  return make('div', {}, make('h1', {}, t('checkoutTitle')), make('div', { class: 'cart' }, form, summary(totals)));
}
