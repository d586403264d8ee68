import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, it } from 'vitest';

const LIMIT_BYTES = 10_000;

it('what shops embed stays below 10 kB, compressed, all files together', async () => {
  const built = (await build({ configFile: 'vite.sdk.config.ts', logLevel: 'error', build: { write: false } })) as Rolldown.RolldownOutput[];
  const files = built.flatMap(({ output }) => output).map((file) => ({ name: file.fileName, content: file.type === 'chunk' ? file.code : file.source }));
  expect(files.map(({ name }) => name).sort()).toEqual(['vitrina-carousel.css', 'vitrina-carousel.js']);
  const bytes = files.reduce((sum, { content }) => sum + gzipSync(content).length, 0);
  expect(bytes).toBeLessThan(LIMIT_BYTES);
});
