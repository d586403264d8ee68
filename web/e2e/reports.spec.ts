import type { CatalogQuality, ProductReviews, SearchedFor } from '../src/api/wire';
import { HINTS } from '../src/catalog/hints';
import { expect, openReport, test } from './shop';

const integer = new Intl.NumberFormat('es-PE');

test('the pages are links that can be passed on, and the way back leads to the shop', async ({ page }) => {
  await page.goto('/');
  for (const [link, heading, title] of [
    ['Reglas', 'Reglas', 'Reglas · Vitrina'],
    ['Catálogo', 'Calidad del catálogo', 'Catálogo · Vitrina'],
    ['Búsquedas', 'Lo que buscan los compradores', 'Búsquedas · Vitrina'],
    ['Reseñas', 'Cómo se leen las reseñas', 'Reseñas · Vitrina'],
  ] as const) {
    await page.getByRole('link', { name: link, exact: true }).click();
    await expect(page.getByRole('heading', { name: heading, exact: true })).toBeVisible();
    await expect(page).toHaveTitle(title);
    await expect(page.getByRole('link', { name: link, exact: true })).toHaveAttribute('aria-current', 'page');
    await page.reload();
    await expect(page.getByRole('heading', { name: heading, exact: true })).toBeVisible();
  }
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Lo que buscan los compradores' })).toBeVisible();
  await page.getByRole('link', { name: 'Tienda' }).click();
  await expect(page.getByRole('heading', { name: 'Ver como usuario' })).toBeVisible();
});

test('the catalogue shows the totals of the API, and a hint leaves its products', async ({ page, shop }) => {
  const all = await shop.get<CatalogQuality>('/v1/catalog/quality?limit=25');
  // Every hint of the server has its words and its colour here, and no other.
  expect(Object.keys(all.totals).sort()).toEqual(Object.keys(HINTS).sort());
  await openReport(page, 'catalog');
  for (const [code, n] of Object.entries(all.totals)) {
    await expect(page.locator(`.plot-row[data-hint="${code}"] .plot-number`)).toContainText(integer.format(n));
  }
  const shown = () => page.locator('tr[data-product]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-product')));
  expect(await shown()).toEqual(all.data.map((product) => product.product_id));

  const twice = await shop.get<CatalogQuality>('/v1/catalog/quality?limit=25&hint=duplicate_listing');
  await page.locator('.plot-row[data-hint="duplicate_listing"]').click();
  await expect(page.getByRole('heading', { name: 'Publicado más de una vez' })).toBeVisible();
  await expect(page).toHaveURL(/hint=duplicate_listing/);
  const first = twice.data[0];
  const others = first?.hints.find((hint) => hint.code === 'duplicate_listing')?.duplicates ?? [];
  expect(others.length, 'the sample shop lists some products twice').toBeGreaterThan(0);
  const row = page.locator(`tr[data-product="${first?.product_id}"] .hint`).first();
  await expect(row).toContainText('Publicado más de una vez');
  await expect(row).toContainText(others[0] ?? '');
  await expect.poll(shown).toEqual(twice.data.map((product) => product.product_id));

  const next = await shop.get<CatalogQuality>(`/v1/catalog/quality?limit=25&hint=duplicate_listing&after=${twice.next}`);
  await page.getByRole('button', { name: 'Página siguiente' }).click();
  await expect.poll(shown).toEqual(next.data.map((product) => product.product_id));
  await expect(page.getByText(/^26 – \d+ de /)).toBeVisible();
  await page.getByRole('button', { name: 'Anterior' }).click();
  await expect.poll(shown).toEqual(twice.data.map((product) => product.product_id));
  await page.getByRole('button', { name: 'Ver todos' }).click();
  await expect.poll(shown).toEqual(all.data.map((product) => product.product_id));
});

test('a hint that the server does not know is refused in words, with a way out', async ({ page, complaints }) => {
  await page.goto('/#page=catalog&hint=moon');
  const alert = page.getByRole('alert').filter({ hasText: 'hint must be one of' });
  await alert.getByRole('button', { name: 'Reintentar' }).click();
  await expect(page.locator('tr[data-product]').first()).toBeVisible();
  await expect(alert).toBeHidden();
  complaints.length = 0;
});

test('searches are told when enough people made them, and counted when not', async ({ page, shop }) => {
  const [told, withheld] = [`qwzzk ${Date.now()}`, `vxjjy ${Date.now()}`];
  const before = await shop.get<SearchedFor>('/v1/search/queries?kind=zero&n=500');
  for (let i = 0; i < before.users_min; i += 1) await shop.search(told, `e2e-${crypto.randomUUID()}`);
  await shop.search(withheld, `e2e-${crypto.randomUUID()}`);
  await expect(async () => {
    const after = await shop.get<SearchedFor>('/v1/search/queries?kind=zero&n=500');
    expect(after.queries.map((asked) => asked.query)).toContain(told);
    expect(after.withheld).toBeGreaterThan(before.withheld);
  }).toPass({ timeout: 10_000 });

  const answer = page.waitForResponse((response) => response.url().includes('kind=zero'));
  await openReport(page, 'searches');
  const listed = (await (await answer).json()) as SearchedFor;
  const zero = page.locator('[data-queries="zero"]');
  await expect(zero.locator('tr[data-query]')).toHaveCount(listed.queries.length);
  await expect(zero.locator('[data-withheld]')).toHaveAttribute('data-withheld', String(listed.withheld));
  await expect(zero.locator('[data-withheld]')).toContainText(`menos de ${listed.users_min} personas`);
  await expect(page.locator(`tr[data-query="${withheld}"]`)).toHaveCount(0);

  const asked = page.waitForRequest((request) => request.url().includes('days=35') && request.url().includes('kind=top'));
  await page.getByRole('button', { name: '35 días' }).click();
  await asked;
  await page.reload();
  await expect(page.getByRole('button', { name: '35 días' })).toHaveAttribute('aria-pressed', 'true');
});

test('reviews that are read appear with what they speak of', async ({ page, shop }) => {
  const [id] = await shop.reviewedProduct();
  await openReport(page, 'reviews');
  await page.locator('input[name="product"]').fill(id);
  await page.locator('input[name="product"]').press('Enter');
  const reviews = await shop.get<ProductReviews>(`/v1/products/${id}/reviews`);
  expect(reviews.n_ratings).toBeGreaterThan(0);
  const opinions = page.locator(`.opinions[data-product="${id}"]`);
  await expect(opinions).toContainText(new Intl.NumberFormat('es-PE', { maximumSignificantDigits: 3 }).format(reviews.average_ratings_product ?? 0));
  await expect(opinions.locator('[data-aspect]')).toHaveCount(4);
  for (const { aspect, n } of reviews.aspects) await expect(opinions.locator(`[data-aspect="${aspect}"]`)).toContainText(`${n} reseña`);
  for (const { code } of reviews.notices) await expect(opinions.locator(`[data-notice="${code}"]`)).toBeVisible();
  await expect(page).toHaveURL(/product=/);
  await page.reload();
  await expect(opinions).toBeVisible();

  const nobody = `e2e-${Date.now()}`;
  await page.locator('input[name="product"]').fill(nobody);
  await page.getByRole('button', { name: 'Ver', exact: true }).click();
  await expect(page.getByText(`No hay ningún producto «${nobody}»`)).toBeVisible();
});

test('the reviews page tells what the head learned', async ({ page, shop }) => {
  const [, state] = await shop.reviewedProduct();
  expect(state.head).not.toBeNull();
  await openReport(page, 'reviews');
  const { n_positive, n_negative } = state.head ?? { n_positive: 0, n_negative: 0 };
  await expect(page.getByText(`Aprendió de ${integer.format(n_positive + n_negative)} reseñas con estrellas`)).toBeVisible();
  await page.getByRole('button', { name: /English/ }).click();
  await expect(page.getByRole('heading', { name: 'How reviews are read' })).toBeVisible();
  await expect(page.getByText(`Learned from ${integer.format(n_positive + n_negative)} reviews with stars`)).toBeVisible();
});
