import { getPlans } from '../api/client';
import { useAnswer } from '../api/use-answer';
import { PLACEMENTS } from '../api/wire';

/** Where the shop shows products: as many as there are plans. */
export function usePlacements(): readonly string[] {
  return useAnswer(getPlans).answer?.map((plan) => plan.name) ?? PLACEMENTS;
}
