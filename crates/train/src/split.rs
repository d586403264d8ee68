//! What to learn from and what to be judged by.
//!
//! Every split has a test part and a validation part. A model is tuned on validation, fitted on what is left of train;
//! the final figure is the test part, fitted on all of train.

use std::collections::BTreeMap;
use std::str::FromStr;

use models::{HistoryItem, Interaction, Interactions, TrainingData};

use crate::dataset::{Dataset, DatasetError, GivenTest, Ratings, Record, Result};
use crate::metrics::SplitMix;
use crate::ratings::{Rated, RatedCase};

/// Training data and the cases that judge.
#[derive(Debug, Clone)]
pub struct Split {
    pub name: String,
    pub train: Interactions,
    pub cases: Vec<Case>,
    /// The same split of all ratings, where people rate.
    pub ratings: Option<Rated>,
}

impl Split {
    /// The same for the same training data and cases, whatever they are called: what is learned from one says nothing
    /// about another.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |number: u64| {
            hasher.update(&number.to_le_bytes());
        };
        add(self.train.n_items() as u64);
        for cell in self.train.cells() {
            add(u64::from(cell.user) << 32 | u64::from(cell.item));
            add(u64::from(cell.weight.to_bits()));
            add(cell.timestamp as u64);
        }
        for case in &self.cases {
            [case.history.len(), case.relevant.len(), case.excluded.len()].iter().for_each(|&n| add(n as u64));
            add(case.now as u64);
            case.history.iter().for_each(|h| add(u64::from(h.item)));
            case.relevant.iter().chain(&case.excluded).for_each(|&item| add(u64::from(item)));
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

impl Split {
    pub fn training_data(&self) -> TrainingData<'_> {
        TrainingData { ratings: self.ratings.as_ref().map(|rated| &rated.train), ..TrainingData::new(&self.train) }
    }
}

/// One list to be judged: what is known of the user, and what then turned out to be relevant.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub history: Vec<HistoryItem>,
    /// When the list is asked for.
    pub now: i64,
    /// Sorted; never empty.
    pub relevant: Vec<u32>,
    /// Sorted; products that may not be in the list. Never relevant.
    pub excluded: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitKind {
    /// What the dataset itself holds out. Validation is cut from train: each user's last (or, without time, random)
    /// tenth; for sessions, the last tenth of them.
    Given,
    /// One moment for all: the first 70 % of events are train, 15 % validation, 15 % test.
    Temporal,
    /// Each user's last event is test, the one before validation.
    LeaveOneOut,
    /// 70 / 15 / 15 % of all events by lot.
    Random,
    /// 70 / 15 / 15 % of each user's events by lot, so that light and heavy users keep their shares in every part.
    Stratified,
    /// Each user's events are dealt into `of` folds by lot: fold `fold` is test, the next one validation, and the rest,
    /// for the test with the validation fold, train.
    KFold { fold: usize, of: usize },
    /// The last 30 % of events in `of` stretches of time: stretch `window` is test, the one before it validation, and
    /// everything earlier train. A model is asked as it would have been on several days.
    RollingWindow { window: usize, of: usize },
    /// One moment for all: the last `days` days of the data are test, the `days` before them validation.
    LastDays { days: u32 },
    /// Each user's own last `days` days, counted back from the user's last event, are test; validation is cut from train
    /// in the same way. Who has nothing before them is learned from and not asked. Other users may go on for longer than
    /// a user who is asked: what they do later is learned from.
    UserLastDays { days: u32 },
}

/// Folds or windows when nobody says how many.
const N_PARTS: usize = 5;
/// Days that are held out when nobody says how many.
const N_DAYS: u32 = 28;

impl SplitKind {
    /// The names that can be parsed.
    pub const NAMES: [&str; 9] = [
        "given",
        "temporal",
        "leave-one-out",
        "random",
        "stratified",
        "k-fold",
        "rolling-window",
        "last-days",
        "user-last-days",
    ];

    /// The same kind with `n` folds or windows.
    pub fn with_folds(self, n: usize) -> Result<Self, String> {
        match self {
            Self::KFold { .. } | Self::RollingWindow { .. } if !(2..=100).contains(&n) => {
                Err(format!("got {n} folds, wanted 2 to 100"))
            }
            Self::KFold { .. } => Ok(Self::KFold { fold: 0, of: n }),
            Self::RollingWindow { .. } => Ok(Self::RollingWindow { window: 0, of: n }),
            other => Err(format!("got {n} folds for the {} split, wanted k-fold or rolling-window", other.name())),
        }
    }

    /// The same kind with the last `n` days held out.
    pub fn with_days(self, n: u32) -> Result<Self, String> {
        match self {
            Self::LastDays { .. } | Self::UserLastDays { .. } if n == 0 => {
                Err("got 0 days, wanted 1 or more".to_owned())
            }
            Self::LastDays { .. } => Ok(Self::LastDays { days: n }),
            Self::UserLastDays { .. } => Ok(Self::UserLastDays { days: n }),
            other => Err(format!("got {n} days for the {} split, wanted last-days or user-last-days", other.name())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Temporal => "temporal",
            Self::LeaveOneOut => "leave-one-out",
            Self::Random => "random",
            Self::Stratified => "stratified",
            Self::KFold { .. } => "k-fold",
            Self::RollingWindow { .. } => "rolling-window",
            Self::LastDays { .. } => "last-days",
            Self::UserLastDays { .. } => "user-last-days",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Validation,
    Test,
}

/// Products that the list may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclude {
    /// None: people come back to products, as within a session.
    Nothing,
    /// Everything in the history.
    Seen,
    /// What the history has an event of these types about, such as `purchase`.
    Types(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct SplitSpec {
    pub kind: SplitKind,
    pub part: Part,
    pub exclude: Exclude,
    /// Event types that make a held-out product relevant; empty for all.
    pub relevant_types: Vec<String>,
}

impl SplitSpec {
    /// The test part with the protocol that belongs to the format: sessions remove nothing, all others what was seen.
    pub fn new(kind: SplitKind, dataset: &Dataset) -> Self {
        let exclude = if dataset.format == "sessions" { Exclude::Nothing } else { Exclude::Seen };
        Self { kind, part: Part::Test, exclude, relevant_types: Vec::new() }
    }

    /// The splits that this one stands for: one per fold or window, else itself.
    pub fn folds(&self) -> Vec<Self> {
        let with = |kind| Self { kind, ..self.clone() };
        match self.kind {
            SplitKind::KFold { of, .. } => (0..of).map(|fold| with(SplitKind::KFold { fold, of })).collect(),
            SplitKind::RollingWindow { of, .. } => {
                (0..of).map(|window| with(SplitKind::RollingWindow { window, of })).collect()
            }
            _ => vec![self.clone()],
        }
    }

    pub fn name(&self) -> String {
        let kind = self.kind.name();
        if self.part == Part::Validation { format!("{kind}:validation") } else { kind.to_owned() }
    }
}

impl FromStr for SplitKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "given" => Ok(Self::Given),
            "temporal" => Ok(Self::Temporal),
            "leave-one-out" => Ok(Self::LeaveOneOut),
            "random" => Ok(Self::Random),
            "stratified" => Ok(Self::Stratified),
            "k-fold" => Ok(Self::KFold { fold: 0, of: N_PARTS }),
            "rolling-window" => Ok(Self::RollingWindow { window: 0, of: N_PARTS }),
            "last-days" => Ok(Self::LastDays { days: N_DAYS }),
            "user-last-days" => Ok(Self::UserLastDays { days: N_DAYS }),
            other => Err(format!("got split `{other}`, wanted one of {}", Self::NAMES.join(", "))),
        }
    }
}

/// Share of train that becomes validation in a given split.
const VALIDATION: f64 = 0.1;
/// Where train and validation end in the other splits.
const CUTS: (f64, f64) = (0.70, 0.85);

/// Splits a dataset. The seed matters only where lots are drawn.
pub fn split(dataset: &Dataset, spec: &SplitSpec, seed: u64) -> Result<Split> {
    let unfit = |problem: &str| DatasetError::Unfit { dataset: dataset.name.clone(), problem: problem.to_owned() };
    let needs_time = matches!(
        spec.kind,
        SplitKind::Temporal
            | SplitKind::LeaveOneOut
            | SplitKind::RollingWindow { .. }
            | SplitKind::LastDays { .. }
            | SplitKind::UserLastDays { .. }
    );
    if needs_time && !dataset.has_time {
        return Err(unfit("got no timestamps, wanted them for this split; use the given or the random one"));
    }
    let parts = match (spec.kind, &dataset.given_test) {
        (SplitKind::Given, GivenTest::None) => {
            return Err(unfit(
                "got no held-out records, wanted some for the given split; use temporal, leave-one-out or random",
            ));
        }
        (SplitKind::Given, GivenTest::Prefixes(prefixes)) => return sessions(dataset, spec, prefixes),
        (SplitKind::Given, GivenTest::Records(test)) => given(dataset, test, spec.part, seed),
        (SplitKind::Temporal, _) => temporal(all_records(dataset), spec.part),
        (SplitKind::LeaveOneOut, _) => leave_one_out(all_records(dataset), spec.part),
        (SplitKind::Random, _) => random(all_records(dataset), spec.part, seed),
        (SplitKind::Stratified, _) => stratified(&all_records(dataset), spec.part, seed),
        (SplitKind::KFold { fold, of }, _) => k_fold(&all_records(dataset), spec.part, fold, of, seed),
        (SplitKind::RollingWindow { window, of }, _) => rolling(all_records(dataset), spec.part, window, of),
        (SplitKind::LastDays { days }, _) => of_part(all_records(dataset), spec.part, |all| last_days(all, days)),
        (SplitKind::UserLastDays { days }, _) => {
            of_part(all_records(dataset), spec.part, |all| user_last_days(&all, days))
        }
    };
    match &dataset.ratings {
        None => by_user(dataset, spec, parts),
        Some(ratings) => rated(dataset, spec, ratings, parts),
    }
}

/// Splits ratings; what speaks for a product is learnt from and judged as everywhere.
fn rated(dataset: &Dataset, spec: &SplitSpec, ratings: &Ratings, parts: Parts) -> Result<Split> {
    let (likings, liked) = (ratings.likings(&parts.train), ratings.likings(&parts.held_out));
    let split = by_user(dataset, spec, Parts { train: likings, held_out: liked.clone() })?;
    let with_ratings = by_user(dataset, spec, Parts { train: parts.train, held_out: liked })?;
    let (train, now) = (with_ratings.train, split.train.newest_timestamp());
    let held_out = rows(&parts.held_out).map(|row| RatedCase {
        history: train.history(row[0].user as usize),
        now,
        items: row.iter().map(|r| r.item).collect(),
        ratings: row.iter().map(|r| r.weight).collect(),
    });
    let rated = Rated { held_out: held_out.collect(), cases: with_ratings.cases, train };
    Ok(Split { ratings: Some(rated), ..split })
}

/// Records to learn from and records to be judged by.
struct Parts {
    train: Vec<Record>,
    held_out: Vec<Record>,
}

/// Everything that has a place in time; a given test part without time can only be used as given.
fn all_records(dataset: &Dataset) -> Vec<Record> {
    let mut records = dataset.ratings.as_ref().map_or(&dataset.records, |ratings| &ratings.records).clone();
    if let GivenTest::Records(test) = &dataset.given_test {
        records.extend(test.iter().filter(|r| r.timestamp != 0 || !dataset.has_time));
    }
    records
}

fn given(dataset: &Dataset, test: &[Record], part: Part, seed: u64) -> Parts {
    if part == Part::Test {
        return Parts { train: dataset.records.clone(), held_out: test.to_vec() };
    }
    let mut random = SplitMix(seed);
    let mut parts = Parts { train: Vec::new(), held_out: Vec::new() };
    for mut row in rows(&dataset.records) {
        if dataset.has_time {
            row.sort_by_key(|r| r.timestamp);
        } else {
            shuffle(&mut row, &mut random);
        }
        let n_held = if row.len() < 2 { 0 } else { ((row.len() as f64 * VALIDATION).round() as usize).max(1) };
        parts.held_out.extend(row.split_off(row.len() - n_held));
        parts.train.extend(row);
    }
    parts
}

fn temporal(mut records: Vec<Record>, part: Part) -> Parts {
    records.sort_by_key(|r| r.timestamp);
    let (train_end, validation_end) = (cut_in_time(&records, CUTS.0), cut_in_time(&records, CUTS.1));
    match part {
        Part::Validation => stretch(records, train_end, validation_end),
        Part::Test => {
            let end = records.len();
            stretch(records, validation_end, end)
        }
    }
}

/// Where a share of the records, sorted by time, has happened. What happened at one moment, such as a basket, stays
/// together before the cut: nothing is asked that happened while the model was still learning.
fn cut_in_time(records: &[Record], share: f64) -> usize {
    let at = at_share(records.len(), share);
    let Some(last) = at.checked_sub(1) else { return 0 };
    at + records[at..].iter().take_while(|r| r.timestamp == records[last].timestamp).count()
}

fn at_share(n: usize, share: f64) -> usize {
    (n as f64 * share).round() as usize
}

/// Learns from what comes before `start`, is judged by what comes from there to `end`.
fn stretch(mut records: Vec<Record>, start: usize, end: usize) -> Parts {
    records.truncate(end);
    let held_out = records.split_off(start);
    Parts { train: records, held_out }
}

fn rolling(mut records: Vec<Record>, part: Part, window: usize, of: usize) -> Parts {
    records.sort_by_key(|r| r.timestamp);
    let stretch_share = (1.0 - CUTS.0) / of as f64;
    let start = match part {
        Part::Test => CUTS.0 + window as f64 * stretch_share,
        Part::Validation => CUTS.0 + (window as f64 - 1.0) * stretch_share,
    };
    let (start, end) = (cut_in_time(&records, start), cut_in_time(&records, start + stretch_share));
    stretch(records, start, end)
}

fn random(mut records: Vec<Record>, part: Part, seed: u64) -> Parts {
    shuffle(&mut records, &mut SplitMix(seed));
    let (train_end, validation_end, end) =
        (at_share(records.len(), CUTS.0), at_share(records.len(), CUTS.1), records.len());
    match part {
        Part::Validation => stretch(records, train_end, validation_end),
        Part::Test => stretch(records, validation_end, end),
    }
}

fn stratified(records: &[Record], part: Part, seed: u64) -> Parts {
    let mut random = SplitMix(seed);
    let mut parts = Parts { train: Vec::new(), held_out: Vec::new() };
    for mut row in rows(records) {
        shuffle(&mut row, &mut random);
        // Rounded by lot, the same for both cuts: a user of three events has 15 % of them in the test on average. One
        // event is left to learn from.
        let luck = random.unit();
        let at = |share: f64| ((row.len() as f64 * share + luck) as usize).clamp(1, row.len());
        let (train_end, validation_end, end) = (at(CUTS.0), at(CUTS.1), row.len());
        let of_user = match part {
            Part::Validation => stretch(row, train_end, validation_end),
            Part::Test => stretch(row, validation_end, end),
        };
        parts.train.extend(of_user.train);
        parts.held_out.extend(of_user.held_out);
    }
    parts
}

fn k_fold(records: &[Record], part: Part, fold: usize, of: usize, seed: u64) -> Parts {
    let mut random = SplitMix(seed);
    let mut parts = Parts { train: Vec::new(), held_out: Vec::new() };
    let (judging, hidden) = match part {
        Part::Test => (fold, None),
        Part::Validation => ((fold + 1) % of, Some(fold)),
    };
    for mut row in rows(records) {
        shuffle(&mut row, &mut random);
        // Dealt from a fold by lot, so that the first folds don't get more than the last.
        let first = random.below(of);
        for (position, record) in row.into_iter().enumerate() {
            let dealt = (first + position) % of;
            if dealt == judging {
                parts.held_out.push(record);
            } else if Some(dealt) != hidden {
                parts.train.push(record);
            }
        }
    }
    parts
}

fn leave_one_out(records: Vec<Record>, part: Part) -> Parts {
    let mut parts = Parts { train: Vec::new(), held_out: Vec::new() };
    for mut row in rows(&records) {
        row.sort_by_key(|r| r.timestamp);
        if part == Part::Validation && row.len() > 1 {
            row.pop();
        }
        if row.len() > 1 {
            parts.held_out.extend(row.pop());
        }
        parts.train.extend(row);
    }
    parts
}

/// Validation is cut from train as the test is cut from everything.
fn of_part(records: Vec<Record>, part: Part, cut: impl Fn(Vec<Record>) -> Parts) -> Parts {
    match part {
        Part::Test => cut(records),
        Part::Validation => cut(cut(records).train),
    }
}

fn last_days(mut records: Vec<Record>, days: u32) -> Parts {
    records.sort_by_key(|r| r.timestamp);
    let start = start_of_last_days(&records, days);
    let (start, end) = (records.partition_point(|r| r.timestamp <= start), records.len());
    stretch(records, start, end)
}

fn user_last_days(records: &[Record], days: u32) -> Parts {
    let mut parts = Parts { train: Vec::new(), held_out: Vec::new() };
    for row in rows(records) {
        let start = start_of_last_days(&row, days);
        let (before, last): (Vec<Record>, Vec<Record>) = row.into_iter().partition(|r| r.timestamp <= start);
        if before.is_empty() {
            parts.train.extend(last);
        } else {
            parts.train.extend(before);
            parts.held_out.extend(last);
        }
    }
    parts
}

/// The moment after which the last `days` days of the records are.
fn start_of_last_days(records: &[Record], days: u32) -> i64 {
    records.iter().map(|r| r.timestamp).max().unwrap_or(0) - i64::from(days) * 86_400
}

/// The records of each user, users by number.
fn rows(records: &[Record]) -> impl Iterator<Item = Vec<Record>> {
    let mut rows: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
    records.iter().for_each(|r| rows.entry(r.user).or_default().push(*r));
    rows.into_values()
}

/// Fisher and Yates.
fn shuffle(records: &mut [Record], random: &mut SplitMix) {
    for last in (1..records.len()).rev() {
        records.swap(last, random.below(last + 1));
    }
}

/// One case per user with something relevant, judged on the user's own training row.
fn by_user(dataset: &Dataset, spec: &SplitSpec, parts: Parts) -> Result<Split> {
    let train = interactions(dataset, &parts.train, dataset.n_users)?;
    let is_relevant_type = types_mask(dataset, &spec.relevant_types);
    let excluding_types = match &spec.exclude {
        Exclude::Types(types) => Some(types_mask(dataset, types)),
        Exclude::Nothing | Exclude::Seen => None,
    };
    let mut excluded: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    if spec.exclude != Exclude::Nothing {
        let excludes = |r: &&Record| excluding_types.as_ref().is_none_or(|mask| mask[r.event_type as usize]);
        parts.train.iter().filter(excludes).for_each(|r| excluded.entry(r.user).or_default().push(r.item));
    }
    let newest = train.newest_timestamp();
    let mut cases = Vec::new();
    for row in rows(&parts.held_out) {
        let user = row[0].user;
        let excluded = sorted(excluded.remove(&user).unwrap_or_default());
        let relevant = row.iter().filter(|r| is_relevant_type[r.event_type as usize]).map(|r| r.item);
        let relevant = sorted(relevant.filter(|item| excluded.binary_search(item).is_err()).collect());
        if relevant.is_empty() {
            continue;
        }
        // One person's next step is asked for when it happens, a cut at the cut.
        let now = match spec.kind {
            SplitKind::LeaveOneOut => row[0].timestamp,
            SplitKind::UserLastDays { days } => start_of_last_days(&row, days),
            _ => newest,
        };
        cases.push(Case { history: train.history(user as usize), now, relevant, excluded });
    }
    non_empty(dataset, Split { name: spec.name(), train, cases, ratings: None })
}

fn sessions(dataset: &Dataset, spec: &SplitSpec, prefixes: &[(Vec<u32>, u32)]) -> Result<Split> {
    let (records, prefixes) = match spec.part {
        Part::Test => (dataset.records.clone(), prefixes.to_vec()),
        Part::Validation => {
            let n_train = dataset.n_users - (dataset.n_users as f64 * VALIDATION).round() as usize;
            let (train, held): (Vec<Record>, Vec<Record>) =
                dataset.records.iter().partition(|r| (r.user as usize) < n_train);
            // Where the test starts asking after n products, so does validation: early steps are another task.
            let shortest = prefixes.iter().map(|(prefix, _)| prefix.len()).min().unwrap_or(1).max(1);
            let growing = rows(&held).flat_map(|row| {
                let items: Vec<u32> = row.iter().map(|r| r.item).collect();
                (shortest..items.len()).map(|n| (items[..n].to_vec(), items[n])).collect::<Vec<_>>()
            });
            (train, growing.collect())
        }
    };
    let train = interactions(dataset, &records, dataset.n_users)?;
    let plain = |item: &u32| HistoryItem { item: *item, weight: 1.0, timestamp: 0 };
    let case = |(prefix, target): (Vec<u32>, u32)| Case {
        history: prefix.iter().map(plain).collect(),
        now: 0,
        relevant: vec![target],
        excluded: if spec.exclude == Exclude::Nothing {
            Vec::new()
        } else {
            sorted(prefix.into_iter().filter(|&i| i != target).collect())
        },
    };
    non_empty(
        dataset,
        Split { name: spec.name(), train, cases: prefixes.into_iter().map(case).collect(), ratings: None },
    )
}

fn non_empty(dataset: &Dataset, split: Split) -> Result<Split> {
    if split.cases.is_empty() || split.train.n_interactions() == 0 {
        let problem = format!(
            "split {}: got {} training records and {} cases, wanted some of both",
            split.name,
            split.train.n_interactions(),
            split.cases.len()
        );
        return Err(DatasetError::Unfit { dataset: dataset.name.clone(), problem });
    }
    Ok(split)
}

fn interactions(dataset: &Dataset, records: &[Record], n_users: usize) -> Result<Interactions> {
    let cells: Vec<Interaction> = records
        .iter()
        .map(|r| Interaction { user: r.user, item: r.item, weight: r.weight, timestamp: r.timestamp })
        .collect();
    Interactions::new(n_users, dataset.n_items, &cells)
        .map_err(|error| DatasetError::Unfit { dataset: dataset.name.clone(), problem: error.to_string() })
}

/// Which event types are named; all when none is.
fn types_mask(dataset: &Dataset, named: &[String]) -> Vec<bool> {
    dataset.event_types.iter().map(|name| named.is_empty() || named.contains(name)).collect()
}

fn sorted(mut items: Vec<u32>) -> Vec<u32> {
    items.sort_unstable();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::NamedRecord;

    fn dataset(rows: &[(&str, &str, &str, i64, bool)]) -> Dataset {
        let named = rows.iter().map(|&(user, item, event_type, timestamp, is_test)| NamedRecord {
            user_id: user.into(),
            item_id: item.into(),
            event_type: event_type.into(),
            timestamp,
            weight: 1.0,
            is_test,
        });
        Dataset::from_records("toy", "events", named).unwrap()
    }

    fn ten_days() -> Dataset {
        let users = ["ana", "beto"];
        let letters = "abcdefghijklmnopqrst";
        let rows: Vec<_> = (0..20).map(|t| (users[t % 2], &letters[t..t + 1], "view", 1 + t as i64, false)).collect();
        dataset(&rows)
    }

    fn make(dataset: &Dataset, kind: SplitKind, part: Part) -> Split {
        split(dataset, &SplitSpec { part, ..SplitSpec::new(kind, dataset) }, 1).unwrap()
    }

    #[test]
    fn temporal_learns_from_the_past_only() {
        let data = ten_days();
        let validation = make(&data, SplitKind::Temporal, Part::Validation);
        assert_eq!((validation.train.n_interactions(), validation.train.newest_timestamp()), (14, 14));
        let test = make(&data, SplitKind::Temporal, Part::Test);
        assert_eq!((test.train.n_interactions(), test.train.newest_timestamp()), (17, 17));
        assert!(test.cases.iter().all(|c| c.now == 17 && c.relevant.iter().all(|i| !c.excluded.contains(i))));
    }

    #[test]
    fn leave_one_out_asks_for_the_last_step() {
        let data = dataset(&[
            ("ana", "a", "view", 1, false),
            ("ana", "c", "view", 3, false),
            ("ana", "b", "view", 2, false),
            ("beto", "a", "view", 1, false),
        ]);
        let test = make(&data, SplitKind::LeaveOneOut, Part::Test);
        assert_eq!(test.cases.len(), 1, "who has one event only cannot be asked");
        assert_eq!((test.cases[0].relevant.as_slice(), test.cases[0].now), ([1].as_slice(), 3));
        assert_eq!(test.cases[0].excluded, [0, 2]);
        let validation = make(&data, SplitKind::LeaveOneOut, Part::Validation);
        assert_eq!(validation.cases[0].relevant, [2]);
        assert_eq!(validation.train.n_interactions(), 2);
    }

    #[test]
    fn random_keeps_every_record_once_and_follows_the_seed() {
        let data = ten_days();
        let spec = SplitSpec { exclude: Exclude::Nothing, ..SplitSpec::new(SplitKind::Random, &data) };
        let first = split(&data, &spec, 1).unwrap();
        assert_eq!(first.train.n_interactions(), 17);
        assert_eq!(first.cases, split(&data, &spec, 1).unwrap().cases);
        assert_ne!(first.train, split(&data, &spec, 2).unwrap().train);
    }

    /// A hundred users of 1 to 20 views, at moments that several share.
    fn crowd() -> Dataset {
        let rows = (0..100usize).flat_map(|user| (0..=user % 20).map(move |n| (user, n)));
        let rows: Vec<(String, String, i64)> = rows
            .map(|(user, n)| {
                (format!("u{user}"), format!("i{}", (user * 7 + n) % 40), 1 + ((user * 13 + n * 5) % 60) as i64)
            })
            .collect();
        dataset(
            &rows.iter().map(|(user, item, at)| (user.as_str(), item.as_str(), "view", *at, false)).collect::<Vec<_>>(),
        )
    }

    fn parts_in_time(data: &Dataset, part: Part) -> Vec<(usize, Parts)> {
        let rolling = (0..3).map(|window| (window, rolling(all_records(data), part, window, 3)));
        rolling.chain([(9, temporal(all_records(data), part))]).collect()
    }

    #[test]
    fn splits_in_time_never_learn_from_the_future() {
        let data = crowd();
        for part in [Part::Validation, Part::Test] {
            for (window, parts) in parts_in_time(&data, part) {
                let newest = parts.train.iter().map(|r| r.timestamp).max().unwrap();
                let oldest = parts.held_out.iter().map(|r| r.timestamp).min().unwrap();
                assert!(newest < oldest, "{part:?} of window {window}: learns until {newest}, is asked from {oldest}");
            }
        }
    }

    #[test]
    fn what_is_tuned_on_ends_before_what_is_tested() {
        let data = crowd();
        let (validation, test) = (parts_in_time(&data, Part::Validation), parts_in_time(&data, Part::Test));
        for ((_, validation), (_, test)) in validation.iter().zip(&test) {
            let newest = validation.held_out.iter().map(|r| r.timestamp).max().unwrap();
            assert!(test.held_out.iter().all(|r| r.timestamp > newest));
        }
    }

    #[test]
    fn windows_roll_over_the_last_thirty_percent() {
        let data = ten_days();
        let spec = SplitSpec::new("rolling-window".parse::<SplitKind>().unwrap().with_folds(3).unwrap(), &data);
        let folds = spec.folds();
        let ends: Vec<i64> = folds.iter().map(|fold| split(&data, fold, 1).unwrap().train.newest_timestamp()).collect();
        assert_eq!(ends, [14, 16, 18]);
        assert!(split(&data, &folds[0], 1).unwrap().cases.iter().all(|case| case.relevant.len() == 1));
    }

    #[test]
    fn the_last_days_are_everybodys_or_each_users_own() {
        let day = |n: i64| n * 86_400;
        let data = dataset(&[
            ("ana", "a", "view", day(1), false),
            ("ana", "b", "view", day(5), false),
            ("ana", "c", "view", day(9), false),
            ("beto", "a", "view", day(2), false),
            ("beto", "b", "view", day(4), false),
            ("caro", "c", "view", day(8), false),
        ]);
        let kind = |name: &str| name.parse::<SplitKind>().unwrap().with_days(3).unwrap();
        let asked =
            |split: &Split| split.cases.iter().map(|c| (c.now / 86_400, c.relevant.clone())).collect::<Vec<_>>();
        // Everybody until day 5; ana and caro come back after it.
        let common = make(&data, kind("last-days"), Part::Test);
        assert_eq!((common.train.n_interactions(), asked(&common)), (4, vec![(5, vec![2]), (5, vec![2])]));
        // Ana until day 6, beto until day 1, before which there is nothing, as with caro.
        let own = make(&data, kind("user-last-days"), Part::Test);
        assert_eq!((own.train.n_interactions(), asked(&own)), (5, vec![(6, vec![2])]));
        let validation = make(&data, kind("user-last-days"), Part::Validation);
        assert_eq!((validation.train.n_interactions(), asked(&validation)), (4, vec![(2, vec![1])]));
        assert!(SplitKind::Random.with_days(3).unwrap_err().contains("wanted last-days or user-last-days"));
    }

    #[test]
    fn strata_keep_their_shares() {
        let data = crowd();
        let records = all_records(&data);
        let parts = stratified(&records, Part::Test, 1);
        assert_eq!(parts.train.len() + parts.held_out.len(), records.len());
        let share_of = |size: std::ops::Range<usize>| {
            let held: Vec<&Record> = parts.held_out.iter().filter(|r| size.contains(&(r.user as usize % 20))).collect();
            let all = records.iter().filter(|r| size.contains(&(r.user as usize % 20))).count();
            held.len() as f64 / all as f64
        };
        for size in [1..7, 7..14, 14..20] {
            let share = share_of(size.clone());
            assert!((share - 0.15).abs() < 0.06, "{size:?}: {share}");
        }
        let learned: std::collections::BTreeSet<u32> = parts.train.iter().map(|r| r.user).collect();
        assert_eq!(learned.len(), 100, "everybody is learned from");
        let validation = stratified(&records, Part::Validation, 1);
        assert!(validation.held_out.iter().all(|r| !parts.held_out.contains(r)));
    }

    #[test]
    fn folds_hold_each_record_out_once() {
        let data = crowd();
        let records = all_records(&data);
        let mut seen: Vec<(u32, u32, i64)> = Vec::new();
        for fold in 0..4 {
            let parts = k_fold(&records, Part::Test, fold, 4, 1);
            assert_eq!(parts.train.len() + parts.held_out.len(), records.len());
            seen.extend(parts.held_out.iter().map(|r| (r.user, r.item, r.timestamp)));
            let validation = k_fold(&records, Part::Validation, fold, 4, 1);
            let test_size = parts.held_out.len();
            assert_eq!(validation.train.len() + validation.held_out.len() + test_size, records.len());
            assert!(validation.train.iter().chain(&validation.held_out).all(|r| !parts.held_out.contains(r)));
        }
        let mut wanted: Vec<_> = records.iter().map(|r| (r.user, r.item, r.timestamp)).collect();
        seen.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn folds_are_for_splits_that_have_them() {
        assert_eq!("k-fold".parse::<SplitKind>().unwrap().with_folds(3).unwrap(), SplitKind::KFold { fold: 0, of: 3 });
        assert!(SplitKind::Random.with_folds(3).unwrap_err().contains("k-fold or rolling-window"));
        assert!("k-fold".parse::<SplitKind>().unwrap().with_folds(1).unwrap_err().contains("2 to 100"));
        for name in SplitKind::NAMES {
            assert_eq!(name.parse::<SplitKind>().unwrap().name(), name);
        }
    }

    #[test]
    fn given_holds_out_what_the_file_says() {
        let data = dataset(&[
            ("ana", "a", "view", 1, false),
            ("ana", "b", "purchase", 2, false),
            ("ana", "a", "purchase", 0, true),
            ("ana", "c", "view", 0, true),
        ]);
        let spec = SplitSpec::new(SplitKind::Given, &data);
        assert_eq!(split(&data, &spec, 0).unwrap().cases[0].relevant, [2], "a was seen");
        let bought = SplitSpec { exclude: Exclude::Types(vec!["purchase".into()]), ..spec.clone() };
        assert_eq!(split(&data, &bought, 0).unwrap().cases[0].relevant, [0, 2]);
        let purchases = SplitSpec { relevant_types: vec!["purchase".into()], ..bought };
        let case = split(&data, &purchases, 0).unwrap().cases.remove(0);
        assert_eq!((case.relevant, case.excluded), (vec![0], vec![1]));
        let validation = SplitSpec { part: Part::Validation, ..spec };
        assert_eq!(split(&data, &validation, 0).unwrap().cases[0].relevant, [1], "the last of train");
    }

    #[test]
    fn a_split_that_cannot_be_made_says_why() {
        let data = dataset(&[("ana", "a", "view", 1, false)]);
        let error = split(&data, &SplitSpec::new(SplitKind::Given, &data), 0).unwrap_err().to_string();
        assert!(error.contains("no held-out records"), "{error}");
        let error = split(&data, &SplitSpec::new(SplitKind::LeaveOneOut, &data), 0).unwrap_err().to_string();
        assert!(error.contains("0 cases"), "{error}");
    }
}
