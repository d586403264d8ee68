//! The training snapshot: who likes what, how strongly, up to a position of the log.
//!
//! One row for each [`Moment`] of a user with a product: a day on which it was bought, or all other interest in it. A served
//! history has the same moments, so a model is asked with what it was trained on. Nobody and whoever denied consent have no rows (the lake does not say who they are);
//! whoever withdrew consent *later* is for the caller to leave out, who knows the ledger.
//!
//! Two ways to the same rows: [`COLUMN`] on a SQL engine, and [`Training`] in plain Rust over the log or the lake's
//! batches, for programs without an engine. The parity test holds them together.

use std::{cmp::Reverse, str::FromStr};

use arrow::{
    array::{Array, AsArray, PrimitiveArray, StringArray},
    datatypes::{ArrowPrimitiveType, Float64Type, Int64Type},
    record_batch::RecordBatch,
};
use domain::{EventKind, IdError, InteractionType, OrderId, Position, ProductId, Recorded, Timestamp, UserKey};
use rustc_hash::FxHashMap;

use crate::{
    column::Column,
    history::{HistoryEntry, Moment, Rated, is_touch},
    spend::Record,
};

/// `(user_id, product_id, is_purchase, at_us, weight)`
pub const COLUMN: Column = Column {
    name: "training_interactions",
    sql: include_str!("training_interactions.sql"),
    over: &[&crate::history::COLUMN],
};

/// One cell of the training matrix.
#[derive(Clone, PartialEq, Debug)]
pub struct TrainingRow {
    pub user: UserKey,
    pub product_id: ProductId,
    pub moment: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainingError {
    #[error("the interactions have no column {name} of type {wanted}; export the lake again with this version")]
    Column { name: &'static str, wanted: &'static str },
    #[error("row {row} of the interactions has a bad identifier: {error}")]
    Id { row: usize, error: IdError },
}

/// Gathers a snapshot from events or lake rows in any order, each given once.
#[derive(Debug, Default)]
pub struct Training {
    up_to: Position,
    liked: FxHashMap<UserKey, FxHashMap<ProductId, HistoryEntry>>,
    orders: FxHashMap<(UserKey, OrderId), Record>,
}

impl Training {
    pub fn new(up_to: Position) -> Self {
        Self { up_to, ..Self::default() }
    }

    pub fn add(&mut self, recorded: &Recorded) {
        let event = &recorded.event;
        if recorded.position > self.up_to || event.user.is_nobody() || !event.consent.allows_personalization() {
            return;
        }
        if let (Some(record), Some(order)) = (Record::of(event), &event.order) {
            self.orders.entry((event.user, order.order_id.clone())).or_default().merge(&record);
        }
        let Some(kind) = event.kind.interaction() else { return };
        for line in &event.products {
            self.touch(event.user, &line.product_id, kind, event.occurred_at, event.details.rating);
        }
    }

    /// Takes in rows of [`crate::lake::INTERACTIONS`].
    ///
    /// # Errors
    /// When the batch lacks a column or holds an identifier that we would not have written.
    pub fn add_batch(&mut self, batch: &RecordBatch) -> Result<(), TrainingError> {
        let rows = Rows::of(batch)?;
        (0..batch.num_rows())
            .try_for_each(|i| self.add_row(&rows, i).map_err(|error| TrainingError::Id { row: i, error }))
    }

    fn add_row(&mut self, rows: &Rows, i: usize) -> Result<(), IdError> {
        let Some(user) = get_text(rows.user, i) else { return Ok(()) };
        if rows.position.value(i) as u64 > self.up_to.0 {
            return Ok(());
        }
        let user = UserKey::from_str(user)?;
        let product = get_text(rows.product, i).map(|id| self.product(user, id)).transpose()?;
        let Some(kind) = EventKind::parse(rows.kind.value(i)) else { return Ok(()) };
        let at = Timestamp::from_micros(rows.occurred_at.value(i));
        if let Some(order) = get_text(rows.order, i) {
            let units = get(rows.quantity, i).unwrap_or(0).max(0) as u64;
            if let Some(record) = Record::of_row(kind, product.clone(), units, at) {
                self.orders.entry((user, OrderId::new(order)?)).or_default().merge(&record);
            }
        }
        if let (Some(product), Some(interaction)) = (product, kind.interaction()) {
            self.touch(user, &product, interaction, at, get(rows.rating, i).map(|stars| stars as f32));
        }
        Ok(())
    }

    /// The id, sharing its text with the user's earlier rows.
    fn product(&self, user: UserKey, id: &str) -> Result<ProductId, IdError> {
        let known = self.liked.get(&user).and_then(|products| products.get_key_value(id));
        known.map_or_else(|| ProductId::new(id), |(id, _)| Ok(id.clone()))
    }

    fn touch(&mut self, user: UserKey, product: &ProductId, kind: InteractionType, at: Timestamp, stars: Option<f32>) {
        if !is_touch(kind) {
            return;
        }
        let rated = stars.filter(|_| kind == InteractionType::Rating).map(|stars| Rated { at, stars });
        let touch = HistoryEntry::touch(product.clone(), kind, at, rated);
        self.liked
            .entry(user)
            .or_default()
            .entry(product.clone())
            .and_modify(|entry| entry.merge(&touch))
            .or_insert(touch);
    }

    /// The rows in order of user and product, of these in the order of their moments.
    pub fn finish(mut self) -> Vec<TrainingRow> {
        for ((user, _), record) in &self.orders {
            let Some(products) = self.liked.get_mut(user) else { continue };
            for returned in record.returned() {
                if let Some(entry) = products.get_mut(&returned.product_id) {
                    entry.returned = entry.returned.saturating_add_signed(returned.n);
                }
            }
        }
        let mut rows: Vec<_> = self
            .liked
            .iter()
            .flat_map(|(user, products)| products.values().flat_map(|entry| rows(*user, entry)))
            .collect();
        rows.sort_unstable_by(|left, right| left.key().cmp(&right.key()));
        rows
    }
}

impl TrainingRow {
    /// In the order of [`HistoryEntry::moments`] within a product.
    fn key(&self) -> (UserKey, &ProductId, bool, Reverse<Timestamp>) {
        (self.user, &self.product_id, self.moment.is_purchase, Reverse(self.moment.at))
    }
}

fn rows(user: UserKey, entry: &HistoryEntry) -> impl Iterator<Item = TrainingRow> + '_ {
    entry.moments().map(move |moment| TrainingRow { user, product_id: entry.product_id.clone(), moment })
}

/// The columns of a batch that a snapshot reads.
struct Rows<'a> {
    position: &'a PrimitiveArray<Int64Type>,
    user: &'a StringArray,
    product: &'a StringArray,
    kind: &'a StringArray,
    order: &'a StringArray,
    quantity: &'a PrimitiveArray<Int64Type>,
    rating: &'a PrimitiveArray<Float64Type>,
    occurred_at: &'a PrimitiveArray<Int64Type>,
}

impl<'a> Rows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, TrainingError> {
        Ok(Self {
            position: number(batch, "position", "BIGINT")?,
            user: text(batch, "user_id")?,
            product: text(batch, "product_id")?,
            kind: text(batch, "event_kind")?,
            order: text(batch, "order_id")?,
            quantity: number(batch, "quantity", "BIGINT")?,
            rating: number(batch, "rating", "DOUBLE")?,
            occurred_at: number(batch, "occurred_at_us", "BIGINT")?,
        })
    }
}

fn text<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, TrainingError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt());
    column.ok_or(TrainingError::Column { name, wanted: "STRING" })
}

fn number<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &'static str,
    wanted: &'static str,
) -> Result<&'a PrimitiveArray<T>, TrainingError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt());
    column.ok_or(TrainingError::Column { name, wanted })
}

fn get_text(column: &StringArray, i: usize) -> Option<&str> {
    column.is_valid(i).then(|| column.value(i))
}

fn get<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, i: usize) -> Option<T::Native> {
    column.is_valid(i).then(|| column.value(i))
}
