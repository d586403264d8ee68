// What changed between two slates, so that the manager sees it move.

export type Mark = { type: 'new' } | { type: 'up' | 'down'; by: number };

export interface SlateDiff {
  /** By product id; products that kept their place have no mark. */
  marks: ReadonlyMap<string, Mark>;
  /** Products that left the slate, in their old order. */
  left: readonly string[];
  moved: number;
  entered: number;
}

export const NO_DIFF: SlateDiff = { marks: new Map(), left: [], moved: 0, entered: 0 };

/** Compares places, first to last, of product ids. */
export function diffSlates(before: readonly string[], after: readonly string[]): SlateDiff {
  const oldPlace = new Map(before.map((id, place) => [id, place]));
  const marks = new Map<string, Mark>();
  let moved = 0;
  let entered = 0;
  after.forEach((id, place) => {
    const old = oldPlace.get(id);
    if (old === undefined) {
      marks.set(id, { type: 'new' });
      entered += 1;
    } else if (old !== place) {
      marks.set(id, { type: old > place ? 'up' : 'down', by: Math.abs(old - place) });
      moved += 1;
    }
  });
  const stays = new Set(after);
  return { marks, left: before.filter((id) => !stays.has(id)), moved, entered };
}

export function isUnchanged(diff: SlateDiff): boolean {
  return diff.moved === 0 && diff.entered === 0 && diff.left.length === 0;
}
