import { expect, openPage, openReport, openUser, test, violations } from './shop';

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [device, viewport] of [
    ['desktop', { width: 1440, height: 900 }],
    ['phone', { width: 360, height: 780 }],
  ] as const) {
    test.describe(`${colorScheme}, ${device}`, () => {
      test.use({ colorScheme, viewport, contextOptions: { reducedMotion: 'reduce' } });

      test('has nothing that axe calls a violation', async ({ page, shop }) => {
        // Two hundred rows are many contrasts to compute on a busy machine.
        test.setTimeout(120_000);
        const { userId } = await shop.newShopper(2);
        await openPage(page);
        await openUser(page, userId);
        await page.getByLabel('Ubicación').selectOption('product');
        await expect(page.locator('.context')).toBeVisible();
        // The slate of the placement before stands until the answer is there.
        await expect(page.locator('.preview-body')).toHaveAttribute('aria-busy', 'false');
        await page.locator('.why').first().click();
        await expect(page.locator('.parts')).toBeVisible();
        await page.getByRole('button', { name: 'Pausar' }).click();
        expect(await violations(page)).toEqual([]);
      });

      for (const name of ['catalog', 'searches', 'reviews'] as const) {
        test(`the page of ${name} has nothing that axe calls a violation and does not scroll sideways`, async ({ page, shop }) => {
          test.setTimeout(120_000);
          let details = '';
          if (name === 'catalog') details = '&hint=duplicate_listing';
          if (name === 'reviews') details = `&product=${encodeURIComponent((await shop.reviewedProduct())[0])}`;
          if (name === 'searches') for (let i = 0; i < 3; i += 1) await shop.search('qwzzk vxjjy', `e2e-${crypto.randomUUID()}`);
          await openReport(page, name, details);
          expect(await violations(page)).toEqual([]);
          const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          expect(excess).toBe(0);
        });
      }

      test('the page of rules, its form, its question and how a slate was made have nothing that axe calls a violation', async ({ page, shop, rules }) => {
        test.setTimeout(120_000);
        const { userId, viewed } = await shop.newShopper(2);
        await rules.add({ rule_id: 'e2e-pin', name: 'e2e', action: { kind: 'pin', product_ids: viewed, position: 1 } });
        await rules.add({ rule_id: 'e2e-exclude', name: 'e2e', action: { kind: 'exclude' }, where: 'price >= 0' });
        await openReport(page, 'rules');
        const looksRight = async (part: string) => {
          expect(await violations(page, part)).toEqual([]);
          const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          expect(excess).toBe(0);
        };
        await page.getByRole('button', { name: 'Ensayar' }).click();
        await expect(page.locator('[data-dry-run]')).toBeVisible({ timeout: 30_000 });
        await looksRight('html');
        await page.getByRole('button', { name: 'Publicar' }).click();
        await expect(page.getByRole('dialog')).toBeVisible();
        await looksRight('.dialog');
        await page.keyboard.press('Escape');
        await page.locator('[data-rule="e2e-exclude"]').getByRole('button', { name: 'Editar' }).click();
        await expect(page.locator('.rule-form')).toBeVisible();
        await looksRight('.rule-form');

        await openPage(page);
        await page.getByRole('button', { name: 'Pausar' }).click();
        await openUser(page, userId);
        await page.getByRole('button', { name: 'Ver cómo se armó' }).click();
        await page.locator('.made-scores summary').first().click();
        await looksRight('.made');
      });

      test('does not scroll sideways', async ({ page }) => {
        await openPage(page);
        await expect(page.locator('.item').first()).toBeVisible();
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(excess).toBe(0);
      });
    });
  }
}

test('everything can be done with the keyboard alone', async ({ page, shop }) => {
  const { userId } = await shop.newShopper(2);
  const { user } = await shop.profile(userId);
  await openPage(page);
  const focused = page.locator(':focus');

  // The first stop leads past the stream to the preview.
  await page.keyboard.press('Tab');
  await expect(focused).toHaveText('Ir a ver como usuario');
  await page.keyboard.press('Enter');
  await expect(focused).toHaveText('Ver como usuario');

  const tabTo = async (target: string) => {
    for (let stops = 0; stops < 60; stops += 1) {
      await page.keyboard.press('Tab');
      if (await focused.evaluate((element, selector) => element.matches(selector), target)) return;
    }
    throw new Error(`Tab never reached ${target}`);
  };

  await tabTo('input[name="user"]');
  await page.keyboard.press('Control+a');
  await page.keyboard.type(userId);
  await page.keyboard.press('Enter');
  await expect(page.locator('.profile')).toContainText(user.slice(0, 7));

  await tabTo('select[name="placement"]');
  await page.keyboard.press('ArrowDown');
  await expect(page.locator('.context')).toBeVisible();

  await tabTo('.why');
  await page.keyboard.press('Enter');
  await expect(focused).toHaveAttribute('aria-expanded', 'true');
  await expect(page.locator('.parts').first()).toBeVisible();

  // What has the focus shows it.
  const outline = await focused.evaluate((element) => getComputedStyle(element).outlineStyle);
  expect(outline).toBe('solid');

  // Back up into the stream: a row's button opens its user.
  await page.locator('.live-scroll').focus();
  await page.keyboard.press('Tab');
  await expect(focused).toHaveClass(/user-link/);
  const name = await focused.innerText();
  await page.keyboard.press('Enter');
  await expect(page.locator('input[name="user"]')).toHaveValue(new RegExp(`^${name.replace('…', '')}`));
});

test.describe('with reduced motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('nothing moves', async ({ page, shop }) => {
    await openPage(page);
    await shop.newShopper(1);
    await expect(page.locator('.live-table tbody tr').first()).toBeVisible();
    const running = await page.evaluate(() => document.getAnimations().filter((animation) => animation.playState === 'running').length);
    expect(running).toBe(0);
  });
});
