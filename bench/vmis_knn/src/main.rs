//! Our session kNN and Serenade's on one thread, with the same sessions, the same queries and the same m and k.

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use models::vmis_knn::{self, VmisKnn};
use models::{FitContext, History, HistoryItem, Interaction, Interactions, TrainingData, catalogue};
use serenade::vmisknn::predict;
use serenade::vmisknn::vmis_index::VMISIndex;

const N: usize = 20;
/// Serenade's weight of a match falls below zero after nine steps, and the published settings look at nine or fewer.
const HISTORY: usize = 9;
/// Serenade's index leaves out the longest half percent of sessions.
const SESSION: usize = 30;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("wanted a FOLDER with train_sessions.txt and test_prefix_target.tsv")?;
    let folder = Path::new(&folder);
    let sessions = distinct(&std::fs::read_to_string(folder.join("train_sessions.txt"))?)?;
    let sessions: Vec<Vec<u64>> = sessions.into_iter().filter(|s| s.len() <= SESSION).collect();
    let prefixes = std::fs::read_to_string(folder.join("test_prefix_target.tsv"))?;
    let prefixes: Vec<&str> = prefixes.lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
    let queries: Vec<Vec<u64>> = distinct(&prefixes.join("\n"))?
        .into_iter()
        .map(|query| query[query.len().saturating_sub(HISTORY)..].to_vec())
        .collect();
    println!("{} sessions, {} queries, lists of {N}, one thread, {ROUNDS} rounds", sessions.len(), queries.len());
    let file = std::env::temp_dir().join("vmis-knn-bench.tsv");
    std::fs::write(&file, table(&sessions)?)?;
    for (m, k) in [(500, 100), (1000, 500), (2500, 500)] {
        let serenade = VMISIndex::new_from_csv(&file.to_string_lossy(), m, 1.0);
        let theirs = |query: &[u64]| predict(&serenade, query, k, m, N, false).into_sorted_vec();
        let same = |options: &[(&str, String)]| -> Result<VmisKnn, Box<dyn Error>> {
            let size = [("sessions", m.to_string()), ("neighbours", k.to_string())];
            fit(&sessions, &[size.as_slice(), options].concat())
        };
        let word = |key, value: &str| (key, value.to_owned());
        let ours = same(&[
            word("position", "linear"),
            word("match_slope", "0.1"),
            word("distance_scale", "0"),
            word("match_idf", "0"),
            word("returns", "neighbours"),
        ])?;
        let defaults = same(&[])?;
        let histories: Vec<Vec<HistoryItem>> = queries.iter().map(|query| history(query)).collect();
        let recommend = |model: &VmisKnn, items: &[HistoryItem]| model.recommend(&History { items, now: 0 }, N);

        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            times[0].extend(queries.iter().map(|query| time(|| theirs(query))));
            times[1].extend(histories.iter().map(|history| time(|| recommend(&ours, history))));
            times[2].extend(histories.iter().map(|history| time(|| recommend(&defaults, history))));
        }
        let agreement: f64 = queries.iter().zip(&histories).map(|(query, history)| {
            let theirs: Vec<u64> = theirs(query).iter().map(|item| item.id).collect();
            // Serenade never recommends the product that was seen last.
            let ours = ours.recommend(&History { items: history, now: 0 }, N + 1);
            let ours = ours.iter().map(|(item, _)| u64::from(*item)).filter(|item| query.last() != Some(item)).take(N);
            ours.filter(|item| theirs.contains(item)).count() as f64 / theirs.len().max(1) as f64
        }).sum();
        println!("m {m}, k {k}: lists agree in {:.1} % of their products", 100.0 * agreement / queries.len() as f64);
        for (name, times) in ["serenade 0.3.1", "ours, same weights", "ours, defaults"].iter().zip(&mut times) {
            report(name, times);
        }
    }
    Ok(())
}

/// The different products of each line, in order of their first mention.
fn distinct(text: &str) -> Result<Vec<Vec<u64>>, std::num::ParseIntError> {
    let line = |line: &str| {
        let mut items: Vec<u64> = Vec::new();
        for word in line.split_ascii_whitespace() {
            let item = word.parse()?;
            if !items.contains(&item) {
                items.push(item);
            }
        }
        Ok(items)
    };
    text.lines().map(line).collect()
}

/// Serenade's format; later sessions have later times.
fn table(sessions: &[Vec<u64>]) -> Result<String, std::fmt::Error> {
    let mut text = "SessionId\tItemId\tTime\n".to_owned();
    for (number, session) in sessions.iter().enumerate() {
        for item in session {
            writeln!(text, "{number}\t{item}\t{}", number + 1)?;
        }
    }
    Ok(text)
}

fn fit(sessions: &[Vec<u64>], options: &[(&str, String)]) -> Result<VmisKnn, Box<dyn Error>> {
    let cells = sessions.iter().enumerate().flat_map(|(user, session)| {
        session.iter().map(move |&item| Interaction { user: user as u32, item: item as u32, weight: 1.0, timestamp: 0 })
    });
    let cells: Vec<Interaction> = cells.collect();
    let n_items = cells.iter().map(|cell| cell.item as usize + 1).max().unwrap_or(0);
    let log = Interactions::new(sessions.len(), n_items, &cells)?;
    let options = catalogue::find(vmis_knn::NAME)?.options(options)?;
    Ok(vmis_knn::fit(&TrainingData::new(&log), &options, &FitContext::quiet(1))?)
}

fn history(query: &[u64]) -> Vec<HistoryItem> {
    query.iter().map(|&item| HistoryItem { item: item as u32, weight: 1.0, timestamp: 0 }).collect()
}

fn time<T>(query: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(query());
    start.elapsed()
}

fn report(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let micros = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    let total: Duration = times.iter().sum();
    println!(
        "  {name:20} {:8.0} predictions/s   median {:7.1} µs   p90 {:7.1} µs   p99 {:7.1} µs",
        times.len() as f64 / total.as_secs_f64(),
        micros(0.5),
        micros(0.9),
        micros(0.99)
    );
}
