//! What every model of the catalogue promises, checked for each of them.

use std::sync::atomic::AtomicBool;

use models::catalogue::{MODELS, ModelSpec};
use models::{Error, FitContext, History, HistoryItem, Interaction, Interactions, Model, Tensors, TrainingData, rank};

const N: u32 = 50;
const DAY: i64 = 86_400;

/// Even users like even products, odd users odd ones; the diagonal is held out. As in the tests of `implicit`.
fn checkerboard() -> Interactions {
    let likes = (0..N).flat_map(|user| (0..N).map(move |item| (user, item))).filter(|(u, i)| u % 2 == i % 2 && u != i);
    let cells: Vec<_> = likes.map(|(user, item)| Interaction { user, item, weight: 1.0, timestamp: 0 }).collect();
    Interactions::new(N as usize, N as usize, &cells).unwrap()
}

/// Two crowds with some noise, repeats, weights and times.
fn shop() -> Interactions {
    let cell = |x: u64| {
        let draw = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let user = (draw >> 8) % 60;
        let item = if draw % 10 < 8 { ((draw >> 24) % 20) * 2 + user % 2 } else { (draw >> 24) % 40 };
        let weight = [1.0, 3.0, 5.0][(draw >> 40) as usize % 3];
        Interaction { user: user as u32, item: item as u32, weight, timestamp: 1_700_000_000 + (x as i64) * DAY / 10 }
    };
    Interactions::new(60, 41, &(0..900).map(cell).collect::<Vec<_>>()).unwrap()
}

/// Small, so that the whole catalogue is quick; the models that ignore the history stay as they are.
fn quick_options(spec: &ModelSpec) -> Vec<(&'static str, &'static str)> {
    match spec.name {
        "ials" => vec![("factors", "8")],
        // The board has no order: each product is reached from every other one, in either direction.
        "markov" => vec![("order", "50"), ("decay", "1"), ("backward", "1")],
        "bpr" | "warp" | "item2vec" | "fm" => vec![("factors", "8"), ("epochs", "40")],
        "svd" => vec![("factors", "8")],
        "graph-filter" => vec![("factors", "8")],
        "sasrec" | "gru4rec" => {
            vec![("patience", "0"), ("factors", "16"), ("epochs", "40"), ("batch", "256"), ("learning_rate", "0.01")]
        }
        "mult-vae" => vec![("factors", "16"), ("hidden", "32"), ("epochs", "60"), ("learning_rate", "0.01")],
        "neumf" => vec![("factors", "16"), ("network_factors", "16"), ("epochs", "60"), ("learning_rate", "0.01")],
        "hybrid" => vec![("ials.factors", "8"), ("sources", "popular,trending,item-knn,ials")],
        _ => vec![],
    }
}

/// The catalogue, and the other ways to blend.
fn models() -> impl Iterator<Item = (&'static ModelSpec, Vec<(&'static str, &'static str)>)> {
    let quick = |spec| (spec, quick_options(spec));
    let blends = ["switching", "learned"].map(|blend| {
        let (spec, mut options) = quick(models::catalogue::find("hybrid").unwrap());
        options.push(("blend", blend));
        (spec, options)
    });
    MODELS.iter().map(quick).chain(blends)
}

fn fit(spec: &ModelSpec, options: &[(&str, &str)], interactions: &Interactions, seed: u64) -> Box<dyn Model> {
    let options = spec.options(options).unwrap();
    spec.fit(&TrainingData::new(interactions), &options, &FitContext::quiet(seed)).unwrap()
}

/// Popularity is the same for everybody, what one chose says nothing of what one has not, and ratings say nothing where all
/// are equal.
fn learns_who_likes_what(spec: &ModelSpec) -> bool {
    !matches!(spec.name, "popular" | "trending" | "personal-top" | "buy-again" | "svd")
}

/// Networks do not add up to their scores, so they may say nothing.
fn can_explain(spec: &ModelSpec) -> bool {
    !matches!(spec.name, "sasrec" | "gru4rec" | "mult-vae" | "neumf")
}

fn histories(interactions: &Interactions) -> Vec<Vec<HistoryItem>> {
    let mut histories: Vec<_> = (0..interactions.n_users()).map(|user| interactions.history(user)).collect();
    // Nobody, someone who knows only products that the model does not, and a stranger.
    histories.push(vec![]);
    histories.push(vec![HistoryItem { item: 999_999, weight: 1.0, timestamp: 0 }]);
    histories.push(vec![
        HistoryItem { item: 3, weight: 5.0, timestamp: 0 },
        HistoryItem { item: 3, weight: 1.0, timestamp: 9 },
    ]);
    histories
}

fn scores(model: &dyn Model, history: &[HistoryItem], now: i64) -> Vec<f32> {
    let mut scores = vec![f32::NAN; model.n_items()];
    model.score(&History { items: history, now }, &mut scores);
    scores
}

/// Scores of everybody; NaN never, and comparable by bits.
fn all_scores(model: &dyn Model, interactions: &Interactions) -> Vec<u32> {
    let now = interactions.newest_timestamp() + DAY;
    let all: Vec<f32> = histories(interactions).iter().flat_map(|history| scores(model, history, now)).collect();
    assert!(all.iter().all(|s| !s.is_nan()), "{}: a score is NaN", model.name());
    all.into_iter().map(f32::to_bits).collect()
}

#[test]
fn checkerboard_diagonal_is_recommended() {
    let board = checkerboard();
    for (spec, options) in models().filter(|(spec, _)| learns_who_likes_what(spec)) {
        let model = fit(spec, &options, &board, 1);
        for user in 0..N {
            let history = board.history(user as usize);
            let mut scores = scores(model.as_ref(), &history, 0);
            history.iter().for_each(|h| scores[h.item as usize] = f32::NEG_INFINITY);
            assert_eq!(rank::top_k(&scores, 1)[0].0, user, "{} for user {user}", spec.name);
        }
    }
}

#[test]
fn batch_equals_single() {
    let shop = shop();
    let now = shop.newest_timestamp();
    for (spec, options) in models() {
        let model = fit(spec, &options, &shop, 1);
        let histories = histories(&shop);
        let views: Vec<_> = histories.iter().map(|items| History { items, now }).collect();
        let mut batch = vec![f32::NAN; views.len() * model.n_items()];
        model.score_batch(&views, &mut batch);
        for (history, row) in histories.iter().zip(batch.chunks_exact(model.n_items())) {
            assert_eq!(scores(model.as_ref(), history, now), row, "{}", spec.name);
        }
    }
}

/// Who asks for some products hears of them what who asks for all hears.
#[test]
fn a_ranking_is_the_head_of_all_scores() {
    // Many products that few choose: heads are short beside them.
    let cell = |x: u64| {
        let draw = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let share = ((draw >> 20) % 10_000) as f64 / 1e4;
        let (user, item) = ((draw >> 8) % 200, (share.powi(3) * 1_300.0) as u32);
        Interaction { user: user as u32, item, weight: 1.0, timestamp: 1_700_000_000 + x as i64 * 600 }
    };
    let long_tail = Interactions::new(200, 1_300, &(0..4_000).map(cell).collect::<Vec<_>>()).unwrap();
    let reads_heads = |spec: &ModelSpec| {
        matches!(
            spec.name,
            "popular" | "trending" | "item-knn" | "markov" | "vmis-knn" | "bought-together" | "ials" | "svd" | "hybrid"
        )
    };
    let (small, wide) = (shop(), long_tail);
    for (spec, options) in models() {
        let shop = if reads_heads(spec) { &wide } else { &small };
        let model = fit(spec, &options, shop, 1);
        let now = shop.newest_timestamp() + DAY;
        for history in histories(shop).iter().rev().take(40) {
            let scores = scores(model.as_ref(), history, now);
            let ranking = model.rank(&History { items: history, now });
            let is_near = |a: f32, b: f32| a == b || (a - b).abs() <= 1e-4 * b.abs().max(1e-3);
            for n in [1, 10, 50] {
                let best = ranking.best(n);
                assert!(best.len() <= n && best.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{}", spec.name);
                let top = rank::top_k(&scores, n);
                assert!(best.iter().all(|&(item, score)| is_near(score, scores[item as usize])), "{}", spec.name);
                // A blend leaves out what none of its sources can score, and may miss what is near the head of none.
                let last = best.last().map_or(0.0, |(_, score)| *score);
                let missed =
                    top.iter().filter(|(item, score)| *score > last && best.iter().all(|(other, _)| other != item));
                let allowed = if spec.name == "hybrid" { n / 10 } else { 0 };
                assert!(missed.count() <= allowed, "{}: {best:?} {top:?}", spec.name);
            }
            let items: Vec<u32> = (0..scores.len() as u32).step_by(7).collect();
            for (&item, score) in items.iter().zip(ranking.scores(&items)) {
                assert!(is_near(score, scores[item as usize]), "{}: {score} {}", spec.name, scores[item as usize]);
            }
        }
    }
}

#[test]
fn saved_equals_loaded() {
    let shop = shop();
    for (spec, options) in models() {
        let model = fit(spec, &options, &shop, 1);
        let bytes = model.tensors().to_bytes().unwrap();
        let loaded = models::catalogue::load(&Tensors::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!(all_scores(model.as_ref(), &shop), all_scores(loaded.as_ref(), &shop), "{}", spec.name);
        assert_eq!(loaded.tensors().to_bytes().unwrap(), bytes, "{}", spec.name);
    }
}

#[test]
fn damaged_tensors_are_refused_or_harmless() {
    let shop = shop();
    for (spec, options) in models() {
        let whole = fit(spec, &options, &shop, 1).tensors();
        for name in whole.tensors.keys() {
            let mut damaged = whole.clone();
            damaged.tensors.remove(name);
            assert!(
                matches!(models::catalogue::load(&damaged), Err(Error::Artifact(_))),
                "{} without {name}",
                spec.name
            );
        }
    }
}

#[test]
fn a_seed_decides_everything_and_threads_nothing() {
    let shop = shop();
    for (spec, options) in models() {
        let on = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| all_scores(fit(spec, &options, &shop, 7).as_ref(), &shop))
        };
        assert_eq!(on(1), on(2), "{}", spec.name);
    }
}

#[test]
fn contributions_sum_to_the_score() {
    let shop = shop();
    let now = shop.newest_timestamp() + DAY;
    for (spec, options) in models() {
        let model = fit(spec, &options, &shop, 1);
        for history in histories(&shop) {
            let scores = scores(model.as_ref(), &history, now);
            for item in 0..model.n_items() as u32 {
                let contributions = model.explain(&History { items: &history, now }, item);
                if !can_explain(spec) {
                    assert!(contributions.is_empty(), "{}: nothing, or all of it", spec.name);
                    continue;
                }
                let sum: f32 = contributions.iter().map(|c| c.value).sum();
                let score = scores[item as usize];
                let says = if score.is_finite() { score } else { 0.0 };
                assert!(
                    (sum - says).abs() < 1e-4 * (1.0 + says.abs()),
                    "{}: {sum} explains {score} of {item}",
                    spec.name
                );
                assert!(contributions.windows(2).all(|w| w[0].value >= w[1].value), "{}: largest first", spec.name);
                assert!(contributions.iter().all(|c| c.item.is_none_or(|i| history.iter().any(|h| h.item == i))));
            }
        }
    }
}

#[test]
fn neighbours_are_sorted_and_never_the_product_itself() {
    let shop = shop();
    for (spec, options) in models() {
        let model = fit(spec, &options, &shop, 1);
        for item in 0..model.n_items() as u32 {
            let list = model.neighbours(item, 5);
            assert!(list.len() <= 5 && list.iter().all(|n| n.item != item), "{}", spec.name);
            assert!(list.windows(2).all(|w| w[0].similarity >= w[1].similarity), "{}", spec.name);
        }
        assert!(model.neighbours(999_999, 5).is_empty(), "{}", spec.name);
    }
}

/// Whoever ranks by item number looks as if it knew something.
#[test]
fn of_whom_nothing_is_known_nothing_is_made_up() {
    let shop = shop();
    let nobody: [&[HistoryItem]; 2] = [&[], &[HistoryItem { item: 999_999, weight: 1.0, timestamp: 0 }]];
    for (spec, options) in models() {
        let model = fit(spec, &options, &shop, 1);
        for history in nobody {
            let scores = scores(model.as_ref(), history, shop.newest_timestamp());
            let is_silent = scores.iter().all(|score| *score == f32::NEG_INFINITY);
            let ranks = scores.iter().any(|score| *score != scores[0]);
            assert!(is_silent || ranks, "{}: all products got {}", spec.name, scores[0]);
        }
    }
}

#[test]
fn a_fit_can_be_cancelled() {
    let shop = shop();
    let cancelled = AtomicBool::new(true);
    for (spec, options) in models() {
        let context = FitContext { seed: 1, progress: &|_| {}, cancelled: &cancelled };
        let options = spec.options(&options).unwrap();
        let result = spec.fit(&TrainingData::new(&shop), &options, &context);
        assert!(matches!(result, Err(Error::Cancelled)), "{}", spec.name);
    }
}

#[test]
fn an_empty_shop_is_served() {
    let empty = Interactions::new(0, 0, &[]).unwrap();
    let silent = Interactions::new(2, 3, &[]).unwrap();
    for (spec, options) in models().filter(|(spec, _)| spec.name != "hybrid") {
        for interactions in [&empty, &silent] {
            let model = fit(spec, &options, interactions, 1);
            let scores = scores(model.as_ref(), &[HistoryItem { item: 0, weight: 1.0, timestamp: 0 }], 0);
            assert!(scores.len() == interactions.n_items() && scores.iter().all(|s| !s.is_nan()), "{}", spec.name);
        }
    }
}
