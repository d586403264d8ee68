//! Files into the stores: the same checks as at the live door, in large commits, with an honest report.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Instant,
};

use domain::{Channel, Consent, Event, Product, Timestamp, UserTraits};
use privacy::Pseudonyms;
use serde::Serialize;
use serde_json::Value;
use store::{Appended, Catalog, Pending, Quarantined, StoreError, Users};

use crate::{
    Collector, RawEvent,
    collector::{Arrival, Examined, Incoming, Refused},
    formats::{BadRow, Chunk, FormatError, Source},
    set_aside,
};

/// Chunks read ahead of the log, and appends whose answer is awaited: the reader is never idle, the memory bounded.
const CHUNKS_AHEAD: usize = 2;

/// What a file came to.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct ImportReport {
    pub format: String,
    pub file: String,
    /// Input lines; several may make one event (the lines of a receipt).
    pub rows: u64,
    /// Events, products or users that the rows came to, before checks.
    pub items: u64,
    pub accepted: u64,
    pub duplicates: u64,
    /// Events not kept because the shopper refused.
    pub withheld: u64,
    /// Rows left out on purpose, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Rows or events refused, by code; they are in quarantine, as far as there is room.
    pub quarantined: BTreeMap<String, u64>,
    pub seconds: f64,
    pub rows_per_second: f64,
}

impl ImportReport {
    fn of<T>(source: &Source<T>) -> Self {
        let (format, file) = (source.format.to_string(), source.file.display().to_string());
        Self { format, file, ..Self::default() }
    }

    fn count_rows(&mut self, rows: u64, skipped: BTreeMap<String, u64>) {
        self.rows += rows;
        for (reason, n) in skipped {
            *self.skipped.entry(reason).or_default() += n;
        }
    }

    fn count_refused(&mut self, rows: &[Quarantined]) {
        for row in rows {
            *self.quarantined.entry(row.code.clone()).or_default() += 1;
        }
    }

    fn clock(&mut self, started: Instant) {
        self.seconds = started.elapsed().as_secs_f64();
        self.rows_per_second = if self.seconds > 0.0 { self.rows as f64 / self.seconds } else { 0.0 };
    }
}

/// Why an import stopped. What was reported as accepted before is in the log; importing the file again goes over it
/// as duplicates.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FormatError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How an import is to be understood.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    pub received_at: Timestamp,
    /// What the shoppers of events that don't say have allowed.
    pub consent: Consent,
}

/// A chunk after the checks.
struct Prepared {
    rows: u64,
    items: u64,
    withheld: u64,
    skipped: BTreeMap<String, u64>,
    events: Vec<Event>,
    refused: Vec<Quarantined>,
}

impl Collector {
    /// Reads and checks on one thread while the log commits what was read before. Blocks until all is durable.
    ///
    /// # Errors
    /// When the file can't be read any further or the log fails.
    pub fn import(
        &self,
        source: Source<RawEvent>,
        options: ImportOptions,
        progress: &mut dyn FnMut(&ImportReport),
    ) -> Result<ImportReport, ImportError> {
        let started = Instant::now();
        let mut report = ImportReport::of(&source);
        std::thread::scope(|scope| {
            let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
            scope.spawn(move || self.prepare_all(source, options, &sender));
            self.append_all(&chunks, &mut report, &mut |report| {
                report.clock(started);
                progress(report);
            })
        })?;
        report.clock(started);
        Ok(report)
    }

    /// Ends with the file, with its first error, or when nobody listens any more.
    fn prepare_all(
        &self,
        source: Source<RawEvent>,
        options: ImportOptions,
        sender: &SyncSender<Result<Prepared, FormatError>>,
    ) {
        let file = source.file.display().to_string();
        for chunk in source.chunks {
            let prepared = chunk.map(|chunk| self.prepare(chunk, options, &file));
            let failed = prepared.is_err();
            if sender.send(prepared).is_err() || failed {
                return;
            }
        }
    }

    fn prepare(&self, chunk: Chunk<RawEvent>, options: ImportOptions, file: &str) -> Prepared {
        let ImportOptions { received_at, consent } = options;
        let arrival = Arrival { sent_at: None, received_at, channel: Channel::Import, consent };
        let n_items = chunk.items.len();
        let refused = chunk.refused.into_iter().map(|bad| self.bad_row(bad, file, received_at)).collect();
        let mut prepared = Prepared {
            rows: chunk.rows,
            items: n_items as u64,
            withheld: 0,
            skipped: chunk.skipped,
            events: Vec::with_capacity(n_items),
            refused,
        };
        for (row, raw) in chunk.items {
            match self.examine(Incoming::Raw(Box::new(raw)), &arrival) {
                Ok(Examined::Event(event)) => prepared.events.push(*event),
                Ok(Examined::Withheld | Examined::Ignored) => prepared.withheld += 1,
                Err(Refused { refusal, raw }) => {
                    let origin = format!("{file}:{row}");
                    prepared.refused.push(set_aside::quarantined(&refusal, origin, raw, received_at));
                }
            }
        }
        prepared
    }

    fn bad_row(&self, bad: BadRow, file: &str, received_at: Timestamp) -> Quarantined {
        quarantined(bad, file, received_at, self.pseudonyms(), &self.shop().name)
    }

    fn append_all(
        &self,
        chunks: &Receiver<Result<Prepared, FormatError>>,
        report: &mut ImportReport,
        progress: &mut dyn FnMut(&mut ImportReport),
    ) -> Result<(), ImportError> {
        let mut awaited: Option<Pending> = None;
        let mut outcome = Ok(());
        for prepared in chunks {
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    outcome = Err(error.into());
                    break;
                }
            };
            report.count_rows(prepared.rows, prepared.skipped);
            report.items += prepared.items;
            report.withheld += prepared.withheld;
            report.count_refused(&prepared.refused);
            self.set_aside(&prepared.refused);
            let pending = (!prepared.events.is_empty()).then(|| self.log().append(prepared.events));
            settle(awaited.take(), report)?;
            awaited = pending;
            progress(report);
        }
        settle(awaited, report)?;
        progress(report);
        outcome
    }
}

fn settle(pending: Option<Pending>, report: &mut ImportReport) -> Result<(), StoreError> {
    let Some(pending) = pending else { return Ok(()) };
    for appended in pending.wait()? {
        match appended {
            Appended::New(_) => report.accepted += 1,
            Appended::Duplicate => report.duplicates += 1,
        }
    }
    Ok(())
}

fn quarantined(bad: BadRow, file: &str, received_at: Timestamp, pseudonyms: &Pseudonyms, shop: &str) -> Quarantined {
    let raw = match bad.raw {
        Some(Value::Null) | None => set_aside::unreadable(0),
        Some(value) => set_aside::without_identity(&value, pseudonyms, shop),
    };
    set_aside::quarantined(&bad.refusal, format!("{file}:{}", bad.row), raw, received_at)
}

impl Collector {
    /// Inserts or replaces the products of a catalogue; a chunk is stored whole or not at all.
    ///
    /// # Errors
    /// When the file can't be read any further or the catalogue fails.
    pub fn import_products(
        &self,
        source: Source<Product>,
        catalog: &dyn Catalog,
        received_at: Timestamp,
        progress: &mut dyn FnMut(&ImportReport),
    ) -> Result<ImportReport, ImportError> {
        self.import_simple(source, received_at, progress, |products| {
            let products: Vec<Product> = products.collect();
            catalog.upsert(&products)
        })
    }

    /// Stores the traits of users under their pseudonyms.
    ///
    /// # Errors
    /// When the file can't be read any further or the store of users fails.
    pub fn import_users(
        &self,
        source: Source<(String, UserTraits)>,
        users: &dyn Users,
        received_at: Timestamp,
        progress: &mut dyn FnMut(&ImportReport),
    ) -> Result<ImportReport, ImportError> {
        let (pseudonyms, shop) = (self.pseudonyms(), self.shop().name.as_str());
        self.import_simple(source, received_at, progress, |rows| {
            let rows: Vec<_> = rows.map(|(id, traits)| (pseudonyms.known(shop, id.trim()), traits)).collect();
            users.upsert(&rows)
        })
    }

    fn import_simple<T>(
        &self,
        source: Source<T>,
        received_at: Timestamp,
        progress: &mut dyn FnMut(&ImportReport),
        mut keep: impl FnMut(&mut dyn Iterator<Item = T>) -> Result<(), StoreError>,
    ) -> Result<ImportReport, ImportError> {
        let started = Instant::now();
        let mut report = ImportReport::of(&source);
        let file = report.file.clone();
        for chunk in source.chunks {
            let Chunk { rows, items, refused, skipped } = chunk?;
            let n_items = items.len() as u64;
            keep(&mut items.into_iter().map(|(_, item)| item))?;
            let refused: Vec<_> = refused.into_iter().map(|bad| self.bad_row(bad, &file, received_at)).collect();
            self.set_aside(&refused);
            report.count_rows(rows, skipped);
            report.count_refused(&refused);
            report.items += n_items;
            report.accepted += n_items;
            report.clock(started);
            progress(&report);
        }
        report.clock(started);
        Ok(report)
    }
}
