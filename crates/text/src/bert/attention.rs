//! Attention of each text's tokens over each other: `softmax(Q Kᵀ / √d) V`, head by head (Vaswani et al. 2017).

use pulp::{Arch, Simd, WithSimd};
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
            Arch::new().dispatch(Scores { head: &head, keys: &keys, scores: &mut scores });
            for scores in scores.chunks_exact_mut(padded) {
                Softmax::new_mut(&mut scores[..length]).dispatch();
            }
            Arch::new().dispatch(Mixtures { head: &head, scores: &scores, out });
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
}

/// A row of `padded` products with all keys for each query, into `scores`.
struct Scores<'a> {
    head: &'a Head<'a>,
    keys: &'a [f32],
    scores: &'a mut Vec<f32>,
}

impl WithSimd for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { head, keys, scores } = self;
        let scale = 1.0 / (head.size as f32).sqrt();
        scores.clear();
        scores.resize(head.qkv.len() / (3 * head.width) * head.padded, 0.0);
        for (query, scores) in head.part(0).zip(scores.chunks_exact_mut(head.padded)) {
            for (block, scores) in scores.chunks_exact_mut(LANES).enumerate() {
                let mut sums = [0f32; LANES];
                for (q, keys) in query.iter().zip(keys.chunks_exact(head.padded)) {
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
}

/// Each token's mixture of all values, into this head's part of the rows of `out`.
struct Mixtures<'a> {
    head: &'a Head<'a>,
    scores: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Mixtures<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { head, scores, out } = self;
        let at = head.number * head.size;
        for (scores, out) in scores.chunks_exact(head.padded).zip(out.chunks_exact_mut(head.width)) {
            for (block, out) in out[at..at + head.size].chunks_mut(LANES).enumerate() {
                let mut sums = [0f32; LANES];
                for (score, value) in scores.iter().zip(head.part(2)) {
                    let value = &value[block * LANES..][..out.len()];
                    if let Ok(value) = <&[f32; LANES]>::try_from(value) {
                        for lane in 0..LANES {
                            sums[lane] = score.mul_add(value[lane], sums[lane]);
                        }
                    } else {
                        sums.iter_mut().zip(value).for_each(|(sum, x)| *sum += score * x);
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}
