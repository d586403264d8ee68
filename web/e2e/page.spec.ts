import { expect, openPage, openUser, test } from './shop';

test('the page loads under its own content security policy', async ({ page }) => {
  const response = await page.goto('/');
  const policy = response?.headers()['content-security-policy'] ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('unsafe');
  await openPage(page);
  await expect(page).toHaveTitle('Vitrina');
  await expect(page.locator('html')).toHaveAttribute('lang', 'es-PE');
});

test('the status shows the numbers of the API', async ({ page, shop }) => {
  const before = await shop.status();
  await openPage(page);
  const integer = new Intl.NumberFormat('es-PE');
  // The shop lives on while we look: what grows must lie between what the API said before and what it says after.
  await expect(async () => {
    const shown = async (fact: string) => page.locator(`[data-fact="${fact}"]`).innerText();
    const number = async (fact: string) => Number((await shown(fact)).replace(/\D/g, ''));
    const [users, events] = [await number('users'), await number('events')];
    const status = await shop.status();
    expect(await shown('products')).toBe(integer.format(status.products));
    expect(users).toBeGreaterThanOrEqual(before.users);
    expect(users).toBeLessThanOrEqual(status.users);
    expect(events).toBeGreaterThanOrEqual(before.events.total);
    expect(events).toBeLessThanOrEqual(status.events.total);
    if (status.model === null) expect(await shown('model')).toBe('aún sin modelo');
    else expect(await shown('model')).not.toBe('aún sin modelo');
  }).toPass({ timeout: 15_000 });
});

test('an event sent to the API appears in the stream', async ({ page, shop }) => {
  await openPage(page);
  const { userId, viewed } = await shop.newShopper(1);
  const { user } = await shop.profile(userId);
  const row = page.locator('.live-table tbody tr', { hasText: user.slice(0, 7) }).first();
  await expect(row).toBeVisible();
  await expect(row).toContainText('Vio un producto');
  const name = (await shop.profile(userId)).history.find((entry) => entry.product_id === viewed[0])?.name;
  if (name) await expect(row).toContainText(name);

  await row.click();
  await expect(page.locator('input[name="user"]')).toHaveValue(user);
  await expect(row).toHaveAttribute('data-selected', 'true');
});

test('a paused stream keeps still and counts what waits', async ({ page, shop }) => {
  await openPage(page);
  await page.getByRole('button', { name: 'Pausar' }).click();
  const { userId } = await shop.newShopper(2);
  const { user } = await shop.profile(userId);
  await expect(page.getByRole('button', { name: /Reanudar \d+ nuevos?/ })).toBeVisible();
  const rows = page.locator('.live-table tbody tr', { hasText: user.slice(0, 7) });
  await expect(rows).toHaveCount(0);
  await page.getByRole('button', { name: /Reanudar/ }).click();
  await expect(rows).toHaveCount(2);
});

test('the filter leaves one kind', async ({ page, shop }) => {
  await openPage(page);
  await shop.newShopper(1);
  await expect(page.locator('.live-table tbody tr', { hasText: 'Vio un producto' }).first()).toBeVisible();
  await page.getByLabel('Tipo de evento').selectOption('product_viewed');
  const kinds = await page.locator('.live-kind').allInnerTexts();
  expect(new Set(kinds)).toEqual(new Set(['Vio un producto']));
});

test('the preview shows the history beside the slate with its reasons', async ({ page, shop }) => {
  const { userId, viewed } = await shop.newShopper(3);
  const profile = await shop.profile(userId);
  await openPage(page);
  await openUser(page, userId);

  const history = page.getByRole('region', { name: 'Historial' });
  await expect(history.getByRole('listitem')).toHaveCount(profile.history.length);
  for (const entry of profile.history.filter((entry) => viewed.includes(entry.product_id))) {
    await expect(history).toContainText(entry.name ?? entry.product_id);
  }

  const slate = await shop.recommend(userId);
  const items = page.locator('.item');
  await expect(items).toHaveCount(slate.items.length);
  expect(await items.evaluateAll((list) => list.map((item) => item.getAttribute('data-product')))).toEqual(
    slate.items.map((item) => item.product_id),
  );
  for (const [i, item] of slate.items.entries()) {
    await expect(items.nth(i).locator('[data-source]')).toHaveAttribute('data-source', item.source);
    await expect(items.nth(i).locator('.item-reason')).toHaveText(item.reason.text_es ?? /.+/);
  }
  const [left, right] = [await history.boundingBox(), await page.locator('.slate').boundingBox()];
  expect(left && right && left.x + left.width <= right.x + 1).toBe(true);

  await items.first().getByRole('button', { name: /^¿Por qué/ }).click();
  await expect(items.first().locator('.parts tbody tr')).toHaveCount(slate.items[0]?.parts?.length ?? 0);
});

test('the slate moves by itself when its user acts', async ({ page, shop }) => {
  const { userId, viewed } = await shop.newShopper(1);
  await openPage(page);
  await openUser(page, userId);
  const entries = page.locator('.history-entry');
  await expect(entries).toHaveCount((await shop.profile(userId)).history.length);
  const slate = await shop.recommend(userId);
  const next = slate.items.map((item) => item.product_id).find((id) => !viewed.includes(id));
  expect(next).toBeDefined();
  await shop.viewProduct(userId, next ?? '');
  await expect(entries).toHaveCount((await shop.profile(userId)).history.length);
});

test('a user nobody knows gets a slate and a word of explanation', async ({ page }) => {
  await openPage(page);
  await openUser(page, `e2e-nobody-${Date.now()}`);
  await expect(page.getByText(/La tienda aún no conoce a/)).toBeVisible();
  await expect(page.locator('.item').first()).toBeVisible();
});

test('a product page and a cart start from products that can be changed', async ({ page, shop }) => {
  const { userId, viewed } = await shop.newShopper(2);
  await openPage(page);
  await openUser(page, userId);
  await page.getByLabel('Ubicación').selectOption('product');
  await expect(page.locator('.context .chip')).toHaveCount(1);
  const asked = page.waitForRequest((request) => request.url().includes('/v1/recommendations'));
  await page.getByLabel('Id de producto').fill(viewed[0] ?? '');
  await page.getByRole('button', { name: 'Cambiar' }).click();
  expect(((await asked).postDataJSON() as { product_ids: string[] }).product_ids).toEqual([viewed[0]]);
  await page.getByLabel('Ubicación').selectOption('cart');
  await expect(page.getByText('En su carrito')).toBeVisible();
});

test('the language changes and is remembered', async ({ page }) => {
  await openPage(page);
  await page.getByRole('button', { name: /English/ }).click();
  await expect(page.getByRole('heading', { name: 'Live events' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Preview as user' })).toBeVisible();
  await page.getByRole('button', { name: /Español/ }).click();
  await expect(page.getByRole('heading', { name: 'Ver como usuario' })).toBeVisible();
});

test('a server that goes away is told, with what to do, and its return is noticed', async ({ page, complaints }) => {
  await openPage(page);
  await page.route('**/v1/status', (route) => route.abort());
  const alert = page.getByRole('alert').filter({ hasText: 'El servidor de Vitrina no responde' });
  await expect(alert).toBeVisible({ timeout: 10_000 });
  await expect(alert).toContainText('Nuevo intento en');
  await expect(page.locator('[data-fact="products"]')).toBeVisible();
  await page.unroute('**/v1/status');
  await alert.getByRole('button', { name: 'Reintentar' }).click();
  await expect(alert).toBeHidden();
  // The refused requests are on the console, as they should be.
  complaints.length = 0;
});
