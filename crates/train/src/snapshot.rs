//! From a position in the log to a dataset: the log's events as Parquet rows in the lake, and those rows as records.
//!
//! Rows are written once and added to; a later snapshot writes only what the log has since. The rows of a person who
//! asked to be forgotten are taken out of the files ([`forget`]).

use arrow::{
    array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray},
    compute::filter_record_batch,
    datatypes::Int64Type,
};
use domain::{InteractionType, Position, ProductId, UserKey};
use features::{
    lake::{INTERACTIONS, interaction_rows},
    training::{Training, TrainingRow},
};
use models::{Interaction, Interactions};
use rustc_hash::FxHashMap;
use store::{EventLog, Lake, StoreError};

use crate::pipeline::TrainError;
use crate::reviews::REVIEWS;
use crate::split::{Case, Split};

/// Events in one file: about 10 MB of Parquet.
const FILE_EVENTS: usize = 250_000;
const CHUNK: usize = 10_000;

/// Brings the lake up to `up_to`. `progress` hears the position reached.
///
/// # Errors
/// Of the log or the lake; calling again goes on from the last whole file.
pub fn export(
    log: &dyn EventLog,
    lake: &dyn Lake,
    up_to: Position,
    progress: &dyn Fn(Position),
) -> Result<(), StoreError> {
    let mut from = exported(lake)?;
    while from < up_to {
        let mut batches = Vec::new();
        let (mut n_events, mut last) = (0, from);
        while n_events < FILE_EVENTS && last < up_to {
            let mut events = log.read(last, CHUNK)?;
            events.retain(|recorded| recorded.position <= up_to);
            let Some(newest) = events.last().map(|recorded| recorded.position) else {
                // What is left up to here was erased.
                last = up_to;
                break;
            };
            n_events += events.len();
            last = newest;
            batches.push(interaction_rows(&events));
        }
        if n_events > 0 {
            lake.write(INTERACTIONS, &file_name(from.next(), last), &batches)?;
        }
        from = last;
        progress(last);
    }
    Ok(())
}

fn file_name(first: Position, last: Position) -> String {
    format!("{:020}-{:020}.parquet", first.0, last.0)
}

/// The positions that a file's name states.
fn positions(file: &str) -> Option<(Position, Position)> {
    let (first, last) = file.strip_suffix(".parquet")?.split_once('-')?;
    Some((Position(first.parse().ok()?), Position(last.parse().ok()?)))
}

fn exported(lake: &dyn Lake) -> Result<Position, StoreError> {
    let ends = lake.files(INTERACTIONS)?;
    Ok(ends.iter().filter_map(|file| positions(file)).map(|(_, last)| last).max().unwrap_or(Position::START))
}

/// What a shop's log teaches: one matrix of everything, and a split of it at one moment that judges what is learned.
pub struct TrainingSet {
    /// Outside names of the matrix's columns.
    pub item_ids: Vec<ProductId>,
    pub n_users: usize,
    pub all: Interactions,
    /// Orders × items; `None` when no order has two products.
    pub orders: Option<Interactions>,
    pub split: Split,
    /// The same made of the training part of `split` alone, to choose a model on; `None` when it has too little for
    /// that.
    pub validation: Option<Split>,
}

/// Share of the interactions, the oldest ones, that the judged models learn from.
const TRAIN_SHARE: f64 = 0.85;
/// Share of them that models are chosen with: 85 % of the 85.
const CHOICE_SHARE: f64 = TRAIN_SHARE * TRAIN_SHARE;

/// The likings up to a position, by users who allow to be learned from, with the weights that serving gives a history.
///
/// # Errors
/// Of the lake, or when there is nothing to learn from or to be judged by.
pub fn training_set(
    lake: &dyn Lake,
    shop: &str,
    up_to: Position,
    recommend_purchased: bool,
) -> Result<TrainingSet, TrainError> {
    let nothing = || TrainError::NothingToLearn { shop: shop.to_owned(), position: up_to };
    let end = cut(lake, up_to, TRAIN_SHARE)?.ok_or_else(nothing)?;
    let all = likings(lake, up_to, |_| true)?;
    let source = Source {
        lake,
        up_to,
        recommend_purchased,
        users: Numbers::of(all.iter().map(|row| row.user)),
        items: Numbers::of(all.iter().map(|row| row.product_id.clone())),
    };
    let split = source.split(end, None)?.ok_or_else(nothing)?;
    let validation = match cut(lake, up_to, CHOICE_SHARE)? {
        Some(start) if start < end => source.split(start, Some(end))?,
        _ => None,
    };
    let all = matrix(&all, &source.users, &source.items)?;
    let orders = orders(lake, up_to, &source.items)?;
    Ok(TrainingSet { n_users: source.users.len(), item_ids: source.items.values, all, orders, split, validation })
}

/// What splits are made from.
struct Source<'a> {
    lake: &'a dyn Lake,
    up_to: Position,
    recommend_purchased: bool,
    users: Numbers<UserKey>,
    items: Numbers<ProductId>,
}

impl Source<'_> {
    /// Learns up to one moment and is judged by what comes then, until `end` if there is one. `None` when either is
    /// nothing.
    fn split(&self, cut: Moment, end: Option<Moment>) -> Result<Option<Split>, TrainError> {
        let Self { lake, up_to, recommend_purchased, users, items } = self;
        let (lake, up_to) = (*lake, *up_to);
        let earlier = likings(lake, up_to, |moment| moment <= cut)?;
        let later = likings(lake, up_to, |moment| moment > cut && end.is_none_or(|end| moment <= end))?;
        if earlier.is_empty() || later.is_empty() {
            return Ok(None);
        }
        let train = matrix(&earlier, users, items)?;
        let bought = if *recommend_purchased { Vec::new() } else { bought(lake, up_to, cut, users, items)? };
        let mut cases = Vec::new();
        for rows in later.chunk_by(|left, right| left.user == right.user) {
            let Some(user) = users.get(&rows[0].user) else { continue };
            let excluded = bought_by(&bought, user);
            let mut relevant: Vec<u32> = rows.iter().filter_map(|row| items.get(&row.product_id)).collect();
            relevant.retain(|item| excluded.binary_search(item).is_err());
            relevant.sort_unstable();
            relevant.dedup();
            if !relevant.is_empty() {
                cases.push(Case {
                    history: train.history(user as usize),
                    now: cut.0.div_euclid(1_000_000),
                    relevant,
                    excluded,
                });
            }
        }
        Ok((!cases.is_empty()).then(|| Split { name: "temporal".to_owned(), train, cases, ratings: None }))
    }
}

/// When an event happened in microseconds, and its place in the log for those that happened together.
type Moment = (i64, i64);

/// Values in order, and the place of each.
struct Numbers<T> {
    values: Vec<T>,
}

impl<T: Ord> Numbers<T> {
    fn of(values: impl Iterator<Item = T>) -> Self {
        let mut values: Vec<T> = values.collect();
        values.sort_unstable();
        values.dedup();
        Self { values }
    }

    fn get(&self, value: &T) -> Option<u32> {
        self.values.binary_search(value).ok().map(|at| at as u32)
    }

    fn len(&self) -> usize {
        self.values.len()
    }
}

fn matrix(
    rows: &[TrainingRow],
    users: &Numbers<UserKey>,
    items: &Numbers<ProductId>,
) -> Result<Interactions, models::Error> {
    let cell = |row: &TrainingRow| {
        let (weight, timestamp) = (row.moment.weight as f32, row.moment.at.seconds());
        Some(Interaction { user: users.get(&row.user)?, item: items.get(&row.product_id)?, weight, timestamp })
    };
    let cells: Vec<Interaction> = rows.iter().filter_map(cell).collect();
    Interactions::new(users.len(), items.len(), &cells)
}

/// Calls `each` with every batch of rows up to a position.
fn read_batches(
    lake: &dyn Lake,
    up_to: Position,
    mut each: impl FnMut(RecordBatch) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    for file in lake.files(INTERACTIONS)? {
        if positions(&file).is_some_and(|(first, _)| first <= up_to) {
            lake.read(INTERACTIONS, &file)?.into_iter().try_for_each(&mut each)?;
        }
    }
    Ok(())
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn number<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int64Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()
}

/// The moment up to which a share of the interactions lie; `None` when there are fewer than two.
fn cut(lake: &dyn Lake, up_to: Position, share: f64) -> Result<Option<Moment>, TrainError> {
    let mut moments = Vec::new();
    read_batches(lake, up_to, |batch| {
        let columns = (text(&batch, "user_id"), text(&batch, "product_id"), text(&batch, "interaction_type"));
        let (Some(user), Some(product), Some(kind)) = columns else { return Ok(()) };
        let (Some(position), Some(at)) = (number(&batch, "position"), number(&batch, "occurred_at_us")) else {
            return Ok(());
        };
        let says_liking = |row: usize| {
            user.is_valid(row)
                && product.is_valid(row)
                && kind.is_valid(row)
                && kind.value(row) != InteractionType::Impression.as_str()
                && position.value(row) as u64 <= up_to.0
        };
        moments.extend(
            (0..batch.num_rows()).filter(|row| says_liking(*row)).map(|row| (at.value(row), position.value(row))),
        );
        Ok(())
    })?;
    if moments.len() < 2 {
        return Ok(None);
    }
    let place = ((moments.len() as f64 * share) as usize).clamp(1, moments.len() - 1) - 1;
    Ok(Some(*moments.select_nth_unstable(place).1))
}

/// Who liked what at the moments that `is_within` picks, as `features` defines it; in order of user and product.
fn likings(
    lake: &dyn Lake,
    up_to: Position,
    is_within: impl Fn(Moment) -> bool,
) -> Result<Vec<TrainingRow>, TrainError> {
    let mut training = Training::new(up_to);
    read_batches(lake, up_to, |batch| {
        let (Some(at), Some(position)) = (number(&batch, "occurred_at_us"), number(&batch, "position")) else {
            return Ok(());
        };
        let within: BooleanArray =
            (0..batch.num_rows()).map(|row| Some(is_within((at.value(row), position.value(row))))).collect();
        Ok(training.add_batch(&filtered(&batch, &within)?)?)
    })?;
    Ok(training.finish())
}

/// What was bought up to the cut, returned or not, as sorted pairs: serving does not show it again either.
fn bought(
    lake: &dyn Lake,
    up_to: Position,
    cut: Moment,
    users: &Numbers<UserKey>,
    items: &Numbers<ProductId>,
) -> Result<Vec<(u32, u32)>, TrainError> {
    let mut pairs = Vec::new();
    read_batches(lake, up_to, |batch| {
        let columns = (text(&batch, "user_id"), text(&batch, "product_id"), text(&batch, "interaction_type"));
        let (Some(user), Some(product), Some(kind)) = columns else { return Ok(()) };
        let (Some(at), Some(position)) = (number(&batch, "occurred_at_us"), number(&batch, "position")) else {
            return Ok(());
        };
        for row in 0..batch.num_rows() {
            let is_purchase = kind.is_valid(row) && kind.value(row) == InteractionType::Purchase.as_str();
            let is_later = (at.value(row), position.value(row)) > cut;
            if !is_purchase || is_later || !user.is_valid(row) || !product.is_valid(row) {
                continue;
            }
            let user = user.value(row).parse().ok().and_then(|user| users.get(&user));
            let item = ProductId::new(product.value(row)).ok().and_then(|item| items.get(&item));
            pairs.extend(user.zip(item));
        }
        Ok(())
    })?;
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

fn bought_by(bought: &[(u32, u32)], user: u32) -> Vec<u32> {
    let start = bought.partition_point(|(buyer, _)| *buyer < user);
    bought[start..].iter().take_while(|(buyer, _)| *buyer == user).map(|(_, item)| *item).collect()
}

/// What was bought at once: an order, or a user's purchases of one day (UTC) where they name no order. Returned or not,
/// it was wanted together. Orders of users who don't allow to be learned from are left out: their rows have no user.
fn orders(lake: &dyn Lake, up_to: Position, items: &Numbers<ProductId>) -> Result<Option<Interactions>, TrainError> {
    let mut numbers: FxHashMap<(String, Result<String, i64>), u32> = FxHashMap::default();
    let mut cells = Vec::new();
    read_batches(lake, up_to, |batch| {
        let columns = (text(&batch, "user_id"), text(&batch, "product_id"), text(&batch, "interaction_type"));
        let (Some(user), Some(product), Some(kind)) = columns else { return Ok(()) };
        let columns = (text(&batch, "order_id"), number(&batch, "position"), number(&batch, "occurred_at_us"));
        let (Some(order), Some(position), Some(at)) = columns else { return Ok(()) };
        for row in 0..batch.num_rows() {
            let is_purchase = kind.is_valid(row) && kind.value(row) == InteractionType::Purchase.as_str();
            let is_later = position.value(row) as u64 > up_to.0;
            if !is_purchase || is_later || !user.is_valid(row) || !product.is_valid(row) {
                continue;
            }
            let timestamp = at.value(row).div_euclid(1_000_000);
            let Some(item) = ProductId::new(product.value(row)).ok().and_then(|item| items.get(&item)) else {
                continue;
            };
            let name = match order.is_valid(row) {
                true => Ok(order.value(row).to_owned()),
                false => Err(timestamp.div_euclid(86_400)),
            };
            let next = numbers.len() as u32;
            let order = *numbers.entry((user.value(row).to_owned(), name)).or_insert(next);
            cells.push(Interaction { user: order, item, weight: 1.0, timestamp });
        }
        Ok(())
    })?;
    let orders = Interactions::new(numbers.len(), items.len(), &cells)?.merged();
    let has_two = orders.rows().any(|order| order.items.len() > 1);
    Ok(has_two.then_some(orders))
}

fn filtered(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch, StoreError> {
    filter_record_batch(batch, keep)
        .map_err(|error| StoreError::Unavailable { store: "lake", detail: error.to_string() })
}

/// The lake's share of an erasure: files that hold rows of the person are written anew without them. Answers how many
/// rows were removed; may be repeated.
///
/// # Errors
/// Of the lake; what was rewritten before stays so.
pub fn forget(lake: &dyn Lake, user: UserKey) -> Result<u64, StoreError> {
    let key = user.to_string();
    let mut removed = 0;
    for table in [INTERACTIONS, REVIEWS] {
        for file in lake.files(table)? {
            let batches = lake.read(table, &file)?;
            let n_before: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let kept = batches.iter().map(|batch| without(batch, &key)).collect::<Result<Vec<_>, _>>()?;
            let n_after: usize = kept.iter().map(RecordBatch::num_rows).sum();
            if n_after < n_before {
                lake.write(table, &file, &kept)?;
                removed += (n_before - n_after) as u64;
            }
        }
    }
    Ok(removed)
}

fn without(batch: &RecordBatch, key: &str) -> Result<RecordBatch, StoreError> {
    let is_of = |name: &str, row: usize| {
        batch
            .column_by_name(name)
            .map(|column| column.as_string::<i32>())
            .is_some_and(|c| c.is_valid(row) && c.value(row) == key)
    };
    let keep: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(!is_of("user_id", row) && !is_of("anonymous_id", row))).collect();
    filtered(batch, &keep)
}
