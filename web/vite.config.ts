import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  build: {
    // The page runs under `default-src 'self'`: nothing may be inlined as a data: URL, and no inline polyfill is needed.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rollupOptions: { input: { dashboard: 'index.html', tienda: 'tienda/index.html' } },
  },
  // The storefront uses the carousel from sdk/js beside this folder.
  server: { proxy: { '/v1': process.env['VITRINA_URL'] ?? 'http://127.0.0.1:7700' }, fs: { allow: ['..'] } },
  test: { include: ['test/**/*.test.ts'] },
});
