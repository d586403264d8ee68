use super::*;
use crate::validation::HeldOut;
use crate::{History, HistoryItem, Interaction};

fn item(item: u32, weight: f32) -> HistoryItem {
    HistoryItem { item, weight, timestamp: 0 }
}

/// A model with given factors, as if it had been fitted.
fn model(options: &[(&str, &str)], rows: &[f32], factors: usize) -> Ials {
    let options = crate::catalogue::find(NAME).unwrap().options(options).unwrap();
    let width = padded(factors);
    let mut padded_rows = vec![0.0; rows.len() / factors * width];
    for (out, row) in padded_rows.chunks_exact_mut(width).zip(rows.chunks_exact(factors)) {
        out[..factors].copy_from_slice(row);
    }
    let settings = fold_in(&options);
    FactorModel::new(NAME, options, settings, padded_rows, width)
}

#[test]
fn one_factor_by_hand() {
    // h = (1, 2), α₀ = 0.5, λ = 1 with ν = 0; the user chose product 0 with weight 3:
    // w = 3·1 / (3·1² + 0.5·(1² + 2²) + 1) = 3 / 6.5; scores w and 2w.
    let options = [
        ("factors", "1"),
        ("alpha", "0.5"),
        ("regularization", "1"),
        ("regularization_power", "0"),
        ("weighting", "weights"),
    ];
    let model = model(&options, &[1.0, 2.0], 1);
    let mut scores = [0.0; 2];
    model.score(&History { items: &[item(0, 3.0)], now: 0 }, &mut scores);
    assert!((scores[0] - 3.0 / 6.5).abs() < 1e-6 && (scores[1] - 6.0 / 6.5).abs() < 1e-6, "{scores:?}");
}

#[test]
fn regularization_grows_with_frequency() {
    let options = [("alpha", "0.5"), ("regularization", "0.1"), ("regularization_power", "1")];
    let options = crate::catalogue::find(NAME).unwrap().options(&options).unwrap();
    // 0.1 · (1 + 2 + 0.5 · 10)
    assert!((fold_in(&options).regularization_of(&[1.0, 2.0], 10) - 0.8).abs() < 1e-6);
}

/// Gaussian elimination in f64 on the normal equations as the papers print them.
#[allow(clippy::needless_range_loop, reason = "Gauss and Jordan with the indices of the textbook")]
fn solve_plainly(rows: &[f32], width: usize, chosen: &[(u32, f32)], alpha: f64, lambda: f64) -> Vec<f64> {
    let mut m = vec![vec![0.0f64; width + 1]; width];
    for h in rows.chunks(width) {
        for i in 0..width {
            for j in 0..width {
                m[i][j] += alpha * f64::from(h[i]) * f64::from(h[j]);
            }
        }
    }
    for &(item, c) in chosen {
        let h = &rows[item as usize * width..][..width];
        for i in 0..width {
            for j in 0..width {
                m[i][j] += f64::from(c) * f64::from(h[i]) * f64::from(h[j]);
            }
            m[i][width] += f64::from(c) * f64::from(h[i]);
        }
    }
    for i in 0..width {
        m[i][i] += lambda;
    }
    for k in 0..width {
        for i in 0..width {
            if i != k {
                let x = m[i][k] / m[k][k];
                for j in k..=width {
                    m[i][j] -= x * m[k][j];
                }
            }
        }
    }
    (0..width).map(|k| m[k][width] / m[k][k]).collect()
}

#[test]
fn dual_and_primal_solve_the_normal_equations() {
    let (n, width) = (150, 32);
    let rows: Vec<f32> = (0..n * width).map(|x| ((x * 7919) % 1013) as f32 / 1013.0 - 0.5).collect();
    let options = [
        ("factors", "32"),
        ("alpha", "0.2"),
        ("regularization", "0.05"),
        ("regularization_power", "1"),
        ("weighting", "weights"),
    ];
    let model = model(&options, &rows, width);
    for n_chosen in [1, 2, 15, 16, 31, 32, 33, 100, 140] {
        let chosen: Vec<(u32, f32)> = (0..n_chosen).map(|i| ((i * 7 % n) as u32, 1.0 + (i % 3) as f32)).collect();
        let history: Vec<HistoryItem> = chosen.iter().map(|&(i, c)| item(i, c)).collect();
        let history = History { items: &history, now: 0 };
        let weights: Vec<f32> = chosen.iter().map(|c| c.1).collect();
        let lambda = f64::from(fold_in(&model.tensors().options).regularization_of(&weights, n));
        let w = solve_plainly(&rows, width, &chosen, 0.2, lambda);
        let mut scores = vec![0.0; n];
        model.score(&history, &mut scores);
        for (i, h) in rows.chunks(width).enumerate() {
            let wanted: f64 = h.iter().zip(&w).map(|(h, w)| f64::from(*h) * w).sum();
            assert!(
                (f64::from(scores[i]) - wanted).abs() < 1e-4,
                "{n_chosen} chosen, product {i}: {} instead of {wanted}",
                scores[i]
            );
            let explained: f32 = model.explain(&history, i as u32).iter().map(|c| c.value).sum();
            assert!(
                (explained - scores[i]).abs() < 1e-4,
                "{n_chosen} chosen, product {i}: explained {explained} of {}",
                scores[i]
            );
        }
    }
}

#[test]
fn the_loss_never_rises() {
    let cells: Vec<Interaction> = (0..400u32)
        .map(|x| Interaction {
            user: x * 7 % 40,
            item: (x * x + 3 * x) % 30,
            weight: 1.0 + (x % 3) as f32,
            timestamp: 0,
        })
        .collect();
    let log = Interactions::new(40, 30, &cells).unwrap();
    let loss = |epochs: usize| {
        let epochs = epochs.to_string();
        let options = [
            ("factors", "8"),
            ("epochs", epochs.as_str()),
            ("alpha", "0.1"),
            ("regularization", "0.01"),
            ("regularization_power", "1"),
            ("weighting", "weights"),
        ];
        let options = crate::catalogue::find(NAME).unwrap().options(&options).unwrap();
        let model = fit(&TrainingData::new(&log), &options, &FitContext::quiet(7)).unwrap();
        // After the users are folded in, the loss with every user's optimal row.
        let merged = log.merged();
        let by_item = merged.transposed();
        let mut total = 0.0f64;
        for user in 0..40 {
            let history = log.history(user);
            let history = History { items: &history, now: 0 };
            let w = model.fold_in(&history);
            let mut scores = vec![0.0; 30];
            model.score(&history, &mut scores);
            let row = merged.row(user);
            for (&i, &c) in row.items.iter().zip(row.weights) {
                total += f64::from(c * (scores[i as usize] - 1.0).powi(2));
            }
            total += scores.iter().map(|s| 0.1 * f64::from(s * s)).sum::<f64>();
            total += f64::from(fold_in(&model.tensors().options).regularization_of(row.weights, 30))
                * w.iter().map(|x| f64::from(x * x)).sum::<f64>();
        }
        for (i, h) in model.item_factors().chunks(model.width()).enumerate() {
            total += f64::from(fold_in(&model.tensors().options).regularization_of(by_item.row(i).weights, 40))
                * h.iter().map(|x| f64::from(x * x)).sum::<f64>();
        }
        total
    };
    let losses = [1, 2, 3, 5, 10, 20].map(loss);
    assert!(losses.windows(2).all(|l| l[1] <= l[0] + 1e-3), "{losses:?}");
}

#[test]
fn nothing_known_is_nothing_said() {
    let model = model(&[("factors", "1")], &[1.0, 2.0], 1);
    let mut scores = [0.0; 2];
    model.score(&History { items: &[item(9, 1.0)], now: 0 }, &mut scores);
    assert_eq!(scores, [f32::NEG_INFINITY; 2]);
}

/// Six tastes; each user chooses within one or two of them. Products from 180 on come late.
fn growing_shop() -> Vec<Interaction> {
    let cell = |x: u64| {
        let draw = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let user = (draw >> 8) % 400;
        let taste = (user + (draw >> 20) % 4 / 3) % 6;
        let n_known = if x < 6800 { 30 } else { 36 };
        let item = (draw >> 32) % n_known * 6 + taste;
        Interaction { user: user as u32, item: item as u32, weight: 1.0, timestamp: 1 + x as i64 }
    };
    (0..8000).map(cell).collect()
}

#[test]
fn an_update_comes_close_to_a_retrain() {
    let cells = growing_shop();
    let options = [("factors", "16"), ("alpha", "0.1"), ("regularization", "1")];
    let options = crate::catalogue::find(NAME).unwrap().options(&options).unwrap();
    let quiet = FitContext::quiet(1);
    let fitted = |interactions: &Interactions| fit(&TrainingData::new(interactions), &options, &quiet).unwrap();
    let everything = HeldOut::cut(&Interactions::new(400, 216, &cells).unwrap(), 0.1, 400, 1, false).unwrap().unwrap();
    let before: Vec<Interaction> = everything.train.cells().filter(|c| c.timestamp <= 6800).collect();
    let before = fitted(&Interactions::new(400, 180, &before).unwrap());

    let updated = update(&before, &everything.train, 1, &quiet).unwrap();
    let retrained = fitted(&everything.train);
    let (updated_ndcg, retrained_ndcg) = (everything.ndcg(&updated, 20), everything.ndcg(&retrained, 20));
    assert!(updated_ndcg > 0.97 * retrained_ndcg, "updated {updated_ndcg}, retrained {retrained_ndcg}");
    // Products that came late are recommended to those they are for.
    let mut scores = vec![0.0; 216];
    for taste in 0..6 {
        updated.score(&History { items: &[item(taste, 1.0), item(taste + 6, 1.0)], now: 0 }, &mut scores);
        let late = |of: u32| scores[180 + of as usize..].iter().step_by(6).sum::<f32>();
        assert!((0..6).all(|other| other == taste || late(taste) > late(other)), "taste {taste}");
    }
    assert!(update(&updated, &Interactions::new(400, 180, &[]).unwrap(), 1, &quiet).is_err(), "products can't go");
}
