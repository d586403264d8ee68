//! How often people come back to a product of their session, counted by its place there.

/// Products told apart by how recently they were last seen: the last one, the one before, …
const RANKS: usize = 8;
/// Seen once, twice, three times or more.
const VISITS: usize = 3;
/// Whether the session's last step went to something new, came back to a product, or stayed on it.
const STEPS: usize = 3;
/// One, two, three, four or more different products to come back to: they share the chance of a return.
const PRODUCTS: usize = 4;
const PLACES: usize = RANKS * VISITS * STEPS * PRODUCTS;

/// Counts over all beginnings of all sessions: products at a place, and how many of them came next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Returns {
    asked: Vec<u64>,
    returned: Vec<u64>,
}

impl Returns {
    pub fn new() -> Self {
        Self { asked: vec![0; PLACES], returned: vec![0; PLACES] }
    }

    pub fn add(&mut self, session: &[u32]) {
        self.count(session, |n| *n += 1);
    }

    /// Takes back what [`add`](Self::add) counted.
    pub fn remove(&mut self, session: &[u32]) {
        self.count(session, |n| *n -= 1);
    }

    fn count(&mut self, session: &[u32], change: impl Fn(&mut u64)) {
        for n in 1..session.len() {
            for (item, place) in places(&session[..n]) {
                change(&mut self.asked[place]);
                if item == session[n] {
                    change(&mut self.returned[place]);
                }
            }
        }
    }

    /// The session's latest products with the chance that the next step comes back to each.
    pub fn rates(&self, session: &[u32]) -> impl Iterator<Item = (u32, f32)> {
        places(session).map(|(item, place)| (item, self.returned[place] as f32 / (self.asked[place] + 1) as f32))
    }
}

/// The latest different products of a session, latest first, each with the number of its place.
fn places(session: &[u32]) -> impl Iterator<Item = (u32, usize)> + use<> {
    let mut seen = [(0u32, 0usize); RANKS];
    let mut n_seen = 0;
    for &item in session.iter().rev() {
        match seen[..n_seen].iter_mut().find(|(other, _)| *other == item) {
            Some((_, visits)) => *visits += 1,
            None if n_seen < RANKS => {
                seen[n_seen] = (item, 1);
                n_seen += 1;
            }
            None => {}
        }
    }
    let last_step = match session {
        [.., a, b] if a == b => 2,
        [before @ .., last] if before.contains(last) => 1,
        _ => 0,
    };
    let around = last_step * PRODUCTS + n_seen.clamp(1, PRODUCTS) - 1;
    seen.into_iter()
        .take(n_seen)
        .enumerate()
        .map(move |(rank, (item, visits))| (item, (rank * VISITS + visits.min(VISITS) - 1) * STEPS * PRODUCTS + around))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_hand() {
        let mut returns = Returns::new();
        // After [1, 2] people came back to the product before the last twice and went on once.
        for session in [[1, 2, 1], [3, 4, 3], [5, 6, 7]] {
            returns.add(&session);
        }
        let rates: Vec<(u32, f32)> = returns.rates(&[8, 9]).collect();
        assert_eq!(rates, [(9, 0.0), (8, 2.0 / 4.0)]);
        returns.remove(&[3, 4, 3]);
        assert_eq!(returns.rates(&[8, 9]).nth(1), Some((8, 1.0 / 3.0)));
        assert_eq!(returns.rates(&[]).count(), 0);
    }

    #[test]
    fn a_place_knows_rank_visits_last_step_and_products() {
        let place = |rank: usize, visits: usize, last_step: usize, products: usize| {
            (rank * VISITS + visits - 1) * STEPS * PRODUCTS + last_step * PRODUCTS + products - 1
        };
        assert_eq!(places(&[1, 2]).collect::<Vec<_>>(), [(2, place(0, 1, 0, 2)), (1, place(1, 1, 0, 2))]);
        assert_eq!(places(&[1, 2, 1]).collect::<Vec<_>>(), [(1, place(0, 2, 1, 2)), (2, place(1, 1, 1, 2))]);
        assert_eq!(places(&[2, 1, 1]).collect::<Vec<_>>(), [(1, place(0, 2, 2, 2)), (2, place(1, 1, 2, 2))]);
        assert_eq!(places(&(0..20).collect::<Vec<_>>()).last(), Some((12, place(7, 1, 0, 4))));
    }
}
