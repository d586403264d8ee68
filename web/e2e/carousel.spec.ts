// The carousel as the server gives it out, on a page of a shop with a strict content security policy.

import type { Page, Request } from '@playwright/test';

import type { ContentRow, ProductRow } from '../../sdk/js/src/types.js';
import { expect, layoutShift, test, violations, watchLayout } from './shop';

const POLICY = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; object-src 'none'; base-uri 'none'";
const RENDERED = `<ol>${['uno', 'dos', 'tres'].map((name) => `<li><a href="#${name}"><img src="/favicon.svg" alt="" width="180" height="180">Producto ${name}</a></li>`).join('')}</ol>`;
const PAST_THE_SECOND_MS = 1500;

/** A shop's page around `carousel`; what lies before it can push it below the fold. A test waits longer than a shopper would. */
async function openShop(page: Page, given: string, before = ''): Promise<void> {
  const carousel = given.includes('timeout-ms') ? given : given.replaceAll('<vitrina-carousel ', '<vitrina-carousel timeout-ms="10000" ');
  const body = `<!doctype html>
    <html lang="es-PE"><head><meta charset="utf-8"><title>Una tienda</title><meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/sdk/vitrina-carousel.css"><script type="module" src="/sdk/vitrina-carousel.js"></script></head>
    <body><main><h1>Una tienda</h1>${before}${carousel}<p id="below">Lo que sigue</p></main></body></html>`;
  await page.route('**/e2e-shop.html', (route) => route.fulfill({ contentType: 'text/html', headers: { 'content-security-policy': POLICY }, body }));
  await page.goto('/e2e-shop.html');
}

/** Every event that the page reports, and what the server answered. */
function reports(page: Page): { event: string; [field: string]: unknown }[] {
  const seen: { event: string }[] = [];
  page.on('request', (request: Request) => {
    if (request.url().endsWith('/v1/events')) seen.push(...(request.postDataJSON() as { event: string }[]));
  });
  return seen;
}

const asksForSlate = (request: Request) => request.url().endsWith('/v1/recommendations');
const carousel = (page: Page) => page.locator('vitrina-carousel');

test('what the shop rendered is replaced by the slate, and nothing around it moves', async ({ page }) => {
  await watchLayout(page);
  const answered = page.waitForResponse((response) => response.url().endsWith('/v1/recommendations'));
  await openShop(page, `<vitrina-carousel placement="home" heading="Elegido para ti" n="8">${RENDERED}</vitrina-carousel>`);
  const slate = (await (await answered).json()) as ProductRow;
  expect(slate.items).toHaveLength(8);
  await expect(carousel(page)).toHaveAttribute('state', 'loaded');
  const list = carousel(page).getByRole('region', { name: 'Elegido para ti' }).getByRole('list');
  await expect(list.getByRole('listitem')).toHaveCount(8);
  await expect(carousel(page).getByRole('heading', { name: 'Elegido para ti' })).toBeVisible();
  for (const [i, item] of slate.items.entries()) {
    const card = list.getByRole('listitem').nth(i);
    await expect(card).toContainText(item.name ?? '');
    await expect(card).toContainText(item.price ?? '');
    await expect(card).toContainText(item.reason.text);
  }
  await expect(page.getByText('Producto uno')).toBeHidden();
  expect(await layoutShift(page)).toBeLessThan(0.001);
  expect(await violations(page)).toEqual([]);
});

test('room is kept before anything has come', async ({ page }) => {
  await watchLayout(page);
  await page.route('**/v1/recommendations', async (route) => {
    await new Promise((done) => setTimeout(done, 400));
    await route.continue();
  });
  await openShop(page, '<vitrina-carousel placement="home" heading="Elegido para ti"></vitrina-carousel>');
  await expect(carousel(page)).toHaveAttribute('state', 'loading');
  const before = await page.locator('#below').boundingBox();
  await expect(carousel(page)).toHaveAttribute('state', 'loaded');
  const after = await page.locator('#below').boundingBox();
  expect(after?.y).toBeCloseTo(before?.y ?? 0, 0);
  expect(await layoutShift(page)).toBeLessThan(0.001);
});

test('without an answer the links of the shop stay', async ({ page, complaints }) => {
  await page.route('**/v1/recommendations', (route) => route.abort());
  await page.addInitScript(() => addEventListener('vitrina:error', (event) => (document.title = String((event as CustomEvent<{ error: Error }>).detail.error))));
  await openShop(page, `<vitrina-carousel placement="home">${RENDERED}</vitrina-carousel>`);
  await expect(carousel(page)).toHaveAttribute('state', 'kept');
  await expect(page.getByRole('link', { name: 'Producto uno' })).toBeVisible();
  await expect(page).toHaveTitle(/TypeError/);
  // The refused request is on the console, as it should be; nothing else is.
  expect(complaints.filter((complaint) => !complaint.includes('ERR_FAILED'))).toEqual([]);
  complaints.length = 0;
});

test('a server that is too slow is not waited for, and an empty place is hidden', async ({ page }) => {
  await page.route('**/v1/recommendations', () => {});
  await page.addInitScript(() => addEventListener('vitrina:error', (event) => (document.title = String((event as CustomEvent<{ error: Error }>).detail.error))));
  await openShop(page, '<vitrina-carousel placement="home" timeout-ms="200"></vitrina-carousel>');
  await expect(carousel(page)).toHaveAttribute('state', 'hidden');
  await expect(carousel(page)).toBeHidden();
  await expect(page).toHaveTitle('Error: no answer within 200 ms; the attribute timeout-ms sets how long to wait');
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the links of the shop are there', async ({ page }) => {
    await openShop(page, `<vitrina-carousel placement="home">${RENDERED}</vitrina-carousel>`);
    await expect(page.getByRole('link', { name: 'Producto dos' })).toBeVisible();
  });
});

test('a slate is reported once when half of it was in view for a second', async ({ page }) => {
  const seen = reports(page);
  const verdict = page.waitForResponse((response) => response.url().endsWith('/v1/events'));
  const answered = page.waitForResponse((response) => response.url().endsWith('/v1/recommendations'));
  await openShop(page, '<vitrina-carousel placement="home" n="4"></vitrina-carousel>', '<svg width="10" height="1500"></svg>');
  const slate = (await (await answered).json()) as ProductRow;
  await expect(carousel(page)).toHaveAttribute('state', 'loaded');
  await page.waitForTimeout(PAST_THE_SECOND_MS);
  expect(seen).toEqual([]);

  await carousel(page).scrollIntoViewIfNeeded();
  expect(await (await verdict).json()).toMatchObject({ accepted: 1, rejected: [] });
  expect(seen).toMatchObject([
    {
      event: 'impression',
      message_id: `impression-${slate.recommendation_id}`,
      recommendation_id: slate.recommendation_id,
      placement: 'home',
      products: slate.items.map(({ product_id, position }) => ({ product_id, position })),
    },
  ]);
  expect(seen[0]?.['anonymous_id']).toBe(await page.evaluate(() => localStorage.getItem('vitrina.anonymous_id')));

  await page.evaluate(() => scrollTo(0, 0));
  await carousel(page).scrollIntoViewIfNeeded();
  await page.waitForTimeout(PAST_THE_SECOND_MS);
  expect(seen).toHaveLength(1);
});

test('a click is reported, and the shop may navigate itself', async ({ page }) => {
  const seen = reports(page);
  await page.addInitScript(() =>
    addEventListener('vitrina:click', (event) => {
      event.preventDefault();
      document.title = JSON.stringify((event as CustomEvent).detail);
    }),
  );
  await openShop(page, '<vitrina-carousel placement="home" product-url="/producto/{id}"></vitrina-carousel>');
  const second = carousel(page).getByRole('listitem').nth(1);
  const id = (await second.getAttribute('data-product')) ?? '';
  await expect(second.getByRole('link')).toHaveAttribute('href', `/producto/${id}`);
  const verdict = page.waitForResponse((response) => response.url().endsWith('/v1/events'));
  await second.getByRole('link').click();
  expect(await (await verdict).json()).toMatchObject({ accepted: 1, rejected: [] });
  expect(seen.find(({ event }) => event === 'product_clicked')).toMatchObject({ product_id: id, position: 2, placement: 'home' });
  expect(JSON.parse(await page.title())).toMatchObject({ product_id: id, position: 2 });
  await expect(page).toHaveURL(/e2e-shop\.html$/);
});

for (const [how, attributes] of [
  ['the shop says so', 'no-tracking'],
  ['the browser says so', ''],
] as const) {
  test(`nobody is followed where ${how}`, async ({ page }) => {
    if (attributes === '') await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }));
    const seen = reports(page);
    const asked = page.waitForRequest(asksForSlate);
    await openShop(page, `<vitrina-carousel placement="home" user-id="e2e-ana" ${attributes}></vitrina-carousel>`);
    const body = (await asked).postDataJSON() as object;
    expect(Object.keys(body)).not.toContain('user_id');
    expect(Object.keys(body)).not.toContain('anonymous_id');
    await expect(carousel(page)).toHaveAttribute('state', 'loaded');
    await page.waitForTimeout(PAST_THE_SECOND_MS);
    await carousel(page).getByRole('listitem').first().getByRole('button').click();
    expect(seen).toEqual([]);
    expect(await page.evaluate(() => localStorage.getItem('vitrina.anonymous_id'))).toBeNull();
  });
}

test('changed attributes ask once more, and the newest answer wins', async ({ page }) => {
  let requests = 0;
  page.on('request', (request) => (requests += Number(asksForSlate(request))));
  await openShop(page, '<vitrina-carousel placement="home" n="4"></vitrina-carousel>');
  await expect(carousel(page).getByRole('listitem')).toHaveCount(4);
  await carousel(page).evaluate((element) => {
    for (const n of ['5', '6', '7']) element.setAttribute('n', n);
    element.setAttribute('locale', 'en');
  });
  await expect(carousel(page).getByRole('listitem')).toHaveCount(7);
  expect(requests).toBe(2);
  await expect(carousel(page).getByRole('region', { name: 'Recommended for you' })).toBeVisible();
});

test('rows in different places of a page cost one answer', async ({ page }) => {
  const { rows } = (await (await page.request.get('/v1/pages/home')).json()) as { rows: ProductRow[] };
  const names = ['first', 'second'];
  let requests = 0;
  await page.route('**/v1/pages/home?**', (route) => {
    requests += 1;
    // A shop with few products may have but one row.
    return route.fulfill({ json: { page: 'home', rows: names.map((row) => ({ ...rows[0], row })) } });
  });
  await openShop(page, names.map((row) => `<vitrina-carousel page="home" row="${row}"></vitrina-carousel>`).join('<p>La tienda</p>'));
  await expect(page.locator('vitrina-carousel[state="loaded"]')).toHaveCount(2);
  for (const [i, row] of names.entries()) await expect(page.locator('vitrina-carousel').nth(i).locator('section')).toHaveAttribute('data-row', row);
  expect(requests).toBe(1);
});

test('the keyboard scrolls, and says what is in view', async ({ page }) => {
  await page.setViewportSize({ width: 800, height: 700 });
  await openShop(page, '<vitrina-carousel placement="home" n="10" product-url="#/{id}"></vitrina-carousel>');
  const links = carousel(page).getByRole('listitem').getByRole('link');
  const next = carousel(page).getByRole('button', { name: 'Ver siguientes: Recomendado para ti' });
  const previous = carousel(page).getByRole('button', { name: 'Ver anteriores: Recomendado para ti' });
  await expect(previous).toHaveAttribute('aria-disabled', 'true');
  await next.focus();
  await page.keyboard.press('Enter');
  await expect(carousel(page).getByRole('status')).toHaveText(/^Del \d+ al \d+ de 10$/);
  await expect(previous).toHaveAttribute('aria-disabled', 'false');
  await expect(links.first()).not.toBeInViewport();

  await page.keyboard.press('Tab');
  await page.keyboard.press('Home');
  await expect(links.first()).toBeFocused();
  await expect(links.first()).toBeInViewport();
  await page.keyboard.press('ArrowRight');
  await expect(links.nth(1)).toBeFocused();
  await page.keyboard.press('End');
  await expect(links.last()).toBeInViewport();
  await expect(next).toHaveAttribute('aria-disabled', 'true');
});

test('rows of every kind', async ({ page }) => {
  // A shop with a bundle, a deal, a broken picture and hostile links; the sample shop has none of them.
  const reason = { code: 'popular', text: 'Popular en la tienda' };
  const together: ProductRow = {
    kind: 'products',
    row: 'bought_together',
    placement: 'product',
    title: 'Comprados juntos',
    recommendation_id: 'not-ours-1',
    items: [
      { product_id: 'A1', position: 1, name: 'Olla', price: 'S/ 75.00', list_price: 'S/ 100.00', image_link: '/gone.png', link: '/a1', reason },
      { product_id: 'B2', position: 2, name: 'Taza <b>', price: 'S/ 10.00', link: 'javascript:alert(1)', reason },
    ],
    bundle: { product_ids: ['A1', 'B2', 'C3'], price: 'S/ 120.00', list_price: 'S/ 150.00' },
  };
  const banners: ContentRow = {
    kind: 'content',
    row: 'banners',
    placement: 'home',
    title: 'Promociones',
    recommendation_id: 'not-ours-2',
    items: [
      { content_id: 'cyber', title: 'Días Cyber', body: 'Hasta 40% menos', link: '/cyber' },
      { content_id: 'casa', title: 'Casa', image_link: '/favicon.svg', link: '/casa' },
    ],
  };
  await page.route('**/v1/pages/**', (route) => route.fulfill({ json: { page: 'product', rows: [together, banners] } }));
  await page.route('**/gone.png', (route) => route.fulfill({ contentType: 'image/png', body: '' }));
  await page.route('**/v1/events', (route) => route.fulfill({ json: { accepted: 1 } }));
  const seen = reports(page);
  await page.addInitScript(() => addEventListener('vitrina:add', (event) => (document.title = (event as CustomEvent<{ product_ids: string[] }>).detail.product_ids.join())));
  await openShop(page, '<vitrina-carousel page="product" product-id="C3" add-to-cart></vitrina-carousel>');

  const products = carousel(page).getByRole('region', { name: 'Comprados juntos' });
  const pot = products.getByRole('listitem').first();
  await expect(pot).toContainText('-25%');
  await expect(pot.locator('s')).toHaveText('Antes S/ 100.00');
  await expect(pot.locator('.placeholder')).toHaveText('O');
  await expect(pot.locator('img')).toHaveCount(0);
  const cup = products.getByRole('listitem').nth(1);
  await expect(cup).toContainText('Taza <b>');
  await expect(cup.getByRole('link')).toHaveCount(0);
  await expect(products).toContainText('Los 3 juntos S/ 120.00 S/ 150.00');
  await products.getByRole('button', { name: 'Agregar los 3 al carrito' }).click();
  await expect(page).toHaveTitle('A1,B2,C3');

  await expect(carousel(page).getByRole('region', { name: 'Promociones' }).getByRole('link', { name: /Días Cyber/ })).toHaveAttribute('href', '/cyber');
  await carousel(page).getByRole('region', { name: 'Promociones' }).scrollIntoViewIfNeeded();
  await expect.poll(() => seen.filter(({ event }) => event === 'promotion_viewed').map(({ promotion_id }) => promotion_id)).toEqual(['cyber', 'casa']);
  expect(await violations(page)).toEqual([]);
});

test.describe('with reduced motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('nothing moves', async ({ page }) => {
    await page.route('**/v1/recommendations', () => {});
    await openShop(page, '<vitrina-carousel placement="home" timeout-ms="60000"></vitrina-carousel>');
    await expect(carousel(page)).toHaveAttribute('state', 'loading');
    const running = await page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === 'running').length);
    expect(running).toBe(0);
  });
});
