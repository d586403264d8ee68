use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use models::{HistoryItem, Interaction, Interactions};

use super::judging::falls_behind;
use super::*;
use crate::split::Case;

static NEVER: AtomicBool = AtomicBool::new(false);

const NO_LIMITS: Limits<'static> = Limits { deadline: None, cancelled: &NEVER };

/// Two crowds of products; each user misses one of their own.
pub fn split() -> Split {
    let liked = |user: u32| (0..20u32).filter(move |item| item % 2 == user % 2);
    let missing = |user: u32| (user * 6 + user % 2) % 20;
    let cell = |user, item| Interaction { user, item, weight: 1.0 + (item % 3) as f32, timestamp: 0 };
    let cells: Vec<Interaction> = (0..40)
        .flat_map(|user| liked(user).filter(move |&item| item != missing(user)).map(move |item| cell(user, item)))
        .collect();
    let train = Interactions::new(40, 20, &cells).unwrap();
    let case = |user: u32| {
        let history: Vec<HistoryItem> = train.history(user as usize);
        let mut excluded: Vec<u32> = history.iter().map(|h| h.item).collect();
        excluded.sort_unstable();
        Case { history, now: 0, relevant: vec![missing(user)], excluded }
    };
    let cases = (0..40).map(case).collect();
    Split { name: "toy".to_owned(), train, cases, ratings: None }
}

fn spec(model: &str, search: Search, n_trials: usize) -> TuneSpec {
    TuneSpec {
        model: model.to_owned(),
        fixed: vec![],
        search,
        n_trials,
        parallel: Parallel::ONE,
        metric: Metric::NDCG_20,
        seed: 3,
    }
}

fn without_seconds(mut trials: Vec<Trial>) -> Vec<Trial> {
    trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    trials
}

#[test]
fn metrics_are_named_with_their_cut() {
    assert_eq!("ndcg@20".parse::<Metric>().unwrap(), Metric::NDCG_20);
    assert_eq!("recall@5".parse::<Metric>().unwrap().to_string(), "recall@5");
    for wrong in ["ndcg", "ndcg@0", "rank@5", "ndcg@x"] {
        assert!(wrong.parse::<Metric>().unwrap_err().contains("NAME@K"), "{wrong}");
    }
}

#[test]
fn the_winner_is_at_least_as_good_as_the_defaults() {
    let splits = [split()];
    let tuned = tune(&splits, &spec("item-knn", Search::Tpe, 12), None, NO_LIMITS, &|_| {}).unwrap();
    assert_eq!((tuned.trials.len(), tuned.ended), (12, Ended::AllTrials));
    let (_, best) = tuned.best().unwrap();
    assert!(best >= tuned.trials[0].outcome.value().unwrap());
    assert!(tuned.trials.iter().filter_map(standing).all(|value| (0.0..=1.0).contains(&value)));
}

#[test]
fn a_killed_search_goes_on_as_if_nothing_had_happened() {
    let splits = [split()];
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole.jsonl"), folder.path().join("cut.jsonl"));
    let run =
        |path: &Path, n| tune(&splits, &spec("item-knn", Search::Tpe, n), Some(path), NO_LIMITS, &|_| {}).unwrap();
    let wanted = run(&whole, 14);
    assert_eq!(run(&cut, 11).n_resumed, 0);
    // As a kill leaves it: the end of the last line is missing.
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 7]).unwrap();
    let resumed = run(&cut, 14);
    assert_eq!(resumed.n_resumed, 10);
    assert_eq!(without_seconds(resumed.trials), without_seconds(wanted.trials));
    let other = TuneSpec { seed: 4, ..spec("item-knn", Search::Tpe, 14) };
    let error = tune(&splits, &other, Some(&cut), NO_LIMITS, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("another question") && error.contains("seed"), "{error}");
}

#[test]
fn trials_side_by_side_are_the_same_whichever_ends_first() {
    let splits = [split()];
    for search in [Search::Grid, Search::Random, Search::Tpe] {
        let side_by_side = |n: usize, log: Option<&Path>, watch: &(dyn Fn(Watch<'_>) + Sync)| {
            let parallel = Parallel::Trials(NonZeroUsize::new(n).unwrap());
            tune(&splits, &TuneSpec { parallel, ..spec("item-knn", search, 16) }, log, NO_LIMITS, watch).unwrap()
        };
        let wanted = without_seconds(side_by_side(3, None, &|_| {}).trials);
        // Every fourth step of a fit takes its time: trials end in another order.
        let steps = AtomicUsize::new(0);
        let slow = |watched: Watch<'_>| {
            if matches!(watched, Watch::Fit(_)) && steps.fetch_add(1, Ordering::Relaxed).is_multiple_of(4) {
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        assert_eq!(without_seconds(side_by_side(3, Some(&path), &slow).trials), wanted, "{search:?}");
        // A kill with three trials under way: some are in the log, an earlier one is not, and a line is cut off.
        let log = std::fs::read_to_string(&path).unwrap();
        let is_lost = |line: &str| line.contains("\"number\":8,") || line.contains("\"number\":10,");
        let kept: Vec<&str> = log.lines().filter(|line| !is_lost(line)).take(12).collect();
        std::fs::write(&path, kept.join("\n") + "\n{\"number\":10,\"opt").unwrap();
        let resumed = side_by_side(3, Some(&path), &|_| {});
        assert_eq!((resumed.n_resumed, resumed.ended), (11, Ended::AllTrials), "{search:?}");
        assert_eq!(without_seconds(resumed.trials), wanted, "{search:?}");
    }
}

#[test]
fn as_many_trials_as_memory_allows_are_the_trials_asked_for() {
    let tuned = tune(
        &[split()],
        &TuneSpec { parallel: Parallel::Auto, ..spec("item-knn", Search::Random, 5) },
        None,
        NO_LIMITS,
        &|_| {},
    );
    let one_by_one = tune(&[split()], &spec("item-knn", Search::Random, 5), None, NO_LIMITS, &|_| {});
    let options = |tuned: Result<Tuned, TuneError>| -> Vec<Point> {
        tuned.unwrap().trials.into_iter().map(|trial| trial.options).collect()
    };
    assert_eq!(options(tuned), options(one_by_one));
    assert_eq!("auto".parse(), Ok(Parallel::Auto));
    assert!("0".parse::<Parallel>().unwrap_err().contains("from 1 on"));
}

#[test]
fn limits_end_a_search() {
    let splits = [split()];
    let cancelled = AtomicBool::new(false);
    let limits = Limits { deadline: None, cancelled: &cancelled };
    let stop_after_three = |watched: Watch<'_>| {
        if let Watch::Trials(trials) = watched {
            cancelled.store(trials.len() == 3, Ordering::Relaxed);
        }
    };
    let tuned = tune(&splits, &spec("item-knn", Search::Random, 50), None, limits, &stop_after_three).unwrap();
    assert_eq!((tuned.trials.len(), tuned.ended), (3, Ended::Cancelled));
    let limits = Limits { deadline: Some(Instant::now()), cancelled: &NEVER };
    let tuned = tune(&splits, &spec("item-knn", Search::Random, 50), None, limits, &|_| {}).unwrap();
    assert_eq!((tuned.trials.len(), tuned.ended), (0, Ended::TimeIsUp));
    assert!(tuned.best().is_none());
}

#[test]
fn what_is_fixed_stays_and_a_grid_ends() {
    let splits = [split()];
    let fixed = vec![("count".to_owned(), "weights".to_owned())];
    let error = tune(&splits, &TuneSpec { fixed, ..spec("popular", Search::Grid, 9) }, None, NO_LIMITS, &|_| {});
    assert!(error.unwrap_err().to_string().contains("no option to search"));
    let tuned = tune(&splits, &spec("popular", Search::Grid, 9), None, NO_LIMITS, &|_| {}).unwrap();
    assert_eq!((tuned.trials.len(), tuned.ended), (2, Ended::NothingNew));
}

#[test]
fn what_falls_behind_the_median_is_cut_short() {
    let rung = |value| Rung { fold: 0, at: Stage::Epoch(2), value };
    let trial = |value| Trial {
        number: 0,
        options: Point::new(),
        outcome: Outcome::Complete { value },
        rungs: vec![rung(value)],
        seconds: 0.0,
    };
    let mut past: Vec<Trial> = [0.1, 0.2, 0.3, 0.4].map(trial).to_vec();
    assert_eq!(falls_behind(rung(0.0), &past), None, "four say too little");
    past.push(trial(0.5));
    assert_eq!(falls_behind(rung(0.3), &past), None);
    // The others ended at the double of what they were there.
    past.iter_mut().for_each(|trial| trial.outcome = Outcome::Complete { value: 2.0 * trial.rungs[0].value });
    assert!((falls_behind(rung(0.29), &past).unwrap() - 0.58).abs() < 1e-12);
    assert_eq!(falls_behind(Rung { at: Stage::Epoch(3), ..rung(0.0) }, &past), None, "nobody was seen there");
    past.iter_mut().for_each(|trial| trial.rungs[0].at = Stage::Sample);
    let sample = |value| Rung { at: Stage::Sample, ..rung(value) };
    assert!(falls_behind(sample(0.19), &past).is_some() && falls_behind(sample(0.2), &past).is_none());
}
