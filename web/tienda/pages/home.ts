import { make } from '../../../sdk/js/src/dom.js';
import { happened } from '../events';
import { carousel } from '../parts';
import { shortName } from '../persona';
import { currentUser } from '../shopper';
import { t } from '../words';

export async function homePage(): Promise<HTMLElement> {
  void happened.pageViewed('home');
  const user = currentUser();
  return make(
    'div',
    {},
    make('div', { class: 'hero' }, make('h1', {}, t('heroTitle')), make('p', {}, user === null ? t('heroText') : t('heroUser', { user: shortName(user) }))),
    carousel({ page: 'home', class: 'rows-home' }),
  );
}
