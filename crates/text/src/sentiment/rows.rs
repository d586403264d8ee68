//! What a head is fitted on: one row of numbers for each review.

use crate::{Embeddings, Sparse};

/// Dense rows of an encoder or sparse rows of TF-IDF.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    Dense(Embeddings),
    Sparse { width: usize, rows: Vec<Sparse> },
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Self::Dense(embeddings) => embeddings.rows().len(),
            Self::Sparse { rows, .. } => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn width(&self) -> usize {
        match self {
            Self::Dense(embeddings) => embeddings.width,
            Self::Sparse { width, .. } => *width,
        }
    }

    /// These rows, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Dense(all) => {
                let values = rows.iter().flat_map(|&row| all.row(row)).copied().collect();
                Self::Dense(Embeddings { width: all.width, values })
            }
            Self::Sparse { width, rows: all } => {
                Self::Sparse { width: *width, rows: rows.iter().map(|&row| all[row].clone()).collect() }
            }
        }
    }

    pub(super) fn dot(&self, row: usize, weights: &[f64]) -> f64 {
        match self {
            Self::Dense(embeddings) => embeddings.row(row).iter().zip(weights).map(|(x, w)| f64::from(*x) * w).sum(),
            Self::Sparse { rows, .. } => {
                rows[row].entries().iter().map(|&(i, x)| f64::from(x) * weights[i as usize]).sum()
            }
        }
    }

    /// `out += a · row`
    pub(super) fn add_scaled(&self, row: usize, a: f64, out: &mut [f64]) {
        match self {
            Self::Dense(embeddings) => {
                embeddings.row(row).iter().zip(out).for_each(|(x, out)| *out += a * f64::from(*x));
            }
            Self::Sparse { rows, .. } => {
                rows[row].entries().iter().for_each(|&(i, x)| out[i as usize] += a * f64::from(x));
            }
        }
    }

    /// Each column with mean 0 and standard deviation 1, and the two that it had. Sparse rows stay as they are: their mean
    /// would fill them, and TF-IDF has brought them to one scale.
    pub(super) fn standardised(self) -> (Self, Option<Scale>) {
        let Self::Dense(mut embeddings) = self else { return (self, None) };
        let (n, mean) = (embeddings.rows().len().max(1) as f64, embeddings.mean());
        let mut variance = vec![0.0; embeddings.width];
        for row in embeddings.rows() {
            for ((sum, x), mean) in variance.iter_mut().zip(row).zip(&mean) {
                *sum += f64::from(x - mean).powi(2) / n;
            }
        }
        // A column that never changes says nothing: it becomes all zeros whatever it is divided by.
        let deviation: Vec<f32> = variance.into_iter().map(|v| if v > 1e-12 { v.sqrt() as f32 } else { 1.0 }).collect();
        for row in embeddings.values.chunks_exact_mut(embeddings.width) {
            for ((x, mean), deviation) in row.iter_mut().zip(&mean).zip(&deviation) {
                *x = (*x - mean) / deviation;
            }
        }
        (Self::Dense(embeddings), Some(Scale { mean, deviation }))
    }
}

/// Of each column.
pub(super) struct Scale {
    pub mean: Vec<f32>,
    pub deviation: Vec<f32>,
}
