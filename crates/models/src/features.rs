//! What is known of users or products beside their interactions, as sparse indicators.

use crate::{Error, Result};

/// One row per user or product: the numbers of the features that it has, such as `category=Calzado` or `price_band=3`.
/// Names belong to whoever made the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    n_features: usize,
    indptr: Vec<usize>,
    features: Vec<u32>,
}

impl Features {
    /// Fails on a feature number that is not below `n_features`.
    pub fn new<R: AsRef<[u32]>>(n_features: usize, rows: impl IntoIterator<Item = R>) -> Result<Self> {
        let (mut indptr, mut features) = (vec![0], Vec::new());
        for (number, row) in rows.into_iter().enumerate() {
            let start = features.len();
            features.extend_from_slice(row.as_ref());
            features[start..].sort_unstable();
            if let Some(&wrong) = features[start..].last().filter(|&&feature| feature as usize >= n_features) {
                return Err(Error::Data(format!("row {number}: got feature {wrong}, wanted feature < {n_features}")));
            }
            indptr.push(features.len());
        }
        Ok(Self { n_features, indptr, features })
    }

    pub fn n_rows(&self) -> usize {
        self.indptr.len() - 1
    }

    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Sorted.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.features[self.indptr[row]..self.indptr[row + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_checked() {
        let features = Features::new(4, [vec![3, 1], vec![], vec![0]]).unwrap();
        assert_eq!((features.n_rows(), features.row(0), features.row(1)), (3, [1, 3].as_slice(), [].as_slice()));
        assert!(Features::new(3, [vec![3]]).unwrap_err().to_string().contains("wanted feature < 3"));
    }
}
