import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  build: {
    // The page runs under `default-src 'self'`: nothing may be inlined as a data: URL, and no inline polyfill is needed.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:7700' } },
  test: { include: ['test/**/*.test.ts'] },
});
