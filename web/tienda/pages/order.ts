import { make } from '../../../sdk/js/src/dom.js';
import { address } from '../address';
import { lastOrder } from '../cart';
import { happened } from '../events';
import { show } from '../money';
import { carousel, message } from '../parts';
import { t } from '../words';

export async function orderPage({ id }: { id: string }): Promise<HTMLElement> {
  const order = lastOrder(id);
  if (order === null) return message(t('unknownPage'), make('a', { class: 'button', href: address.home }, t('backHome')));
  void happened.pageViewed('order-confirmation');
  const lines = order.lines.map(({ name, quantity }) => make('li', {}, `${quantity} × ${name}`));
  return make(
    'div',
    {},
    make(
      'div',
      { class: 'thanks' },
      make('h1', {}, t('thanks')),
      make('p', {}, t('orderNumber', { id }), ' · ', make('b', {}, show(order.totals.total))),
      make('ul', {}, ...lines),
      make('p', { class: 'muted' }, t('orderHint')),
      make('a', { class: 'button', href: address.home }, t('keepShopping')),
    ),
    carousel({ page: 'order-confirmation' }),
  );
}
