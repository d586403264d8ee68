import { expect, it } from 'vitest';

import { diffSlates, isUnchanged, type Mark } from '../src/preview/diff';

const marks = (before: string, after: string): Record<string, Mark> => Object.fromEntries(diffSlates([...before], [...after]).marks);

it('the same slate has no marks', () => {
  expect(isUnchanged(diffSlates(['a', 'b'], ['a', 'b']))).toBe(true);
});

it('a product that climbs pushes the others down', () => {
  expect(marks('abc', 'cab')).toEqual({ c: { type: 'up', by: 2 }, a: { type: 'down', by: 1 }, b: { type: 'down', by: 1 } });
});

it('what enters is new and what leaves is told', () => {
  const diff = diffSlates([...'abc'], [...'axc']);
  expect(Object.fromEntries(diff.marks)).toEqual({ x: { type: 'new' } });
  expect(diff).toMatchObject({ left: ['b'], moved: 0, entered: 1 });
});

it('from nothing everything is new, to nothing everything left', () => {
  expect(diffSlates([], ['a', 'b']).entered).toBe(2);
  expect(diffSlates(['a', 'b'], []).left).toEqual(['a', 'b']);
});
