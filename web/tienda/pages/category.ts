import { make } from '../../../sdk/js/src/dom.js';
import { getCategory } from '../api';
import { happened } from '../events';
import { carousel, grid, message } from '../parts';
import { t } from '../words';

export async function categoryPage({ name }: { name: string }): Promise<HTMLElement> {
  void happened.categoryViewed(name);
  const slate = await getCategory(name);
  if (slate.items.length === 0) return message(t('emptyCategory', { category: name }), carousel({ placement: 'home', heading: t('maybe') }));
  return make('div', {}, make('h1', {}, name), make('p', { class: 'muted' }, t('productsIn')), grid(slate));
}
