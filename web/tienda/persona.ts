// Who shops: for those who want to see the shop change.

import { isPrivacyAsked } from '../../sdk/js/src/identity.js';
import { make } from '../../sdk/js/src/dom.js';
import { getRecentUsers } from './api';
import { currentUser, isTracked, setTracked, shopAs } from './shopper';
import { t } from './words';

const USERS = 6;

export function persona(onShopper: () => void): HTMLElement {
  const choose = (user: string | null) => {
    shopAs(user);
    onShopper();
  };
  const recent = make('ul', { class: 'persona-users', role: 'list' });
  const panel = make('div', { id: 'persona', class: 'persona', popover: 'auto', role: 'dialog', 'aria-label': t('shopAs') }, make('p', {}, t('personaHint')), visitorButton(choose), userForm(choose), make('p', { class: 'label' }, t('recentUsers')), recent, privacy(onShopper));
  panel.addEventListener('beforetoggle', () => void listUsers(recent, choose));
  const button = make('button', { class: 'quiet persona-button', type: 'button', popovertarget: 'persona' }, make('small', {}, t('shopAs')), make('b', {}, shortName(currentUser())));
  return make('div', {}, button, panel);
}

/** Pseudonyms are long; their beginning tells them apart. */
export function shortName(user: string | null): string {
  if (user === null) return t('visitor');
  return user.length > 14 ? `${user.slice(0, 9)}…` : user;
}

function visitorButton(choose: (user: null) => void): HTMLElement {
  const button = make('button', { class: 'button', type: 'button' }, t('startOver'));
  button.addEventListener('click', () => choose(null));
  return button;
}

function userForm(choose: (user: string) => void): HTMLElement {
  const input = make('input', { name: 'user', value: currentUser(), autocomplete: 'off', spellcheck: 'false' });
  const form = make('form', {}, make('label', {}, t('userId'), input), make('button', { class: 'button', type: 'submit' }, t('use')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const user = input.value.trim();
    if (user) choose(user);
  });
  return form;
}

async function listUsers(list: HTMLElement, choose: (user: string) => void): Promise<void> {
  const users = await getRecentUsers(USERS).catch(() => []);
  const rows = users.map(({ user, interactions }) => {
    const button = make('button', { type: 'button' }, make('b', {}, shortName(user)), make('small', {}, t('interactions', { n: interactions })));
    button.addEventListener('click', () => choose(user));
    return make('li', {}, button);
  });
  list.replaceChildren(...rows);
}

function privacy(onShopper: () => void): HTMLElement {
  if (isPrivacyAsked()) return make('p', {}, t('privacyAsked'));
  const box = make('input', { type: 'checkbox', name: 'no-tracking', checked: !isTracked() });
  box.addEventListener('change', () => {
    setTracked(!box.checked);
    onShopper();
  });
  return make('label', { class: 'check' }, box, t('noTracking'));
}
