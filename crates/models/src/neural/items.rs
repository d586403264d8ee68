//! All products' embeddings against what is known of a user.

use super::matrix::Matrix;
use crate::Neighbour;
use crate::linalg::Panels;
use crate::rank::top_k;

pub(crate) struct Items {
    n: usize,
    width: usize,
    panels: Panels,
}

impl Items {
    pub fn new(embeddings: &Matrix) -> Self {
        let width = embeddings.n_cols;
        Self { n: embeddings.n_rows, width, panels: Panels::pack(&embeddings.values, width) }
    }

    pub fn len(&self) -> usize {
        self.n
    }

    /// One row of scores for each query; nothing can be said where there is none.
    pub fn score(&self, queries: &[Option<Vec<f32>>], scores: &mut [f32]) {
        let blank = vec![0.0; self.width];
        let rows: Vec<f32> = queries.iter().flat_map(|query| query.as_ref().unwrap_or(&blank)).copied().collect();
        self.panels.product(&rows, scores);
        for (query, row) in queries.iter().zip(scores.chunks_exact_mut(self.n.max(1))) {
            if query.is_none() {
                row.fill(f32::NEG_INFINITY);
            }
        }
    }

    /// By the cosine of the embeddings.
    pub fn neighbours(&self, embeddings: &Matrix, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n {
            return Vec::new();
        }
        let mut products = vec![0.0; self.n];
        self.panels.product(embeddings.row(item as usize), &mut products);
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let own = norm(embeddings.row(item as usize));
        for (product, row) in products.iter_mut().zip(embeddings.rows()) {
            let norms = own * norm(row);
            *product = if norms > 0.0 { *product / norms } else { f32::NEG_INFINITY };
        }
        products[item as usize] = f32::NEG_INFINITY;
        top_k(&products, n).into_iter().map(|(item, similarity)| Neighbour { item, similarity }).collect()
    }
}
