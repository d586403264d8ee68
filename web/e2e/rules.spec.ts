import type { ContentRow, DryRun, RuleVersions, Trace } from '../src/api/wire';
import { expect, openPage, openReport, openUser, test } from './shop';

test('a rule is written, corrected where its condition is wrong, tried out, published and taken back', async ({ page, shop, rules, complaints }) => {
  test.setTimeout(90_000);
  const before = await rules.list();
  await openReport(page, 'rules');
  await page.getByRole('button', { name: 'Nueva regla' }).click();
  await expect(page.locator(':focus')).toHaveText('Regla nueva');
  await page.getByLabel('Nombre').fill('e2e sin lo caro');
  await page.getByLabel('Acción').selectOption('exclude');
  await page.getByRole('button', { name: 'Inicio', exact: true }).click();
  await page.locator('textarea[name="where"]').fill('price > 2 and precio < 900');
  await expect(page.locator('.rule-said')).toHaveText('Quita los productos con price > 2 and precio < 900, en Inicio');
  await page.getByRole('button', { name: 'Guardar en el borrador' }).click();
  const wrong = page.locator('.form-wrong');
  await expect(wrong).toHaveAttribute('data-at', '15');
  await expect(wrong.locator('mark')).toHaveText('p');
  await expect(page.locator('textarea[name="where"]')).toBeFocused();
  expect(await page.locator('textarea[name="where"]').evaluate((area: HTMLTextAreaElement) => area.selectionStart)).toBe(14);
  // The browser logs the refusal that the form shows.
  complaints.length = 0;

  await page.locator('textarea[name="where"]').fill('price > 2 and price < 900');
  await page.getByRole('button', { name: 'Guardar en el borrador' }).click();
  const row = page.locator('.rule', { hasText: 'e2e sin lo caro' });
  await expect(row).toHaveAttribute('data-change', 'added');
  await expect(row).toContainText('Quita los productos con price > 2 and price < 900, en Inicio');
  const written = (await rules.list()).data.find(({ name }) => name === 'e2e sin lo caro');
  expect(written).toMatchObject({ target: { placements: ['home'] }, where: 'price > 2 and price < 900', action: { kind: 'exclude' } });

  const tried = page.waitForResponse((response) => response.url().endsWith('/v1/rules/dry-run'));
  await page.getByRole('button', { name: 'Ensayar' }).click();
  const run = (await (await tried).json()) as DryRun;
  expect(run.shoppers).toBeGreaterThan(0);
  await expect(page.locator('[data-dry-run="home"]')).toContainText(`de ${run.shoppers} compradores`);
  for (const { product_id, name } of run.products) await expect(page.locator('.gains')).toContainText(name ?? product_id);

  await page.getByRole('button', { name: 'Publicar' }).click();
  const dialog = page.getByRole('dialog', { name: '¿Publicar el borrador?' });
  await expect(dialog).toContainText('regla nueva');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('button', { name: 'Publicar' })).toBeFocused();
  expect((await rules.list()).served_version).toBe(before.served_version);
  await page.getByRole('button', { name: 'Publicar' }).click();
  await dialog.getByRole('button', { name: 'Publicar' }).click();
  await expect(row).not.toHaveAttribute('data-change');
  const versions = await shop.get<RuleVersions>('/v1/rules/versions');
  await expect(page.locator('[data-served]')).toHaveAttribute('data-served', String(versions.served_version));
  await expect(page.locator(`tr[data-version="${versions.served_version}"]`)).toContainText('se sirve');

  await row.getByRole('button', { name: 'Eliminar' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Eliminar' }).click();
  await expect(row).toHaveAttribute('data-change', 'removed');
  await page.getByRole('button', { name: 'Volver a la anterior' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Volver a la anterior' }).click();
  await expect(row).toHaveCount(0);
  expect((await rules.list()).served_version).toBe(before.served_version);
});

test('who is slower is told so, and nothing is lost', async ({ page, rules, complaints }) => {
  const rule = { rule_id: 'e2e-slow', name: 'e2e lenta', action: { kind: 'diversify', strength: 0.3 } as const };
  await rules.add(rule);
  await openReport(page, 'rules');
  const row = page.locator('[data-rule="e2e-slow"]');
  await row.getByRole('button', { name: 'Editar' }).click();
  await rules.change({ ...rule, name: 'e2e rápida' });
  await page.getByLabel('Nombre').fill('e2e tardía');
  await page.getByRole('button', { name: 'Guardar en el borrador' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'Alguien lo cambió antes.' });
  await alert.getByRole('button', { name: 'Leer de nuevo' }).click();
  await expect(row).toContainText('e2e rápida');
  expect((await rules.list()).data.find(({ rule_id }) => rule_id === rule.rule_id)?.name).toBe('e2e rápida');
  complaints.length = 0;
});

test('rules that contradict each other say so, both of them, and changes show what is served', async ({ page, shop, rules }) => {
  const { viewed } = await shop.newShopper(1);
  const pin = { kind: 'pin', product_ids: viewed, position: 1 } as const;
  await rules.add({ rule_id: 'e2e-pin', name: 'e2e fija', action: pin });
  await rules.add({ rule_id: 'e2e-exclude', name: 'e2e quita', where: `product_id = "${viewed[0]}"`, action: { kind: 'exclude' } });
  await rules.publish();
  await rules.change({ rule_id: 'e2e-pin', name: 'e2e fija', action: { ...pin, position: 3 }, target: { schedule: { from: '2099-01-01', until: '2099-01-15' } } });
  await openReport(page, 'rules');
  const row = (id: string) => page.locator(`[data-rule="${id}"]`);
  await expect(row('e2e-pin').locator('[data-conflict="pin_excluded"]')).toContainText('Con e2e quita');
  await expect(row('e2e-exclude').locator('[data-conflict="pin_excluded"]')).toContainText('Con e2e fija');
  await expect(row('e2e-pin')).toHaveAttribute('data-change', 'changed');
  await expect(row('e2e-pin').locator('[data-activity]')).toHaveAttribute('data-activity', 'before');
  await expect(row('e2e-pin')).toContainText('Fija 1 producto en el puesto 3, en todas partes, del 1 al 15 de enero de 2099');
  await expect(row('e2e-pin')).toContainText('Se sirve: Fija 1 producto en el puesto 1, en todas partes');
  await page.getByRole('button', { name: /English/ }).click();
  await expect(row('e2e-pin')).toContainText('Pins 1 product to place 3, everywhere, from January 1 to 15, 2099');
});

test('contents are listed with what came of them', async ({ page, shop, request }) => {
  const content = { content_id: 'e2e-message', kind: 'message', title: { es: 'e2e envío gratis' }, budget: { impressions: 500 }, target: { placements: ['e2e'] } };
  expect((await request.post('/v1/content', { data: content })).ok()).toBe(true);
  try {
    await openReport(page, 'rules');
    const row = page.locator('[data-content="e2e-message"]');
    await expect(row).toContainText('Mensaje');
    await expect(row).toContainText('500 impresiones');
    const listed = (await shop.get<{ data: ContentRow[] }>('/v1/content')).data.find(({ content_id }) => content_id === content.content_id);
    await expect(row.locator('td').nth(3)).toHaveText(String(listed?.impressions));
  } finally {
    await request.delete('/v1/content/e2e-message', { headers: { 'if-match': '*' } });
  }
});

test('a slate says how it was made, and why a product is not on it', async ({ page, shop, rules, complaints }) => {
  const { userId, viewed } = await shop.newShopper(2);
  const hidden = (await shop.recommend(userId)).items[0]?.product_id ?? '';
  await rules.add({ rule_id: 'e2e-exclude', name: 'e2e quita', where: `product_id = "${hidden}"`, action: { kind: 'exclude' } });
  await rules.publish();
  await openPage(page);
  await openUser(page, userId);
  await expect(page.locator('.item').first()).toBeVisible();
  await page.getByRole('button', { name: 'Ver cómo se armó' }).click();
  const story = page.locator('[data-trace]');
  await expect(story).toBeVisible();
  const id = (await story.getAttribute('data-trace')) ?? '';
  const trace = await shop.get<Trace>(`/v1/recommendations/${id}/trace`);
  await expect(story.locator('.made-scores').first().locator('li')).toHaveCount(trace.candidates.filter(({ position }) => position !== undefined).length);
  for (const source of new Set(trace.candidates.map((candidate) => candidate.source))) await expect(story.locator(`[data-source="${source}"]`)).toBeVisible();
  await expect(story.locator('[data-dropped="rule:e2e-exclude"]')).toContainText('Regla «e2e quita»');

  await page.locator('input[name="why_not"]').fill(hidden);
  await page.locator('input[name="why_not"]').press('Enter');
  await expect(story.locator('[data-verdict="refused"]')).toContainText('fue descartado por «Regla «e2e quita»»');
  await page.locator('input[name="why_not"]').fill('e2e-nothing');
  await page.locator('input[name="why_not"]').press('Enter');
  await expect(story.locator('[data-verdict="not_found"]')).toContainText('no está en el catálogo');

  // Looking is no visit: what the shopper was shown did not grow.
  const { history } = await shop.profile(userId);
  expect(history.map(({ product_id }) => product_id).sort()).toEqual([...viewed].sort());

  await page.locator('input[name="recommendation"]').fill('e2e-unknown');
  await page.locator('input[name="recommendation"]').press('Enter');
  await expect(page.getByText('No hay registro de «e2e-unknown»')).toBeVisible();
  complaints.length = 0;
});
