//! Regressions of one product on a few others: who takes part, and their Gramian.

use crate::item_item::{GramRow, ItemMatrix};
use crate::rank::top_k_of;
use crate::{FitContext, Interactions, Result};

/// `XᵀX` of all products, what is not zero: 8 bytes for each two products that have a user in common.
pub(crate) struct SparseGram {
    others: ItemMatrix,
    /// `‖x_i‖²`.
    pub diagonal: Vec<f32>,
}

impl SparseGram {
    pub fn new(model: &'static str, by_user: &Interactions, context: &FitContext<'_>) -> Result<Self> {
        let (by_item, n_items) = (by_user.transposed(), by_user.n_items());
        let others = ItemMatrix::build(
            model,
            n_items,
            context,
            || GramRow::new(n_items),
            |row, item| row.others(&by_item, by_user, item),
        )?;
        let diagonal = by_item.rows().map(|row| row.weights.iter().map(|w| w * w).sum()).collect();
        Ok(Self { others, diagonal })
    }
}

/// The Gramian of the products that may explain one product.
#[derive(Default)]
pub(crate) struct LocalGram {
    /// Those with the largest cosine, by item number.
    pub items: Vec<u32>,
    /// `items × stride`, symmetric.
    pub values: Vec<f32>,
    /// With the product that is to be explained.
    pub target: Vec<f32>,
    /// Position of each product in `items`, [`NOWHERE`](Self::NOWHERE) for the rest.
    positions: Vec<u32>,
}

impl LocalGram {
    const NOWHERE: u32 = u32::MAX;

    /// Finds at most `n` products for `item` and fills rows of `stride(n found)` numbers.
    pub fn gather(&mut self, gram: &SparseGram, item: u32, n: usize, stride: impl Fn(usize) -> usize) {
        let (others, products) = gram.others.row(item);
        let cosine = |(&j, &c): (&u32, &f32)| (j, c / gram.diagonal[j as usize].sqrt());
        self.items.clear();
        self.items.extend(top_k_of(others.iter().zip(products).map(cosine), n).iter().map(|c| c.0));
        self.items.sort_unstable();
        self.target.clear();
        self.target.extend(self.items.iter().map(|&j| gram.others.get(item, j).expect("taken from this row")));

        self.positions.resize(gram.diagonal.len(), Self::NOWHERE);
        self.items.iter().zip(0..).for_each(|(&j, position)| self.positions[j as usize] = position);
        let stride = stride(self.items.len());
        self.values.clear();
        self.values.resize(self.items.len() * stride, 0.0);
        for ((&a, row), position) in self.items.iter().zip(self.values.chunks_exact_mut(stride.max(1))).zip(0..) {
            row[position] = gram.diagonal[a as usize];
            let (others, products) = gram.others.row(a);
            for (&b, &product) in others.iter().zip(products) {
                if let Some(cell) = row.get_mut(self.positions[b as usize] as usize) {
                    *cell = product;
                }
            }
        }
        self.items.iter().for_each(|&j| self.positions[j as usize] = Self::NOWHERE);
    }
}
