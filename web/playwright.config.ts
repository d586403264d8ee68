import { defineConfig } from '@playwright/test';

// The server is not started here: whoever runs these tests starts `vitrina` with data and says where it is.
export default defineConfig({
  testDir: 'e2e',
  timeout: 30_000,
  workers: 1,
  forbidOnly: true,
  reporter: [['list']],
  use: {
    baseURL: process.env['VITRINA_URL'] ?? 'http://127.0.0.1:7700',
    locale: 'es-PE',
    timezoneId: 'America/Lima',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
