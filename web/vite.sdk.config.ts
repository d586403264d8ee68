import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

const sdk = new URL('../sdk/js/', import.meta.url);

// The carousel that shops embed: one module under a name that never changes, and the style sheet that keeps its room free.
export default defineConfig({
  plugins: [
    {
      name: 'reserving-style-sheet',
      generateBundle() {
        const fileName = 'vitrina-carousel.css';
        this.emitFile({ type: 'asset', fileName, source: readFileSync(new URL(fileName, sdk)) });
      },
    },
  ],
  publicDir: false,
  build: {
    outDir: 'dist/sdk',
    lib: { entry: new URL('vitrina-carousel.js', sdk).pathname, formats: ['es'], fileName: 'vitrina-carousel' },
    target: 'es2022',
    // A library keeps its white space for other bundlers unless it is told otherwise; this one goes to browsers.
    rollupOptions: { output: { minify: true } },
  },
});
