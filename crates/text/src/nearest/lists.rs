//! Rows by the nearest of some centres, so that a search reads the lists of near centres alone: an inverted file (Jégou, Douze and
//! Schmid 2011) over spherical k-means (Dhillon and Modha 2001).
//!
//! Inserting and removing touch one list. A list holds numbers of rows: the vectors are where the exact scan has them.

use rayon::prelude::*;

use super::rows::{Packed, Rows};
use crate::encoder::normalize;

/// Rows that a centre is learned from, on average.
const ROWS_PER_CENTRE: usize = 64;
const ITERATIONS: usize = 10;
/// Rows that meet all centres in one product.
const BLOCK: usize = 1024;

#[derive(Clone)]
pub(super) struct Lists {
    centres: Rows,
    members: Vec<Vec<u32>>,
}

impl Lists {
    /// Learns 2 √n centres of the `live` rows from some of them, then files all. `None` without any.
    pub fn build(rows: &Rows, mut live: Vec<u32>) -> Option<Self> {
        live.sort_unstable();
        let n = (2 * live.len().isqrt()).min(live.len());
        let step = (live.len() / (n * ROWS_PER_CENTRE).max(1)).max(1);
        let sample: Vec<u32> = live.iter().copied().step_by(step).collect();
        let mut centres = Rows::new(rows.width());
        (0..n).for_each(|centre| centres.set(centre, rows.get(sample[centre * sample.len() / n] as usize)));
        for _ in 0..ITERATIONS {
            centres = means(rows, &sample, &centres);
        }
        let mut members = vec![Vec::new(); n];
        live.iter().zip(nearest_centres(rows, &live, &centres)).for_each(|(&row, centre)| members[centre].push(row));
        (n > 0).then_some(Self { centres, members })
    }

    pub fn insert(&mut self, row: u32, vector: &[f32]) {
        let nearest = self.by_nearness(vector)[0];
        self.members[nearest].push(row);
    }

    /// `vector` is what the row was inserted with.
    pub fn remove(&mut self, row: u32, vector: &[f32]) {
        // Nearly always the first; two centres may be as near as each other up to rounding.
        for centre in self.by_nearness(vector) {
            if let Some(at) = self.members[centre].iter().position(|&member| member == row) {
                self.members[centre].swap_remove(at);
                return;
            }
        }
    }

    /// Rows list by list, those of the nearest centre first.
    pub fn nearest_first(&self, query: &[f32]) -> impl Iterator<Item = &[u32]> {
        self.by_nearness(query).into_iter().map(|centre| self.members[centre].as_slice())
    }

    fn by_nearness(&self, vector: &[f32]) -> Vec<usize> {
        let mut products = vec![0.0; self.members.len()];
        self.centres.dots(vector, &mut products);
        let mut order: Vec<usize> = (0..products.len()).collect();
        order.sort_by(|&a, &b| products[b].total_cmp(&products[a]));
        order
    }
}

/// The mean direction of the rows nearest to each centre; a centre without rows stays where it is.
fn means(rows: &Rows, sample: &[u32], centres: &Rows) -> Rows {
    let mut sums = vec![vec![0.0; rows.width()]; centres.len()];
    for (&row, centre) in sample.iter().zip(nearest_centres(rows, sample, centres)) {
        sums[centre].iter_mut().zip(rows.get(row as usize)).for_each(|(sum, x)| *sum += x);
    }
    let mut means = Rows::new(rows.width());
    for (centre, mut sum) in sums.into_iter().enumerate() {
        normalize(&mut sum);
        let is_empty = sum.iter().all(|&x| x == 0.0);
        means.set(centre, if is_empty { centres.get(centre) } else { &sum });
    }
    means
}

fn nearest_centres(rows: &Rows, members: &[u32], centres: &Rows) -> Vec<usize> {
    let centres: &Packed = &centres.packed();
    let nearest = |products: &[f32]| (0..products.len()).max_by(|&a, &b| products[a].total_cmp(&products[b]));
    let of_block = |block: &[u32]| {
        let vectors: Vec<f32> = block.iter().flat_map(|&row| rows.padded(rows.get(row as usize))).collect();
        let mut products = vec![0.0; block.len() * centres.n_rows()];
        centres.products(&vectors, &mut products);
        let nearest = products.chunks_exact(centres.n_rows()).map(|products| nearest(products).expect("a centre"));
        nearest.collect::<Vec<usize>>()
    };
    members.par_chunks(BLOCK).flat_map_iter(of_block).collect()
}
