//! Reading the head of a ranking beside scoring every product: `cargo run --release -p models --example ranking [PRODUCTS] [EVENTS]`.
//!
//! Made-up histories of ten products (Zipf, a hundred tastes), one thread: microseconds of the fastest of three rounds, and how much of the head
//! is that of all scores.

use std::time::Instant;

use models::{FitContext, History, HistoryItem, Interaction, Interactions, Model, TrainingData, catalogue, rank};

const TASTES: usize = 100;
const HISTORY: usize = 10;
const N_REQUESTS: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let (n_products, n_events) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(1_000_000));
    let rows = rows(n_products, n_events);
    let interactions = Interactions::new(rows.len().div_ceil(HISTORY), n_products, &rows).expect("numbers in range");
    println!("{:<12} {:>10} {:>10} {:>10} {:>10}  found", "", "all, 100", "head, 10", "head, 100", "head, 400");
    for name in ["trending", "item-knn", "ials", "hybrid"] {
        let options: [(&str, &str); 0] = [];
        let data = TrainingData::new(&interactions);
        let model = catalogue::fit(name, &options, &data, &FitContext::quiet(1)).expect("a model");
        let histories: Vec<Vec<HistoryItem>> = rows.chunks(HISTORY).take(N_REQUESTS).map(history).collect();
        let all = micros(&histories, |history| all(model.as_ref(), history, 100));
        let heads = [10, 100, 400].map(|n| micros(&histories, |history| model.rank(history).best(n)));
        let agree = [10, 100].map(|n| {
            let of = |items| agreement(model.as_ref(), &History { items, now: 0 }, n);
            100.0 * histories.iter().map(|items| of(items)).sum::<f64>() / histories.len() as f64
        });
        println!(
            "{name:<12} {all:>10.0} {:>10.0} {:>10.0} {:>10.0}  {:.2} % of 10, {:.2} % of 100",
            heads[0], heads[1], heads[2], agree[0], agree[1]
        );
    }
}

fn micros<T>(histories: &[Vec<HistoryItem>], ask: impl Fn(&History<'_>) -> T) -> f64 {
    let round = || {
        let started = Instant::now();
        histories.iter().for_each(|items| drop(std::hint::black_box(ask(&History { items, now: 0 }))));
        started.elapsed().as_secs_f64() * 1e6 / histories.len() as f64
    };
    (0..3).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn all(model: &dyn Model, history: &History<'_>, n: usize) -> Vec<(u32, f32)> {
    let mut scores = vec![0.0; model.n_items()];
    model.score(history, &mut scores);
    rank::top_k(&scores, n)
}

/// Of the best `n` by all scores, the share that the ranking's best `n` have.
fn agreement(model: &dyn Model, history: &History<'_>, n: usize) -> f64 {
    let (all, head) = (all(model, history, n), model.rank(history).best(n));
    let found = all.iter().filter(|(item, _)| head.iter().any(|(other, _)| other == item)).count();
    found as f64 / all.len().max(1) as f64
}

fn history(rows: &[Interaction]) -> Vec<HistoryItem> {
    rows.iter().map(|row| HistoryItem { item: row.item, weight: 1.0, timestamp: row.timestamp }).collect()
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of a number.
fn noise(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Ten a user, seven in ten of the user's own taste; the rank of a product is Zipf's with exponent 1.
fn rows(n_products: usize, n_events: usize) -> Vec<Interaction> {
    let zipf = |draw: u64, n: usize| ((n as f64).powf((draw >> 11) as f64 / (1u64 << 53) as f64) as usize).min(n - 1);
    let row = |at: usize| {
        let draw = |what: u64| noise(at as u64 * 4 + what);
        let user = at / HISTORY;
        let item = match draw(0) % 10 {
            0..7 => (zipf(draw(1), n_products / TASTES) * TASTES + user % TASTES).min(n_products - 1),
            _ => zipf(draw(1), n_products),
        };
        let age = (draw(2) % (90 * 86_400)) as i64;
        Interaction { user: user as u32, item: item as u32, weight: 1.0, timestamp: 1_785_000_000 - age }
    };
    (0..n_events).map(row).collect()
}
