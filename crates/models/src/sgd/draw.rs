//! Drawing numbers with given chances.

use rand::Rng;

/// Draws `i` with a chance in proportion to its weight, in constant time: the alias method, Walker (1977), built as in
/// Vose, *A Linear Algorithm for Generating Random Numbers with a Given Distribution* (1991).
pub(crate) struct Lottery {
    /// Each slot holds a number with some chance, and its alias otherwise.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// Out of 2³².
    chance: u32,
    alias: u32,
}

impl Lottery {
    /// Weights are finite, not negative, and not all zero unless there are none.
    pub fn new(weights: &[f32]) -> Self {
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / weights.len() as f64;
        let mut shares: Vec<f64> = weights.iter().map(|&w| f64::from(w) / mean).collect();
        let certain = |i: u32| Slot { chance: u32::MAX, alias: i };
        let mut slots: Vec<Slot> = (0..weights.len() as u32).map(certain).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..weights.len() as u32).partition(|&i| shares[i as usize] < 1.0);
        while let (Some(&under), Some(&over)) = (small.last(), large.last()) {
            small.pop();
            let share = shares[under as usize];
            slots[under as usize] = Slot { chance: (share * f64::from(u32::MAX)) as u32, alias: over };
            shares[over as usize] -= 1.0 - share;
            if shares[over as usize] < 1.0 {
                large.pop();
                small.push(over);
            }
        }
        Self { slots }
    }

    /// Panics when there is nothing to draw.
    #[inline(always)]
    pub fn draw(&self, random: &mut impl Rng) -> u32 {
        let bits = random.next_u64();
        let slot = ((bits >> 32) * self.slots.len() as u64) >> 32;
        let Slot { chance, alias } = self.slots[slot as usize];
        if bits as u32 <= chance { slot as u32 } else { alias }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn numbers_come_as_often_as_they_weigh() {
        let weights = [1.0, 0.0, 5.0, 2.0, 0.5, 0.5, 1.0];
        let lottery = Lottery::new(&weights);
        let mut random = SmallRng::seed_from_u64(1);
        let mut counts = [0.0; 7];
        (0..100_000).for_each(|_| counts[lottery.draw(&mut random) as usize] += 1.0);
        for (count, weight) in counts.iter().zip(weights) {
            // Four standard deviations of the largest share.
            assert!((count / 100_000.0 - f64::from(weight) / 10.0).abs() < 0.0064, "{counts:?}");
        }
        assert_eq!(counts[1], 0.0);
    }
}
