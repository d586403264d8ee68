//! Attention of each text's tokens over each other: `softmax(Q Kᵀ / √d) V`, head by head (Vaswani et al. 2017).

use rten_simd::SimdOp;
use rten_vecmath::Softmax;

/// Keys are padded to whole vectors, so that the inner loop has no tail.
const LANES: usize = 16;

/// `qkv` has a row of queries, keys and values for each token; texts stand one after the other with `lengths` tokens each.
/// Gives one row of `width` numbers for each token.
pub(super) fn attention(qkv: &[f32], lengths: impl Iterator<Item = usize>, width: usize, n_heads: usize) -> Vec<f32> {
    let mut out = vec![0.0; qkv.len() / 3];
    let (mut keys, mut scores) = (Vec::new(), Vec::new());
    let mut first = 0;
    for length in lengths {
        let qkv = &qkv[first * 3 * width..][..length * 3 * width];
        let out = &mut out[first * width..][..length * width];
        first += length;
        let padded = length.next_multiple_of(LANES);
        for head in 0..n_heads {
            let head = Head { qkv, width, size: width / n_heads, number: head, padded };
            head.transpose_keys(&mut keys);
            pulp::Arch::new().dispatch(|| head.scores(&keys, &mut scores));
            for scores in scores.chunks_exact_mut(padded) {
                Softmax::new_mut(&mut scores[..length]).dispatch();
            }
            pulp::Arch::new().dispatch(|| head.mix_values(&scores, out));
        }
    }
    out
}

/// One head of one text.
struct Head<'a> {
    qkv: &'a [f32],
    width: usize,
    size: usize,
    number: usize,
    /// Tokens of the text, up to whole vectors.
    padded: usize,
}

impl Head<'_> {
    /// This head's numbers in one third of the rows: queries, keys or values.
    fn part(&self, third: usize) -> impl Iterator<Item = &[f32]> {
        let at = third * self.width + self.number * self.size;
        self.qkv.chunks_exact(3 * self.width).map(move |row| &row[at..at + self.size])
    }

    /// Number d of all keys side by side.
    fn transpose_keys(&self, keys: &mut Vec<f32>) {
        keys.clear();
        keys.resize(self.size * self.padded, 0.0);
        for (token, key) in self.part(1).enumerate() {
            for (d, &x) in key.iter().enumerate() {
                keys[d * self.padded + token] = x;
            }
        }
    }

    /// A row of `padded` products with all keys for each query.
    #[inline(always)]
    fn scores(&self, keys: &[f32], scores: &mut Vec<f32>) {
        let scale = 1.0 / (self.size as f32).sqrt();
        scores.clear();
        scores.resize(self.qkv.len() / (3 * self.width) * self.padded, 0.0);
        for (query, scores) in self.part(0).zip(scores.chunks_exact_mut(self.padded)) {
            for (block, scores) in scores.chunks_exact_mut(LANES).enumerate() {
                let mut sums = [0f32; LANES];
                for (q, keys) in query.iter().zip(keys.chunks_exact(self.padded)) {
                    let keys = &keys[block * LANES..][..LANES];
                    for lane in 0..LANES {
                        sums[lane] = q.mul_add(keys[lane], sums[lane]);
                    }
                }
                for lane in 0..LANES {
                    scores[lane] = sums[lane] * scale;
                }
            }
        }
    }

    /// Each token's mixture of all values, into this head's part of the rows of `out`.
    #[inline(always)]
    fn mix_values(&self, scores: &[f32], out: &mut [f32]) {
        let at = self.number * self.size;
        for (scores, out) in scores.chunks_exact(self.padded).zip(out.chunks_exact_mut(self.width)) {
            let out = &mut out[at..at + self.size];
            for (block, out) in out.chunks_mut(2 * LANES).enumerate() {
                let mut sums = [0f32; 2 * LANES];
                for (score, value) in scores.iter().zip(self.part(2)) {
                    let value = &value[block * 2 * LANES..][..out.len()];
                    for (sum, x) in sums.iter_mut().zip(value) {
                        *sum = score.mul_add(*x, *sum);
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}
