// What the tests need of a running server: its answers, and events to send it.

import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type APIRequestContext, type ConsoleMessage, type Page } from '@playwright/test';

import type { Profile, RecentUser, ReviewsState, Rule, RuleList, Slate, Status } from '../src/api/wire';
import type { PageName } from '../src/pages';

// Fifteen of each side are what a shop needs to learn from; of price, delivery, quality and size some speak.
const THINGS = ['olla', 'mochila', 'lámpara', 'silla', 'taza', 'manta', 'mesa', 'jarra', 'caja', 'vela', 'cesta', 'bandeja', 'cuchara', 'alfombra', 'percha', 'maceta'];
const GOOD = THINGS.map((thing, i) => `La ${thing} es excelente y bonita${i % 2 ? ', de muy buena calidad' : ' y llegó rápido'}. Quedé encantada y feliz.`);
const BAD = THINGS.map((thing, i) => `La ${thing} llegó rota y es un desastre${i % 2 ? ', de pésima calidad' : ' y muy cara de precio'}. Quedé molesta y la devolví.`);


export class Shop {
  constructor(private readonly api: APIRequestContext) {}

  async status(): Promise<Status> {
    return this.get<Status>('/v1/status');
  }

  async recentUsers(): Promise<RecentUser[]> {
    return (await this.get<{ data: RecentUser[] }>('/v1/users?limit=20')).data;
  }

  async profile(user: string): Promise<Profile> {
    return this.get<Profile>(`/v1/users/${encodeURIComponent(user)}`);
  }

  async recommend(user: string): Promise<Slate> {
    const response = await this.api.post('/v1/recommendations', {
      data: { placement: 'home', user_id: user, n: 12, explain: true, preview: true },
    });
    expect(response.ok(), await response.text()).toBe(true);
    return (await response.json()) as Slate;
  }

  /** Sends a product view as a shop's page would, in Segment's words. */
  async viewProduct(userId: string, productId: string): Promise<void> {
    const response = await this.api.post('/v1/events', {
      data: {
        type: 'track',
        event: 'Product Viewed',
        messageId: `e2e-${crypto.randomUUID()}`,
        userId,
        timestamp: new Date().toISOString(),
        properties: { product_id: productId },
      },
    });
    expect(await response.json()).toMatchObject({ accepted: 1, rejected: [] });
  }

  /** A user of this test alone who has viewed some products of the shop. */
  async newShopper(views: number): Promise<{ userId: string; viewed: string[] }> {
    const userId = `e2e-${crypto.randomUUID()}`;
    const slate = await this.recommend(userId);
    const viewed = slate.items.slice(0, views).map((item) => item.product_id);
    expect(viewed.length, 'the shop needs products').toBe(views);
    for (const product of viewed) await this.viewProduct(userId, product);
    await expect(async () => expect((await this.profile(userId)).history).toHaveLength(views)).toPass({ timeout: 10_000 });
    return { userId, viewed };
  }

  async search(q: string, userId: string): Promise<void> {
    await this.get(`/v1/search?${new URLSearchParams({ q, user_id: userId }).toString()}`);
  }

  /** A product with good and bad reviews that are read, and what is known of the shop's reviews since. */
  async reviewedProduct(): Promise<[string, ReviewsState]> {
    const product = (await this.recommend(`e2e-${crypto.randomUUID()}`)).items[0]?.product_id ?? '';
    const events = [...GOOD.map((text) => ({ text, rating: 5 })), ...BAD.map((text) => ({ text, rating: 1 }))].map(({ text, rating }) => ({
      message_id: `e2e-${crypto.randomUUID()}`,
      event: 'product_reviewed',
      user_id: `e2e-${crypto.randomUUID()}`,
      product_id: product,
      rating,
      review: text,
    }));
    const sent = await this.api.post('/v1/events', { data: events });
    expect(await sent.json()).toMatchObject({ accepted: events.length, rejected: [] });
    const read = await this.api.post('/v1/reviews', { data: {} });
    expect(read.ok(), await read.text()).toBe(true);
    return [product, (await read.json()) as ReviewsState];
  }

  async get<T>(path: string): Promise<T> {
    const response = await this.api.get(path);
    expect(response.ok(), `${path}: ${await response.text()}`).toBe(true);
    return (await response.json()) as T;
  }
}

/** The draft and what is served of it; both are given back as they were found. */
export class Rules {
  constructor(private readonly api: APIRequestContext) {}

  async list(): Promise<RuleList> {
    return (await (await this.api.get('/v1/rules')).json()) as RuleList;
  }

  async add(rule: Partial<Rule> & Pick<Rule, 'rule_id' | 'action'>): Promise<void> {
    const response = await this.api.post('/v1/rules', { data: rule });
    expect(response.ok(), await response.text()).toBe(true);
  }

  async change(rule: Partial<Rule> & Pick<Rule, 'rule_id' | 'action'>): Promise<void> {
    const response = await this.api.put(`/v1/rules/${rule.rule_id}`, { data: rule, headers: { 'if-match': '*' } });
    expect(response.ok(), await response.text()).toBe(true);
  }

  async publish(): Promise<void> {
    expect((await this.api.post('/v1/rules/publish')).ok()).toBe(true);
  }

  async restore(before: RuleList): Promise<void> {
    const headers = { 'if-match': '*' };
    const now = await this.list();
    for (const { rule_id } of now.data) await this.api.delete(`/v1/rules/${rule_id}`, { headers });
    for (const rule of before.data) await this.add(rule);
    for (let served = now.served_version; served !== before.served_version; ) {
      served = ((await (await this.api.post('/v1/rules/rollback')).json()) as { served_version: number }).served_version;
    }
  }
}

/** Collects what the browser complains about: errors, warnings and refusals of the content security policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message: ConsoleMessage) => {
    // The answer 404 for a user or a product that nobody knows is logged by the browser and handled by the page.
    const isUnknown = message.text().includes('404') && /\/v1\/(users|products)\//.test(message.location().url);
    if (['error', 'warning'].includes(message.type()) && !isUnknown) complaints.push(`${message.type()}: ${message.text()}`);
  });
  return complaints;
}

/** Every test of the page ends by asking whether the browser complained. */
export const test = base.extend<{ shop: Shop; rules: Rules; complaints: string[] }>({
  shop: async ({ request }, use) => use(new Shop(request)),
  rules: async ({ request }, use) => {
    const rules = new Rules(request);
    const before = await rules.list();
    await use(rules);
    await rules.restore(before);
  },
  complaints: [
    async ({ page }, use) => {
      const complaints = complaintsOf(page);
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export async function openUser(page: Page, user: string): Promise<void> {
  const input = page.locator('input[name="user"]');
  await input.fill(user);
  await input.press('Enter');
}

/** Waits until the status has been read and the stream is open. */
export async function openPage(page: Page, path = '/'): Promise<void> {
  await page.goto(path);
  await expect(page.locator('[data-fact="products"]')).toBeVisible();
  await expect(page.locator('[data-stream="open"]')).toBeVisible();
}

/** Waits until the page has read what it shows. */
export async function openReport(page: Page, name: PageName, details = ''): Promise<void> {
  await page.goto(`/#page=${name}${details}`);
  await expect(page.locator('main h2').first()).toBeVisible();
  // A server that just started reads its catalogue first.
  await expect(page.locator('main .bones')).toHaveCount(0, { timeout: 20_000 });
}

const LEVELS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe says against the page as it is now, or a part of it. */
export async function violations(page: Page, part = 'html'): Promise<unknown[]> {
  const found = await new AxeBuilder({ page }).include(part).withTags(LEVELS).analyze();
  return found.violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map((node) => node.target) }));
}

/** Adds up how far things move that nobody touched, as Cumulative Layout Shift does; to be called before the page is opened. */
export async function watchLayout(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts = window as unknown as { shifted: number };
    shifts.shifted = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) shifts.shifted += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

export async function layoutShift(page: Page): Promise<number> {
  // Shifts are told after the frame in which they happened.
  await page.waitForTimeout(200);
  return page.evaluate(() => (window as unknown as { shifted: number }).shifted);
}
