// The sample storefront against the real API: what a shopper does, and how the shop answers.

import type { Page } from '@playwright/test';

import type { ProductRow } from '../../sdk/js/src/types.js';
import { expect, layoutShift, test, violations, watchLayout } from './shop';

const HOME = '/tienda';

async function openStore(page: Page, hash = ''): Promise<void> {
  await page.goto(`${HOME}${hash}`);
  await expect(page.locator('main h1')).toBeVisible();
  await expect(page.locator('main')).not.toHaveAttribute('aria-busy');
}

async function openRows(page: Page, hash = ''): Promise<void> {
  await openStore(page, hash);
  await expect(page.locator('vitrina-carousel')).toHaveAttribute('state', 'loaded');
}

/** The first product of the home page. */
async function someProduct(page: Page): Promise<string> {
  const { rows } = (await (await page.request.get('/v1/pages/home')).json()) as { rows: ProductRow[] };
  const id = rows.find(({ kind }) => kind === 'products')?.items[0]?.product_id;
  expect(id, 'the shop needs products').toBeDefined();
  return id ?? '';
}

const product = (id: string) => `#/producto/${encodeURIComponent(id)}`;

test('the storefront loads under its own content security policy, in Spanish', async ({ page }) => {
  const response = await page.goto(HOME);
  const policy = response?.headers()['content-security-policy'] ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('unsafe');
  await expect(page.locator('html')).toHaveAttribute('lang', 'es-PE');
  await expect(page).toHaveTitle('La Vitrina');
});

test('home shows every row that the server chose, and nothing jumps', async ({ page }) => {
  await watchLayout(page);
  const answered = page.waitForResponse((response) => response.url().includes('/v1/pages/home'));
  await openRows(page);
  const { rows } = (await (await answered).json()) as { rows: ProductRow[] };
  await expect(page.locator('vitrina-carousel h2')).toHaveText(rows.filter(({ items }) => items.length > 0).map(({ title }) => title ?? ''));
  expect(await layoutShift(page)).toBeLessThan(0.01);
});

test('a product that was looked at shapes the next page', async ({ page, shop }) => {
  await openRows(page);
  await page.locator('vitrina-carousel .card[data-product] .link').first().click();
  await expect(page.getByRole('button', { name: 'Agregar al carrito' })).toBeVisible();
  const visitor = await page.evaluate(() => localStorage.getItem('vitrina.anonymous_id'));
  const id = decodeURIComponent(new URL(page.url()).hash.replace('#/producto/', ''));
  const slate = await page.request.post('/v1/recommendations', { data: { placement: 'home', anonymous_id: visitor, preview: true, n: 5 } });
  expect(await slate.json()).toMatchObject({ personalized: true });
  const { name } = await shop.get<{ name: string }>(`/v1/products/${encodeURIComponent(id)}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
  await expect(page.locator('vitrina-carousel')).toHaveAttribute('state', 'loaded');
});

test('what is bought was told to the shop before it says thanks', async ({ page }) => {
  const id = await someProduct(page);
  await openStore(page, product(id));
  await page.getByRole('button', { name: 'Agregar al carrito' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Se agregó al carrito' })).toBeVisible();
  await page.getByRole('link', { name: 'Ver carrito' }).click();

  const line = page.locator(`.line[data-product="${id}"]`);
  await expect(line).toBeVisible();
  const units = line.getByRole('combobox');
  await units.focus();
  await units.selectOption('2');
  await expect(page.getByRole('link', { name: 'Carrito, 2 productos' })).toBeVisible();
  await expect(units).toBeFocused();
  await expect(page.getByRole('progressbar')).toBeVisible();

  await page.getByRole('link', { name: 'Ir a pagar' }).click();
  const ordered = page.waitForResponse((response) => response.url().endsWith('/v1/events') && response.request().postData()?.includes('order_completed') === true);
  await page.getByRole('button', { name: /^Pagar / }).click();
  const verdict = await ordered;
  expect(await verdict.json()).toMatchObject({ accepted: 1, rejected: [] });
  expect(verdict.request().postDataJSON()).toMatchObject({ products: [{ product_id: id, quantity: 2 }], subtotal: expect.stringMatching(/^\d+\.\d\d [A-Z]{3}$/) });
  await expect(page.getByRole('heading', { name: '¡Gracias por tu compra!' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Carrito, 0 productos' })).toBeVisible();
});

test('search forgives slips, and nothing found is said', async ({ page, shop }) => {
  const { name } = await shop.get<{ name: string }>(`/v1/products/${encodeURIComponent(await someProduct(page))}`);
  const word = name.split(' ').reduce((longest, next) => (next.length > longest.length ? next : longest));
  await openStore(page);
  await page.getByRole('searchbox').fill(word);
  await page.getByRole('searchbox').press('Enter');
  await expect(page.getByRole('heading', { name: new RegExp(`resultados de «${word}»`) })).toBeVisible();
  await expect(page.locator('.tile').first()).toBeVisible();
  await page.getByRole('searchbox').fill('qwzzk vxjjy');
  await page.getByRole('button', { name: 'Buscar' }).click();
  await expect(page.getByRole('heading', { name: 'No encontramos nada de «qwzzk vxjjy»' })).toBeVisible();
});

test('a category shows its own products', async ({ page }) => {
  const category = `E2E ${Date.now()}`;
  const products = ['Cometa azul', 'Trompo de madera'].map((name, i) => ({ product_id: `e2e-${Date.now()}-${i}`, name, category: [category], price: 10, list_price: 20 }));
  await page.request.put('/v1/products', { data: products });
  await openStore(page, `#/categoria/${encodeURIComponent(category)}`);
  await expect(page.locator('.tile')).toHaveCount(2);
  await expect(page.locator('.tile').first()).toContainText('-50%');
  for (const { product_id } of products) await page.request.delete(`/v1/products/${product_id}`);
});

test('another shopper starts with an empty cart and another id', async ({ page, shop }) => {
  const { userId } = await shop.newShopper(2);
  await openStore(page, product(await someProduct(page)));
  await page.getByRole('button', { name: 'Agregar al carrito' }).click();
  await expect(page.getByRole('link', { name: 'Carrito, 1 productos' })).toBeVisible();
  const before = await page.evaluate(() => localStorage.getItem('vitrina.anonymous_id'));

  await page.getByRole('button', { name: /Comprar como/ }).click();
  await expect(page.locator('.persona-users li').first()).toBeVisible();
  await page.getByLabel('Id de usuario').fill(userId);
  const asked = page.waitForRequest((request) => request.url().includes('/v1/pages/home'));
  await page.getByRole('button', { name: 'Usar' }).click();
  const parameters = new URL((await asked).url()).searchParams;
  expect(parameters.get('user_id')).toBe(userId);
  expect(parameters.get('anonymous_id')).not.toBe(before);
  await expect(page.getByRole('link', { name: 'Carrito, 0 productos' })).toBeVisible();
});

test('without tracking nothing is told', async ({ page }) => {
  const told: string[] = [];
  await openStore(page);
  await page.getByRole('button', { name: /Comprar como/ }).click();
  await page.getByLabel('Sin seguimiento').check();
  await expect(page.locator('vitrina-carousel')).toHaveAttribute('no-tracking', '');
  page.on('request', (request) => (request.url().endsWith('/v1/events') ? told.push(request.postData() ?? '') : 0));
  await page.goto(`${HOME}${product(await someProduct(page))}`);
  await page.getByRole('button', { name: 'Agregar al carrito' }).click();
  await expect(page.getByRole('link', { name: 'Ver carrito' })).toBeVisible();
  expect(told).toEqual([]);
  expect(await page.evaluate(() => localStorage.getItem('vitrina.anonymous_id'))).toBeNull();
});

test('the language changes, with the rows, and is remembered', async ({ page }) => {
  await openRows(page);
  const asked = page.waitForRequest((request) => request.url().includes('/v1/pages/home'));
  await page.getByRole('button', { name: 'English' }).click();
  expect(new URL((await asked).url()).searchParams.get('locale')).toBe('en');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Everything for your home, picked for you');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en-PE');
});

test('a product that is not sold and a page that is not there say so', async ({ page }) => {
  await openStore(page, '#/producto/e2e-nothing');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('No encontramos el producto «e2e-nothing»');
  await openStore(page, '#/nada');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Esta página no existe');
});

for (const [device, viewport] of [
  ['desktop', { width: 1440, height: 900 }],
  ['phone', { width: 360, height: 780 }],
] as const) {
  test.describe(device, () => {
    test.use({ viewport, contextOptions: { reducedMotion: 'reduce' } });

    test('every page has nothing that axe calls a violation and does not scroll sideways', async ({ page }) => {
      test.setTimeout(120_000);
      const id = await someProduct(page);
      const check = async () => {
        expect(await violations(page), page.url()).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), page.url()).toBe(0);
      };
      await openRows(page);
      await check();
      await page.getByRole('button', { name: /Comprar como/ }).click();
      await expect(page.locator('.persona-users li').first()).toBeVisible();
      await check();
      await openRows(page, product(id));
      await page.getByRole('button', { name: 'Agregar al carrito' }).click();
      await check();
      for (const hash of ['#/carrito', '#/compra', '#/nada']) {
        await openStore(page, hash);
        await check();
      }
    });
  });
}
