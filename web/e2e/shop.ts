// What the tests need of a running server: its answers, and events to send it.

import { expect, test as base, type APIRequestContext, type ConsoleMessage, type Page } from '@playwright/test';

import type { Profile, RecentUser, Slate, Status } from '../src/api/wire';

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

  private async get<T>(path: string): Promise<T> {
    const response = await this.api.get(path);
    expect(response.ok(), `${path}: ${await response.text()}`).toBe(true);
    return (await response.json()) as T;
  }
}

/** Collects what the browser complains about: errors, warnings and refusals of the content security policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message: ConsoleMessage) => {
    // The answer 404 for a user that nobody knows is logged by the browser and handled by the page.
    const isUnknownUser = message.text().includes('404') && message.location().url.includes('/v1/users/');
    if (['error', 'warning'].includes(message.type()) && !isUnknownUser) complaints.push(`${message.type()}: ${message.text()}`);
  });
  return complaints;
}

/** Every test of the page ends by asking whether the browser complained. */
export const test = base.extend<{ shop: Shop; complaints: string[] }>({
  shop: async ({ request }, use) => use(new Shop(request)),
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
