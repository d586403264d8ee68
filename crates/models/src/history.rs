//! One user's recent products, as a model sees them at the moment of the query.

/// One product in a user's history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryItem {
    pub item: u32,
    /// How strongly the event speaks for the product; 1 is a plain view.
    pub weight: f32,
    /// Seconds since the epoch; 0 where the data has no time.
    pub timestamp: i64,
}

/// A user's history, oldest first. The user may never have been in training, and may repeat products.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    pub items: &'a [HistoryItem],
    /// The time of the query, seconds since the epoch.
    pub now: i64,
}

impl History<'_> {
    /// Each known product once, by item number, weights decayed to `now` and summed.
    ///
    /// Products unknown to the model (`item >= n_items`) and weights that are not positive say nothing and are left out.
    pub(crate) fn merged(&self, n_items: usize, half_life_days: f32) -> (Vec<u32>, Vec<f32>) {
        let mut pairs: Vec<(u32, f32)> = self
            .items
            .iter()
            .filter(|h| (h.item as usize) < n_items)
            .map(|h| (h.item, h.weight * decay(self.now - h.timestamp, half_life_days)))
            .filter(|&(_, weight)| weight > 0.0 && weight.is_finite())
            .collect();
        pairs.sort_by_key(|&(item, _)| item);
        pairs.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 += later.1;
            }
            same
        });
        pairs.into_iter().unzip()
    }
}

/// Weight left after `age_seconds`: one half for every `half_life_days`. A half life of 0 means nothing fades.
/// Events from the future (clocks differ) count as now.
pub fn decay(age_seconds: i64, half_life_days: f32) -> f32 {
    if half_life_days <= 0.0 {
        return 1.0;
    }
    let age_days = age_seconds.max(0) as f64 / 86_400.0;
    (-age_days / f64::from(half_life_days)).exp2() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_left_after_a_half_life() {
        assert_eq!(decay(7 * 86_400, 7.0), 0.5);
        assert_eq!(decay(14 * 86_400, 7.0), 0.25);
        assert_eq!(decay(14 * 86_400, 0.0), 1.0);
        assert_eq!(decay(-5, 7.0), 1.0);
    }

    #[test]
    fn a_history_merges_repeats_and_drops_what_says_nothing() {
        let item = |item, weight| HistoryItem { item, weight, timestamp: 0 };
        let items = [item(3, 1.0), item(1, 2.0), item(3, 0.5), item(9, 1.0), item(2, f32::NAN), item(0, 0.0)];
        let merged = History { items: &items, now: 0 }.merged(5, 0.0);
        assert_eq!(merged, (vec![1, 3], vec![2.0, 1.5]));
    }
}
