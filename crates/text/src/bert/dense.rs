//! `y = x Wᵀ + b`, in float32 or in int8.
//!
//! In int8 a row of `x` becomes whole numbers 0 – 255 with a scale and a zero point of its own, an output's weights whole numbers up to ±127
//! with a scale; products and sums are exact in int32. A scale for each token is what keeps BERT's few very large activations from
//! drowning the others' digits. Zero points are taken off the sums here: rten-gemm 0.27 mixes those of different rows up.

use pulp::{Arch, Simd, WithSimd};
use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::Precision;

thread_local! {
    static FLOAT32: GemmExecutor = GemmExecutor::new();
    static INT8: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

pub(super) struct Dense {
    weights: Weights,
    bias: Vec<f32>,
}

enum Weights {
    Float32(PackedBMatrix<f32>),
    Int8(PackedBMatrix<i8>, Outputs),
}

/// Of each output: what its whole numbers are multiples of, and their sum.
struct Outputs {
    scales: Vec<f32>,
    sums: Vec<i32>,
}

impl Dense {
    /// From one row of `n_inputs` weights for each output.
    pub fn new(weights: &[f32], bias: Vec<f32>, precision: Precision) -> Self {
        let shape = [bias.len(), weights.len() / bias.len()];
        let weights = match precision {
            Precision::Float32 => {
                let rows = NdTensorView::from_data(shape, weights);
                Weights::Float32(FLOAT32.with(|gemm| gemm.prepack_b(rows.transposed())))
            }
            Precision::Int8 => {
                // Without dot product instructions pairs of products are summed in 16 bits: one bit less keeps them inside.
                let largest = if INT8.with(GemmExecutor::may_saturate) { 63.0 } else { 127.0 };
                let (whole, outputs) = quantize_outputs(weights, shape[1], largest);
                let rows = NdTensorView::from_data(shape, whole.as_slice());
                Weights::Int8(INT8.with(|gemm| gemm.prepack_b(rows.transposed())), outputs)
            }
        };
        Self { weights, bias }
    }

    /// Rows of `x` to rows of outputs.
    pub fn forward(&self, x: &[f32], n_rows: usize) -> Vec<f32> {
        let shape = [n_rows, x.len() / n_rows];
        let n_outputs = self.bias.len();
        let mut y = vec![0.0; n_rows * n_outputs];
        match &self.weights {
            Weights::Float32(weights) => {
                let x = GemmInputA::Unpacked(NdTensorView::from_data(shape, x));
                let options = GemmOptions { bias: Some(BiasVector::Row(&self.bias)), ..GemmOptions::default() };
                let weights = GemmInputB::Packed(weights);
                FLOAT32.with(|gemm| gemm.gemm(&mut y, x, weights, options)).expect("shapes agree");
            }
            Weights::Int8(weights, outputs) => {
                let x = QuantizedRows::of(x, shape[1]);
                let mut sums = vec![0i32; y.len()];
                let whole = GemmInputA::Unpacked(NdTensorView::from_data(shape, x.values.as_slice()));
                let weights = GemmInputB::Packed(weights);
                INT8.with(|gemm| gemm.gemm(&mut sums, whole, weights, GemmOptions::default())).expect("shapes agree");
                Arch::new().dispatch(Dequantize { sums: &sums, rows: &x.rows, outputs, bias: &self.bias, y: &mut y });
            }
        }
        y
    }
}

/// `y = row scale · output scale · Σ (x − zero point) · w + b`: the zero point comes off here, once for each sum.
struct Dequantize<'a> {
    sums: &'a [i32],
    rows: &'a [RowScale],
    outputs: &'a Outputs,
    bias: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Dequantize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.bias.len();
        let Outputs { scales, sums: weights } = self.outputs;
        let (scales, weights, bias) = (&scales[..n], &weights[..n], &self.bias[..n]);
        for ((y, sums), row) in self.y.chunks_exact_mut(n).zip(self.sums.chunks_exact(n)).zip(self.rows) {
            for i in 0..n {
                y[i] = (sums[i] - row.zero_point * weights[i]) as f32 * (row.scale * scales[i]) + bias[i];
            }
        }
    }
}

/// Symmetric around 0, with a scale for each output.
fn quantize_outputs(weights: &[f32], n_inputs: usize, largest: f32) -> (Vec<i8>, Outputs) {
    let scale = |row: &[f32]| row.iter().fold(0f32, |most, x| most.max(x.abs())).max(f32::MIN_POSITIVE) / largest;
    let scales: Vec<f32> = weights.chunks_exact(n_inputs).map(scale).collect();
    let rows = weights.chunks_exact(n_inputs).zip(&scales);
    let whole: Vec<i8> = rows.flat_map(|(row, scale)| row.iter().map(move |x| (x / scale).round() as i8)).collect();
    let sums = whole.chunks_exact(n_inputs).map(|row| row.iter().map(|&w| i32::from(w)).sum()).collect();
    (whole, Outputs { scales, sums })
}

/// `x ≈ scale · (value − zero_point)`.
#[derive(Clone, Copy)]
struct RowScale {
    zero_point: i32,
    scale: f32,
}

struct QuantizedRows {
    values: Vec<u8>,
    rows: Vec<RowScale>,
}

impl QuantizedRows {
    fn of(x: &[f32], width: usize) -> Self {
        let mut values = vec![0u8; x.len()];
        let mut rows = Vec::with_capacity(x.len() / width);
        Arch::new().dispatch(Quantize { x, width, values: &mut values, rows: &mut rows });
        Self { values, rows }
    }
}

struct Quantize<'a> {
    x: &'a [f32],
    width: usize,
    values: &'a mut [u8],
    rows: &'a mut Vec<RowScale>,
}

impl WithSimd for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (x, values) in self.x.chunks_exact(self.width).zip(self.values.chunks_exact_mut(self.width)) {
            self.rows.push(quantize_row(x, values));
        }
    }
}

#[inline(always)]
fn quantize_row(x: &[f32], values: &mut [u8]) -> RowScale {
    // Sixteen at a time, because a single minimum may not be reordered.
    let (mut low, mut high) = ([0f32; 16], [0f32; 16]);
    let (whole, rest) = x.as_chunks::<16>();
    for x in whole {
        for lane in 0..16 {
            low[lane] = if x[lane] < low[lane] { x[lane] } else { low[lane] };
            high[lane] = if x[lane] > high[lane] { x[lane] } else { high[lane] };
        }
    }
    low[0] = rest.iter().copied().fold(low[0], f32::min);
    high[0] = rest.iter().copied().fold(high[0], f32::max);
    let low = low.into_iter().fold(0f32, f32::min);
    let high = high.into_iter().fold(0f32, f32::max);
    let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
    let zero_point = (-low / scale).round();
    // Adding 1.5 · 2²³ leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let inverse = 1.0 / scale;
    for (value, &x) in values.iter_mut().zip(x) {
        let place = x * inverse + zero_point;
        let place = if place > 0.0 { place } else { 0.0 };
        let place = if place < 255.0 { place } else { 255.0 };
        *value = (place + ROUND).to_bits() as u8;
    }
    RowScale { zero_point: zero_point as i32, scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_precisions_are_the_product_by_definition() {
        for (n_inputs, n_outputs, n_rows) in [(48, 33, 7), (48, 33, 1), (32, 96, 60), (384, 96, 130), (600, 50, 20)] {
            check(n_inputs, n_outputs, n_rows);
        }
    }

    fn check(n_inputs: usize, n_outputs: usize, n_rows: usize) {
        let number = |i: usize, m: usize| ((i * 37) % m) as f32 / m as f32 - 0.4;
        let weights: Vec<f32> = (0..n_inputs * n_outputs).map(|i| number(i, 101)).collect();
        let bias: Vec<f32> = (0..n_outputs).map(|i| number(i, 7)).collect();
        // One row a hundred times the others: its scale must not be theirs.
        let x: Vec<f32> =
            (0..n_inputs * n_rows).map(|i| number(i, 89) * if i / n_inputs == 3 { 100.0 } else { 1.0 }).collect();
        for (precision, tolerance) in [(Precision::Float32, 1e-5), (Precision::Int8, 4e-3)] {
            let y = Dense::new(&weights, bias.clone(), precision).forward(&x, n_rows);
            let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
            for (r, (x, y)) in x.chunks_exact(n_inputs).zip(y.chunks_exact(n_outputs)).enumerate() {
                for ((weights, bias), got) in weights.chunks_exact(n_inputs).zip(&bias).zip(y) {
                    let wanted = x.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>() + bias;
                    let error = (got - wanted).abs() / (norm(x) * norm(weights));
                    assert!(error < tolerance, "{precision:?} {n_rows} × {n_inputs}, row {r}: {got}, wanted {wanted}");
                }
            }
        }
    }
}
