import { useLayoutEffect, useRef, type RefObject } from 'react';

const GLIDE_MS = 420;

/**
 * Lets the children of a list that carry `data-key` glide to their new places when they are drawn elsewhere, so that
 * the eye can follow what moved (FLIP: measure before and after, then play the difference back). The list must be
 * their offset parent. Nothing moves for readers
 * who asked for reduced motion.
 */
export function useGlide<E extends HTMLElement>(list: RefObject<E | null>): void {
  const tops = useRef(new Map<string, number>());
  useLayoutEffect(() => {
    const before = tops.current;
    const after = new Map<string, number>();
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    for (const child of list.current?.children ?? []) {
      if (!(child instanceof HTMLElement)) continue;
      const key = child.dataset['key'];
      if (key === undefined) continue;
      after.set(key, child.offsetTop);
      const from = before.get(key);
      if (!still && from !== undefined && from !== child.offsetTop) {
        const shift = `translateY(${from - child.offsetTop}px)`;
        child.animate([{ transform: shift }, { transform: 'none' }], { duration: GLIDE_MS, easing: 'cubic-bezier(.2,.8,.2,1)' });
      }
    }
    tops.current = after;
  });
}
