//! The frozen log as a sparse matrix: users × items, rows in order of time.

use crate::{Error, HistoryItem, Result};

/// One cell of the log: `user` did something about `item`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    pub user: u32,
    pub item: u32,
    /// Confidence-like: 1 for a view, more for stronger events. Must be positive and finite.
    pub weight: f32,
    /// Seconds since the epoch; 0 where the data has no time.
    pub timestamp: i64,
}

/// User × item interactions in compressed rows. Repeats of a pair are kept; each row is sorted by time, oldest first,
/// and keeps the given order among equal times. A session log is the same thing with sessions as rows.
///
/// A cell takes 16 bytes, and 8 once [`merged`](Self::merged): pairs have no time.
#[derive(Debug, Clone, PartialEq)]
pub struct Interactions {
    n_items: usize,
    indptr: Vec<usize>,
    items: Vec<u32>,
    weights: Vec<f32>,
    /// Empty for pairs.
    timestamps: Vec<i64>,
}

/// One user's interactions.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub items: &'a [u32],
    pub weights: &'a [f32],
    /// Empty for pairs, which have no time.
    pub timestamps: &'a [i64],
}

impl Interactions {
    /// Builds the matrix from cells in any order of users.
    pub fn new(n_users: usize, n_items: usize, cells: &[Interaction]) -> Result<Self> {
        check(n_users, n_items, cells.iter().copied())?;
        let mut indptr = vec![0usize; n_users + 1];
        for cell in cells {
            indptr[cell.user as usize + 1] += 1;
        }
        for user in 0..n_users {
            indptr[user + 1] += indptr[user];
        }
        let mut next = indptr.clone();
        let mut order = vec![0usize; cells.len()];
        for (position, cell) in cells.iter().enumerate() {
            let slot = &mut next[cell.user as usize];
            order[*slot] = position;
            *slot += 1;
        }
        for user in 0..n_users {
            order[indptr[user]..indptr[user + 1]].sort_by_key(|&position| cells[position].timestamp);
        }
        Ok(Self {
            n_items,
            indptr,
            items: order.iter().map(|&p| cells[p].item).collect(),
            weights: order.iter().map(|&p| cells[p].weight).collect(),
            timestamps: order.iter().map(|&p| cells[p].timestamp).collect(),
        })
    }

    /// The same from the rows of one user after the other, which need not be in memory all at once.
    pub fn from_rows(n_items: usize, rows: impl IntoIterator<Item = Vec<HistoryItem>>) -> Result<Self> {
        let mut log = Self { n_items, indptr: vec![0], items: vec![], weights: vec![], timestamps: vec![] };
        for (user, mut row) in (0..).zip(rows) {
            row.sort_by_key(|event| event.timestamp);
            let cell = |event: &HistoryItem| {
                let &HistoryItem { item, weight, timestamp } = event;
                Interaction { user, item, weight, timestamp }
            };
            check(user as usize + 1, n_items, row.iter().map(cell))?;
            log.items.extend(row.iter().map(|event| event.item));
            log.weights.extend(row.iter().map(|event| event.weight));
            log.timestamps.extend(row.iter().map(|event| event.timestamp));
            log.indptr.push(log.items.len());
        }
        Ok(log)
    }

    pub fn n_users(&self) -> usize {
        self.indptr.len() - 1
    }

    pub fn n_items(&self) -> usize {
        self.n_items
    }

    pub fn n_interactions(&self) -> usize {
        self.items.len()
    }

    #[inline]
    pub fn row(&self, user: usize) -> Row<'_> {
        let range = self.indptr[user]..self.indptr[user + 1];
        Row {
            items: &self.items[range.clone()],
            weights: &self.weights[range.clone()],
            timestamps: self.timestamps.get(range).unwrap_or(&[]),
        }
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.n_users()).map(|user| self.row(user))
    }

    /// The row as a serving history.
    pub fn history(&self, user: usize) -> Vec<HistoryItem> {
        let item = |cell: Interaction| HistoryItem { item: cell.item, weight: cell.weight, timestamp: cell.timestamp };
        self.cells_of(user).map(item).collect()
    }

    /// The last moment in the data; 0 when there is none.
    pub fn newest_timestamp(&self) -> i64 {
        self.timestamps.iter().copied().max().unwrap_or(0)
    }

    pub fn cells(&self) -> impl Iterator<Item = Interaction> + '_ {
        (0..self.n_users()).flat_map(move |user| self.cells_of(user))
    }

    fn cells_of(&self, user: usize) -> impl Iterator<Item = Interaction> + '_ {
        (self.indptr[user]..self.indptr[user + 1]).map(move |p| Interaction {
            user: user as u32,
            item: self.items[p],
            weight: self.weights[p],
            timestamp: self.timestamps.get(p).copied().unwrap_or(0),
        })
    }

    /// Each pair once: weights summed, rows sorted by item number.
    pub fn merged(&self) -> Self {
        self.merged_as(|weight, _| weight)
    }

    /// [`merged`](Self::merged), each event with a weight made of its own and its time.
    pub(crate) fn merged_as(&self, weight: impl Fn(f32, i64) -> f32) -> Self {
        let n = self.n_interactions();
        let (mut items, mut weights) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut indptr = Vec::with_capacity(self.indptr.len());
        indptr.push(0);
        let mut cells: Vec<(u32, f32)> = Vec::new();
        for user in 0..self.n_users() {
            cells.clear();
            cells.extend(self.cells_of(user).map(|cell| (cell.item, weight(cell.weight, cell.timestamp))));
            cells.sort_by_key(|&(item, _)| item);
            for repeats in cells.chunk_by(|a, b| a.0 == b.0) {
                items.push(repeats[0].0);
                weights.push(repeats.iter().map(|cell| cell.1).sum());
            }
            indptr.push(items.len());
        }
        items.shrink_to_fit();
        weights.shrink_to_fit();
        Self { n_items: self.n_items, indptr, items, weights, timestamps: Vec::new() }
    }

    /// Items × users, without times; cells of a row stand in order of user.
    pub fn transposed(&self) -> Self {
        let mut indptr = vec![0usize; self.n_items + 1];
        for &item in &self.items {
            indptr[item as usize + 1] += 1;
        }
        for item in 0..self.n_items {
            indptr[item + 1] += indptr[item];
        }
        let mut next = indptr.clone();
        let n = self.items.len();
        let (mut items, mut weights) = (vec![0; n], vec![0.0; n]);
        for cell in self.cells() {
            let slot = &mut next[cell.item as usize];
            items[*slot] = cell.user;
            weights[*slot] = cell.weight;
            *slot += 1;
        }
        Self { n_items: self.n_users(), indptr, items, weights, timestamps: Vec::new() }
    }

    /// The same pattern with other weights, made of who (the row), what, and the weight.
    pub(crate) fn map_cells(mut self, weight: impl Fn(usize, u32, f32) -> f32) -> Self {
        for user in 0..self.n_users() {
            for position in self.indptr[user]..self.indptr[user + 1] {
                self.weights[position] = weight(user, self.items[position], self.weights[position]);
            }
        }
        self
    }
}

fn check(n_users: usize, n_items: usize, cells: impl Iterator<Item = Interaction>) -> Result<()> {
    if n_users > u32::MAX as usize || n_items > u32::MAX as usize {
        return Err(Error::Data(format!("got {n_users} users × {n_items} items, wanted at most {} of each", u32::MAX)));
    }
    for (position, cell) in cells.enumerate() {
        if cell.user as usize >= n_users || cell.item as usize >= n_items {
            return Err(Error::Data(format!(
                "interaction {position}: got user {} and item {}, wanted user < {n_users} and item < {n_items}",
                cell.user, cell.item
            )));
        }
        if !(cell.weight > 0.0 && cell.weight.is_finite()) {
            return Err(Error::Data(format!(
                "interaction {position}: got weight {}, wanted a number > 0",
                cell.weight
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(user: u32, item: u32, weight: f32, timestamp: i64) -> Interaction {
        Interaction { user, item, weight, timestamp }
    }

    #[test]
    fn rows_are_sorted_by_time_and_keep_repeats() {
        let log = [cell(1, 0, 1.0, 9), cell(0, 2, 1.0, 5), cell(1, 1, 2.0, 3), cell(1, 0, 1.0, 4)];
        let m = Interactions::new(3, 3, &log).unwrap();
        assert_eq!(m.row(1).items, [1, 0, 0]);
        assert_eq!(m.row(1).timestamps, [3, 4, 9]);
        assert_eq!(m.row(2).items, [] as [u32; 0]);
        let event = |c: Interaction| HistoryItem { item: c.item, weight: c.weight, timestamp: c.timestamp };
        let rows = [vec![event(log[1])], vec![event(log[0]), event(log[2]), event(log[3])], vec![]];
        assert_eq!(Interactions::from_rows(3, rows).unwrap(), m);
        assert!(Interactions::from_rows(2, [vec![event(log[1])]]).is_err());
        assert_eq!(m.newest_timestamp(), 9);
    }

    #[test]
    fn merging_sums_weights() {
        let m =
            Interactions::new(1, 3, &[cell(0, 2, 1.0, 9), cell(0, 0, 1.0, 1), cell(0, 2, 3.0, 4)]).unwrap().merged();
        assert_eq!(m.row(0).items, [0, 2]);
        assert_eq!(m.row(0).weights, [1.0, 4.0]);
        assert_eq!(m.row(0).timestamps, [] as [i64; 0]);
    }

    #[test]
    fn transposing_twice_gives_the_merged_matrix_back() {
        let log = [cell(0, 2, 1.0, 9), cell(0, 0, 1.5, 1), cell(2, 2, 3.0, 4)];
        let m = Interactions::new(3, 4, &log).unwrap().merged();
        assert_eq!(m.transposed().row(2).items, [0, 2]);
        assert_eq!(m.transposed().transposed(), m);
    }

    #[test]
    fn bad_cells_are_refused() {
        assert!(Interactions::new(1, 1, &[cell(1, 0, 1.0, 0)]).is_err());
        assert!(Interactions::new(1, 1, &[cell(0, 1, 1.0, 0)]).is_err());
        assert!(Interactions::new(1, 1, &[cell(0, 0, f32::NAN, 0)]).is_err());
        assert!(Interactions::new(1, 1, &[cell(0, 0, 0.0, 0)]).is_err());
    }
}
