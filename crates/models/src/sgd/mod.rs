//! Stochastic gradient descent on all cores, with the same bits on any number of them.
//!
//! Gemulla, Nijkamp, Haas, Sismanis, *Large-Scale Matrix Factorization with Distributed Stochastic Gradient Descent*
//! (KDD 2011): rows and columns are dealt into B blocks each. In round r of an epoch block b of the rows meets block
//! b + r of the columns, so B strata run side by side and share no parameter. B depends on the data alone, and each
//! stratum draws from its own generator: threads decide nothing. A stratum's parameters fit into the cache of its core.
//!
//! Columns are dealt anew every epoch: a pairwise learner draws its negatives from the block at hand, and over the epochs
//! every column meets every other one.

mod draw;
pub(crate) mod kernels;

use pulp::{Arch, Simd, WithSimd};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

pub(crate) use self::draw::Lottery;
use crate::linalg::{normal, padded};

/// One thing to learn from: a row (user) and a column (item) that belong together. Numbers are local to their blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    pub row: u32,
    pub column: u32,
    /// The weight of the pair, or its rating.
    pub value: f32,
}

/// What belongs to a row of factors.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Extra {
    pub bias: f32,
    /// Sums of squared gradients, of the factors (their mean over the row) and of the bias: see [`adagrad`].
    pub squares: f32,
    pub bias_squares: f32,
}

/// The cells of a block of rows and a block of columns.
pub(crate) struct Cells {
    /// In random order.
    pub shuffled: Vec<Cell>,
    /// The columns of each row, sorted: those of row i lie between numbers i and i + 1 of `indptr`.
    columns: Vec<u32>,
    indptr: Vec<u32>,
}

/// Factors, `width` numbers (whole vectors) a row, and what belongs to them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parameters {
    pub width: usize,
    pub factors: Vec<f32>,
    pub extras: Vec<Extra>,
}

/// Some of the rows, or of the columns.
pub(crate) struct Block {
    /// Which ones they are.
    pub ids: Vec<u32>,
    pub parameters: Parameters,
    /// Draws a local number by the weights of columns.
    pub lottery: Lottery,
}

/// A loss over cells.
pub(crate) trait Learner: Sync {
    /// The columns and values that belong to a row in this epoch.
    fn cells(&self, row: u32, random: &mut SmallRng, found: impl FnMut(u32, f32));

    /// Learns from cells in their random order; returns the sum of their losses.
    fn learn<S: Simd>(
        &self,
        simd: S,
        rows: &mut Block,
        columns: &mut Block,
        cells: &Cells,
        random: &mut SmallRng,
    ) -> f64;
}

/// All parameters of a fit, and the schedule that changes them.
pub(crate) struct Strata {
    rows: Vec<Block>,
    columns: Parameters,
    column_weights: Vec<f32>,
    seed: u64,
    epoch: u64,
}

/// Rows (or columns) that a block has at least, where there are as many.
const MIN_BLOCK: usize = 96;
/// As many cores can be busy at once.
const MAX_BLOCKS: usize = 16;

impl Strata {
    /// Factors start as normals of the given deviation. Column `i` is drawn with a chance in proportion to
    /// `column_weights[i]`, which must be positive.
    pub fn new(n_rows: usize, column_weights: Vec<f32>, factors: usize, deviation: f64, seed: u64) -> Self {
        let n_blocks = (n_rows.min(column_weights.len()) / MIN_BLOCK).clamp(1, MAX_BLOCKS);
        let mut random = generator(seed, 0, 0);
        let rows = Parameters::random(n_rows, factors, deviation, &mut random);
        let columns = Parameters::random(column_weights.len(), factors, deviation, &mut random);
        let rows = Deal::new(n_rows, n_blocks, &mut random).blocks(&rows, &vec![1.0; n_rows]);
        Self { rows, columns, column_weights, seed, epoch: 0 }
    }

    /// Goes once through all cells; returns their mean loss.
    pub fn epoch(&mut self, learner: &impl Learner) -> f64 {
        self.epoch += 1;
        let n_blocks = self.rows.len();
        let stream = |number: usize| generator(self.seed, self.epoch, 1 + number as u64);
        let deal = Deal::new(self.column_weights.len(), n_blocks, &mut generator(self.seed, self.epoch, 0));
        let strata: Vec<Vec<Cells>> =
            self.rows.par_iter().enumerate().map(|(b, rows)| deal.cells(learner, rows, &mut stream(b))).collect();
        let mut columns = deal.blocks(&self.columns, &self.column_weights);
        let mut loss = 0.0;
        for round in 0..n_blocks {
            let tasks = self.rows.par_iter_mut().zip(&mut columns).zip(&strata).enumerate();
            let losses: Vec<f64> = tasks
                .map(|(b, ((rows, columns), strata))| {
                    let cells = &strata[(b + round) % n_blocks];
                    let mut random = stream((round + 1) * n_blocks + b);
                    Arch::new().dispatch(Stratum { learner, rows, columns, cells, random: &mut random })
                })
                .collect();
            loss += losses.iter().sum::<f64>();
            columns.rotate_left(1);
        }
        columns.iter().for_each(|block| self.columns.put_back(block));
        let n_cells: usize = strata.iter().flatten().map(|cells| cells.shuffled.len()).sum();
        loss / n_cells.max(1) as f64
    }

    pub fn column_weights(&self) -> &[f32] {
        &self.column_weights
    }

    pub fn columns(&self) -> &Parameters {
        &self.columns
    }

    /// The rows, in order again.
    pub fn gathered_rows(&self) -> Parameters {
        let n_rows = self.rows.iter().map(|block| block.ids.len()).sum();
        let mut all = Parameters::zeros(n_rows, self.columns.width);
        self.rows.iter().for_each(|block| all.put_back(block));
        all
    }
}

struct Stratum<'a, L> {
    learner: &'a L,
    rows: &'a mut Block,
    columns: &'a mut Block,
    cells: &'a Cells,
    random: &'a mut SmallRng,
}

impl<L: Learner> WithSimd for Stratum<'_, L> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        self.learner.learn(simd, self.rows, self.columns, self.cells, self.random)
    }
}

/// A random order, cut into blocks.
struct Deal {
    order: Vec<u32>,
    /// Where each number stands in `order`.
    position: Vec<u32>,
    block_len: u32,
    n_blocks: usize,
}

impl Deal {
    fn new(n: usize, n_blocks: usize, random: &mut SmallRng) -> Self {
        let mut order: Vec<u32> = (0..n as u32).collect();
        shuffle(&mut order, random);
        let mut position = vec![0; n];
        order.iter().zip(0..).for_each(|(&i, p)| position[i as usize] = p);
        Self { order, position, block_len: n.div_ceil(n_blocks).max(1) as u32, n_blocks }
    }

    fn blocks(&self, parameters: &Parameters, weights: &[f32]) -> Vec<Block> {
        let block = |b: usize| {
            let at = |b: usize| (b * self.block_len as usize).min(self.order.len());
            let ids = self.order[at(b)..at(b + 1)].to_vec();
            let weights: Vec<f32> = ids.iter().map(|&i| weights[i as usize]).collect();
            Block { parameters: parameters.of(&ids), lottery: Lottery::new(&weights), ids }
        };
        (0..self.n_blocks).into_par_iter().map(block).collect()
    }

    /// The cells of a block of rows, by block of columns.
    fn cells(&self, learner: &impl Learner, rows: &Block, random: &mut SmallRng) -> Vec<Cells> {
        let mut strata: Vec<Cells> = (0..self.n_blocks).map(|_| Cells::new()).collect();
        for (row, &id) in (0..).zip(&rows.ids) {
            learner.cells(id, random, |column, value| {
                let position = self.position[column as usize];
                let (block, column) = (position / self.block_len, position % self.block_len);
                strata[block as usize].push(Cell { row, column, value });
            });
            strata.iter_mut().for_each(Cells::end_row);
        }
        strata.iter_mut().for_each(|cells| shuffle(&mut cells.shuffled, random));
        strata
    }
}

impl Cells {
    fn new() -> Self {
        Self { shuffled: Vec::new(), columns: Vec::new(), indptr: vec![0] }
    }

    fn push(&mut self, cell: Cell) {
        self.shuffled.push(cell);
        self.columns.push(cell.column);
    }

    fn end_row(&mut self) {
        let start = self.indptr[self.indptr.len() - 1] as usize;
        self.columns[start..].sort_unstable();
        self.indptr.push(self.columns.len() as u32);
    }

    /// The columns of a row, sorted: few numbers, near each other, where a look at all columns of the row would miss the
    /// cache each time.
    #[inline(always)]
    pub fn columns_of(&self, row: u32) -> &[u32] {
        &self.columns[self.indptr[row as usize] as usize..self.indptr[row as usize + 1] as usize]
    }
}

impl Parameters {
    pub fn zeros(n: usize, width: usize) -> Self {
        Self { width, factors: vec![0.0; n * width], extras: vec![Extra::default(); n] }
    }

    pub fn random(n: usize, factors: usize, deviation: f64, random: &mut SmallRng) -> Self {
        let mut parameters = Self::zeros(n, padded(factors));
        for row in parameters.factors.chunks_exact_mut(padded(factors)) {
            row[..factors].iter_mut().for_each(|x| *x = (deviation * normal(random)) as f32);
        }
        parameters
    }

    fn of(&self, ids: &[u32]) -> Self {
        let factors = ids.iter().flat_map(|&i| self.row(i)).copied().collect();
        Self { width: self.width, factors, extras: ids.iter().map(|&i| self.extras[i as usize]).collect() }
    }

    fn put_back(&mut self, block: &Block) {
        let rows = block.parameters.factors.chunks_exact(self.width);
        for ((&i, row), extra) in block.ids.iter().zip(rows).zip(&block.parameters.extras) {
            self.factors[i as usize * self.width..][..self.width].copy_from_slice(row);
            self.extras[i as usize] = *extra;
        }
    }

    #[inline(always)]
    pub fn row(&self, i: u32) -> &[f32] {
        &self.factors[i as usize * self.width..(i as usize + 1) * self.width]
    }

    #[inline(always)]
    pub fn row_mut(&mut self, i: u32) -> &mut [f32] {
        &mut self.factors[i as usize * self.width..(i as usize + 1) * self.width]
    }
}

/// The rate of a step whose gradient has this mean square, after all those before it: Duchi, Hazan, Singer, *Adaptive
/// Subgradient Methods* (JMLR 2011), one sum for a whole row.
#[inline(always)]
pub(crate) fn adagrad(rate: f32, squares: &mut f32, square: f32) -> f32 {
    *squares += square;
    rate / (*squares + 1e-6).sqrt()
}

/// Independent streams for the same seed.
pub(crate) fn generator(seed: u64, epoch: u64, number: u64) -> SmallRng {
    let mix = |x: u64, y: u64| {
        (x ^ y.wrapping_mul(0x9E37_79B9_7F4A_7C15)).rotate_left(29).wrapping_mul(0xD6E8_FEB8_6659_FD93)
    };
    SmallRng::seed_from_u64(mix(mix(seed, epoch + 1), number + 1))
}

/// Fisher and Yates.
pub(crate) fn shuffle<T>(values: &mut [T], random: &mut SmallRng) {
    for last in (1..values.len()).rev() {
        values.swap(last, random.random_range(0..=last as u32) as usize);
    }
}
