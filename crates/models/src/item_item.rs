//! Models whose scores are the history times an item-item matrix: the matrix, how it is built on all cores, and the
//! model around it.

use rayon::prelude::*;

use crate::model::by_size;
use crate::rank::top_k_of;
use crate::ranking::{Ranking, SparseSums, Sums};
use crate::weighting::EventWeights;
use crate::{Contribution, Error, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors};

/// A sparse matrix in compressed rows: row i has what product i says for others, by item number.
pub(crate) struct ItemMatrix {
    indptr: Vec<u32>,
    items: Vec<u32>,
    values: Vec<f32>,
    sums: Sums,
}

impl ItemMatrix {
    /// One row per item, its cells in any order, no item twice.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<(u32, f32)>>) -> Self {
        let mut matrix = Self { indptr: vec![0], items: Vec::new(), values: Vec::new(), sums: Sums::default() };
        rows.into_iter().for_each(|row| matrix.push(&by_item(row)));
        matrix
    }

    fn push(&mut self, row: &[(u32, f32)]) {
        self.items.extend(row.iter().map(|cell| cell.0));
        self.values.extend(row.iter().map(|cell| cell.1));
        self.indptr.push(self.items.len() as u32);
    }

    /// Builds all rows on all cores, with a step of progress after each block. `row` may use a workspace of its thread,
    /// but must not depend on what is in it.
    pub fn build<W>(
        model: &'static str,
        n_items: usize,
        context: &FitContext<'_>,
        workspace: impl Fn() -> W + Sync + Send,
        row: impl Fn(&mut W, usize) -> Vec<(u32, f32)> + Sync + Send,
    ) -> Result<Self> {
        const BLOCK: usize = 4096;
        let mut matrix = Self::from_rows([]);
        for first in (0..n_items).step_by(BLOCK) {
            let block = (first..(first + BLOCK).min(n_items)).into_par_iter().with_min_len(16);
            let rows: Vec<_> = block.map_init(&workspace, |workspace, item| by_item(row(workspace, item))).collect();
            rows.iter().for_each(|row| matrix.push(row));
            context.step(model, first / BLOCK + 1, n_items.div_ceil(BLOCK))?;
        }
        Ok(matrix)
    }

    pub fn n_items(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Item numbers, ascending, and values of a row.
    pub fn row(&self, item: u32) -> (&[u32], &[f32]) {
        let range = self.indptr[item as usize] as usize..self.indptr[item as usize + 1] as usize;
        (&self.items[range.clone()], &self.values[range])
    }

    pub fn get(&self, row: u32, column: u32) -> Option<f32> {
        let (items, values) = self.row(row);
        items.binary_search(&column).ok().map(|position| values[position])
    }

    /// The largest values of a row.
    pub fn best(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        let (items, values) = self.row(item);
        let cells = items.iter().copied().zip(values.iter().copied());
        top_k_of(cells, n).into_iter().map(|(item, similarity)| Neighbour { item, similarity }).collect()
    }

    pub fn transposed(&self) -> Self {
        let n_items = self.n_items();
        let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); n_items];
        for i in 0..n_items as u32 {
            let (items, values) = self.row(i);
            for (&j, &value) in items.iter().zip(values) {
                rows[j as usize].push((i, value));
            }
        }
        Self::from_rows(rows)
    }

    /// `scores_j = Σ_i w_i m_ij`; what no row reaches cannot be scored.
    pub fn score(&self, items: &[u32], weights: &[f32], scores: &mut [f32]) {
        scores.fill(f32::NEG_INFINITY);
        for (&item, &weight) in items.iter().zip(weights) {
            let (neighbours, values) = self.row(item);
            for (&neighbour, &value) in neighbours.iter().zip(values) {
                let score = &mut scores[neighbour as usize];
                let sum = if *score == f32::NEG_INFINITY { 0.0 } else { *score };
                *score = sum + weight * value;
            }
        }
    }

    /// The same sums, of what rows reach alone.
    pub fn rank(&self, items: &[u32], weights: &[f32]) -> SparseSums<'_> {
        let terms = items.iter().zip(weights).flat_map(|(&item, &weight)| {
            let (neighbours, values) = self.row(item);
            neighbours.iter().zip(values).map(move |(&neighbour, &value)| (neighbour, weight * value))
        });
        self.sums.of(self.n_items(), terms)
    }

    pub fn save(&self, tensors: Tensors) -> Tensors {
        tensors
            .with_u32("indptr", &[self.indptr.len()], self.indptr.clone())
            .with_u32("neighbours", &[self.items.len()], self.items.clone())
            .with_f32("similarities", &[self.values.len()], self.values.clone())
    }

    pub fn load(tensors: &Tensors) -> Result<Self> {
        let (_, indptr) = tensors.u32("indptr", 1)?;
        let (_, items) = tensors.u32("neighbours", 1)?;
        let (_, values) = tensors.f32("similarities", 1)?;
        let n_items = indptr.len().saturating_sub(1);
        let in_order = indptr.windows(2).all(|w| w[0] <= w[1]) && indptr.first() == Some(&0);
        let complete = indptr.last().map(|&n| n as usize) == Some(items.len()) && items.len() == values.len();
        if !in_order || !complete || items.iter().any(|&j| j as usize >= n_items) {
            return Err(Error::Artifact(format!(
                "{}: `indptr`, `neighbours` and `similarities` do not fit together",
                tensors.model
            )));
        }
        let row = |w: &[u32]| {
            let range = w[0] as usize..w[1] as usize;
            items[range.clone()].iter().copied().zip(values[range].iter().copied()).collect()
        };
        Ok(Self::from_rows(indptr.windows(2).map(row)))
    }
}

fn by_item(mut row: Vec<(u32, f32)>) -> Vec<(u32, f32)> {
    row.sort_unstable_by_key(|&(item, _)| item);
    row
}

/// Rows of `AᵀB` one at a time, in a dense row that is cleaned by the list of what was touched.
pub(crate) struct GramRow {
    sums: Vec<f32>,
    /// The first `n_touched` are those of `sums` that are not zero; there is room for one more than there are items.
    touched: Vec<u32>,
    n_touched: usize,
}

impl GramRow {
    pub fn new(n_items: usize) -> Self {
        Self { sums: vec![0.0; n_items], touched: vec![0; n_items + 1], n_touched: 0 }
    }

    /// `Σ_u a_ui b_uj` for all j with a user in common with i, i itself included; `a` stands transposed, item by user.
    /// Weights are positive.
    pub fn row(
        &mut self,
        a_by_item: &Interactions,
        b_by_user: &Interactions,
        i: usize,
    ) -> impl Iterator<Item = (u32, f32)> {
        // The tiniest weights may underflow, but a product met is a product met.
        self.sums(a_by_item, b_by_user, i, |a, b| (a * b).max(f32::MIN_POSITIVE))
    }

    /// How many users each j has in common with i, in the order of [`row`](Self::row).
    pub fn n_common(
        &mut self,
        by_item: &Interactions,
        by_user: &Interactions,
        i: usize,
    ) -> impl Iterator<Item = (u32, f32)> {
        self.sums(by_item, by_user, i, |_, _| 1.0)
    }

    fn sums(
        &mut self,
        a_by_item: &Interactions,
        b_by_user: &Interactions,
        i: usize,
        term: impl Fn(f32, f32) -> f32,
    ) -> impl Iterator<Item = (u32, f32)> {
        let Self { sums, touched, n_touched } = self;
        touched[..*n_touched].iter().for_each(|&j| sums[j as usize] = 0.0);
        let mut n = 0;
        let users = a_by_item.row(i);
        for (&u, &a_ui) in users.items.iter().zip(users.weights) {
            let row = b_by_user.row(u as usize);
            for (&j, &b_uj) in row.items.iter().zip(row.weights) {
                let sum = &mut sums[j as usize];
                // Noted in any case and kept if new: nobody can predict that branch.
                touched[n] = j;
                n += usize::from(*sum == 0.0);
                *sum += term(a_ui, b_uj);
            }
        }
        *n_touched = n;
        touched[..n].iter().map(|&j| (j, sums[j as usize]))
    }

    /// The cells of [`row`](Self::row) without i itself.
    pub fn others(&mut self, a_by_item: &Interactions, b_by_user: &Interactions, i: usize) -> Vec<(u32, f32)> {
        self.row(a_by_item, b_by_user, i).filter(|&(j, _)| j as usize != i).collect()
    }
}

/// A history is scored by adding up the rows of its products.
pub struct ItemItemModel {
    name: &'static str,
    options: Options,
    event_weights: EventWeights,
    matrix: ItemMatrix,
}

impl ItemItemModel {
    pub(crate) fn new(name: &'static str, options: &Options, event_weights: EventWeights, matrix: ItemMatrix) -> Self {
        Self { name, options: options.clone(), event_weights, matrix }
    }
}

impl Model for ItemItemModel {
    fn name(&self) -> &'static str {
        self.name
    }

    fn n_items(&self) -> usize {
        self.matrix.n_items()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        let (items, weights) = self.event_weights.terms(history, self.n_items());
        self.matrix.score(&items, &weights, scores);
    }

    fn rank<'a>(&'a self, history: &History<'_>) -> Box<dyn Ranking + 'a> {
        let (items, weights) = self.event_weights.terms(history, self.n_items());
        Box::new(self.matrix.rank(&items, &weights))
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let (items, weights) = self.event_weights.terms(history, self.n_items());
        let terms = items.into_iter().zip(weights).filter_map(|(source, weight)| {
            let value = weight * self.matrix.get(source, item)?;
            Some(Contribution { model: self.name, item: Some(source), value })
        });
        by_size(terms.collect())
    }

    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        self.matrix.best(item, n)
    }

    fn tensors(&self) -> Tensors {
        self.matrix.save(Tensors::new(self.name, self.options.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_sums_of_rows() {
        let matrix = ItemMatrix::from_rows(vec![vec![(2, 0.5), (1, -1.0)], vec![(2, 2.0)], vec![]]);
        let mut scores = [f32::NAN; 3];
        matrix.score(&[0, 1], &[2.0, 1.0], &mut scores);
        assert_eq!(scores, [f32::NEG_INFINITY, -2.0, 3.0]);
        assert_eq!((matrix.get(0, 2), matrix.get(0, 0)), (Some(0.5), None));
        assert_eq!(matrix.transposed().row(2), (&[0, 1][..], &[0.5, 2.0][..]));
        assert_eq!(matrix.best(0, 1), [Neighbour { item: 2, similarity: 0.5 }]);
    }
}
