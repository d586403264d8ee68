//! Self-attention that looks back only: Vaswani et al., *Attention Is All You Need* (NeurIPS 2017), eq. 1.

use std::ops::Range;

use super::math::{exp, sum_of, vectorized};
use super::matrix::{Factor, Matrix};
use super::tape::{Tape, Var};

impl Tape<'_> {
    /// `softmax(q kᵀ / √w) v` for each head, over each row's own sequence up to itself.
    ///
    /// Rows of `qkv` are `query | key | value`, each cut into heads; sequences stand one after the other.
    pub fn causal_attention(&mut self, qkv: Var, lengths: &[usize], n_heads: usize) -> Var {
        let input = self.value(qkv);
        let heads = Heads::new(lengths, input.n_cols / 3, n_heads);
        let mut value = Matrix::zeros(input.n_rows, heads.width);
        let mut probabilities = Vec::with_capacity(lengths.len() * n_heads);
        for head in heads.iter() {
            let (p, out) = forward(&heads, input, &head);
            put(&out, &mut value, head.rows.clone(), heads.columns(0, head.number));
            probabilities.push(p);
        }
        self.push(value, move |step, gradients| {
            let input = step.of(qkv);
            let sum = gradients.of(qkv, input);
            for (head, p) in heads.iter().zip(&probabilities) {
                let dy = cut(&step.gradient, head.rows.clone(), heads.columns(0, head.number));
                for (part, gradient) in backward(&heads, input, &head, p, &dy).iter().enumerate() {
                    put(gradient, sum, head.rows.clone(), heads.columns(part, head.number));
                }
            }
        })
    }
}

/// How rows and columns divide among sequences and heads.
struct Heads {
    sequences: Vec<Range<usize>>,
    n_heads: usize,
    width: usize,
    head_width: usize,
}

/// One head of one sequence.
struct Head {
    rows: Range<usize>,
    number: usize,
}

impl Heads {
    fn new(lengths: &[usize], width: usize, n_heads: usize) -> Self {
        let mut end = 0;
        let sequences = lengths.iter().map(|length| {
            end += length;
            end - length..end
        });
        Self { sequences: sequences.collect(), n_heads, width, head_width: width / n_heads }
    }

    fn iter(&self) -> impl Iterator<Item = Head> {
        self.sequences.iter().flat_map(|rows| (0..self.n_heads).map(move |number| Head { rows: rows.clone(), number }))
    }

    /// Columns of a head within the query (part 0), the key (1) or the value (2).
    fn columns(&self, part: usize, head: usize) -> Range<usize> {
        let first = part * self.width + head * self.head_width;
        first..first + self.head_width
    }

    fn cut(&self, input: &Matrix, head: &Head, part: usize) -> Matrix {
        cut(input, head.rows.clone(), self.columns(part, head.number))
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_width as f32).sqrt()
    }
}

/// The probabilities, one row for each row of the sequence, and what they make of the values.
fn forward(heads: &Heads, input: &Matrix, head: &Head) -> (Matrix, Matrix) {
    let [query, key, value] = [0, 1, 2].map(|part| heads.cut(input, head, part));
    let mut p = product(Factor::Plain(&query), Factor::Transposed(&key));
    let scale = heads.scale();
    vectorized(|| p.rows_mut().enumerate().for_each(|(i, row)| softmax(row, i + 1, scale)));
    let out = product(Factor::Plain(&p), Factor::Plain(&value));
    (p, out)
}

/// `dv = Pᵀ dy`, `dP = dy vᵀ`, `dS = P ∘ (dP − Σ_j P dP)`, `dq = dS k`, `dk = dSᵀ q`.
fn backward(heads: &Heads, input: &Matrix, head: &Head, p: &Matrix, dy: &Matrix) -> [Matrix; 3] {
    let [query, key, value] = [0, 1, 2].map(|part| heads.cut(input, head, part));
    let mut ds = product(Factor::Plain(dy), Factor::Transposed(&value));
    let scale = heads.scale();
    vectorized(|| {
        for (ds, p) in ds.rows_mut().zip(p.rows()) {
            let mean = sum_of(p, ds, |p, dp| p * dp);
            ds.iter_mut().zip(p).for_each(|(ds, p)| *ds = p * (*ds - mean) * scale);
        }
    });
    [
        product(Factor::Plain(&ds), Factor::Plain(&key)),
        product(Factor::Transposed(&ds), Factor::Plain(&query)),
        product(Factor::Transposed(p), Factor::Plain(dy)),
    ]
}

fn product(a: Factor<'_>, b: Factor<'_>) -> Matrix {
    let mut out = Matrix::zeros(a.shape().0, b.shape().1);
    out.add_product(a, b);
    out
}

/// `e^{scale x} / Σ` over the first `n`, 0 behind.
#[inline(always)]
fn softmax(x: &mut [f32], n: usize, scale: f32) {
    let top = x[..n].iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x[..n].iter_mut().for_each(|x| *x = exp((*x - top) * scale));
    x[n..].fill(0.0);
    let total = sum_of(&x[..n], &x[..n], |x, _| x);
    x[..n].iter_mut().for_each(|x| *x /= total);
}

fn cut(m: &Matrix, rows: Range<usize>, columns: Range<usize>) -> Matrix {
    let mut out = Matrix::zeros(rows.len(), columns.len());
    out.rows_mut().zip(rows).for_each(|(out, row)| out.copy_from_slice(&m.row(row)[columns.clone()]));
    out
}

fn put(part: &Matrix, into: &mut Matrix, rows: Range<usize>, columns: Range<usize>) {
    part.rows().zip(rows).for_each(|(part, row)| {
        into.row_mut(row)[columns.clone()].iter_mut().zip(part).for_each(|(out, x)| *out += x);
    });
}
