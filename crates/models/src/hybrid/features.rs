//! What the trees look at: a row of numbers per candidate, from what was known when the list was asked for.
//!
//! Nothing here reads the clock or the interactions of a later moment: what concerns products is a table as of the fit,
//! what concerns the user is the history and the time of the query. Days and counts are `log₂(1 + x)`.

use super::NAME;
use super::shortlist::Shortlist;
use crate::{Error, Features, History, HistoryItem, Interactions, Result, Tensors, decay};

const OF_SOURCES: [&str; 2] = ["score", "rank"];
const OF_PRODUCTS: [&str; 4] = ["product popularity", "product trend", "product age", "product idle"];
const OF_USERS: [&str; 4] = ["history events", "history products", "history idle", "history popularity"];
const OF_PAIRS: [&str; 3] = ["times had", "had ago", "features shared"];

/// Days after which an event counts half in a product's trend.
const TREND_HALF_LIFE_DAYS: f32 = 14.0;

/// `SOURCE score, SOURCE rank, …, product popularity, …`: the columns of [`ProductFacts::rows`].
pub(super) fn names(sources: &[&str]) -> Vec<String> {
    let of_sources = sources.iter().flat_map(|source| OF_SOURCES.map(|what| format!("{source} {what}")));
    let others = OF_PRODUCTS.iter().chain(&OF_USERS).chain(&OF_PAIRS).map(|name| (*name).to_owned());
    of_sources.chain(others).collect()
}

/// The source that a column speaks for; `None` for those of product, user and pair.
pub(super) fn source_of(column: usize, n_sources: usize) -> Option<usize> {
    let source = column / OF_SOURCES.len();
    (source < n_sources).then_some(source)
}

/// What is known of the products when the model is fitted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProductFacts {
    /// Products × [`OF_PRODUCTS`].
    table: Vec<f32>,
    /// Empty rows where the data has none.
    features: Features,
}

impl ProductFacts {
    pub fn new(interactions: &Interactions, features: Option<&Features>) -> Self {
        let (n_items, now) = (interactions.n_items(), interactions.newest_timestamp());
        let (mut n_users, mut trend) = (vec![0u32; n_items], vec![0.0f64; n_items]);
        let (mut first, mut last) = (vec![now; n_items], vec![0i64; n_items]);
        interactions.merged().cells().for_each(|cell| n_users[cell.item as usize] += 1);
        for cell in interactions.cells() {
            let item = cell.item as usize;
            trend[item] += f64::from(decay(now - cell.timestamp, TREND_HALF_LIFE_DAYS));
            first[item] = first[item].min(cell.timestamp);
            last[item] = last[item].max(cell.timestamp);
        }
        let row = |item: usize| {
            [
                log(n_users[item] as f32),
                log(trend[item] as f32),
                log_days(now - first[item]),
                log_days(now - last[item]),
            ]
        };
        let none = || Features::new(0, vec![[0u32; 0]; n_items]).expect("no feature is out of range");
        Self { table: (0..n_items).flat_map(row).collect(), features: features.cloned().unwrap_or_else(none) }
    }

    /// Candidates × [`names`].
    pub fn rows(&self, shortlist: &Shortlist, n_sources: usize, history: &History<'_>) -> Vec<f32> {
        let n_items = self.table.len() / OF_PRODUCTS.len();
        let past = Past::new(history, n_items);
        let ranks = ranks(shortlist, n_sources, &past);
        let user = self.of_user(history, &past);
        let shares_of_features = self.shares_of_features(&past);
        let mut rows = Vec::new();
        for (position, &item) in shortlist.candidates.iter().enumerate() {
            for source in 0..n_sources {
                let cell = position * n_sources + source;
                rows.extend([shortlist.shares[cell], ranks[cell]]);
            }
            rows.extend(self.of_product(item));
            rows.extend(user);
            let (times, ago) = past.had(item).map_or((0.0, -1.0), |had| (had.times, log_days(history.now - had.last)));
            rows.extend([log(times), ago, self.features_shared(item, &shares_of_features)]);
        }
        rows
    }

    fn of_product(&self, item: u32) -> &[f32] {
        &self.table[item as usize * OF_PRODUCTS.len()..][..OF_PRODUCTS.len()]
    }

    fn of_user(&self, history: &History<'_>, past: &Past) -> [f32; OF_USERS.len()] {
        let n_products = past.had.len();
        let popularity: f32 = past.had.iter().map(|had| self.of_product(had.item)[0]).sum();
        let idle = history.items.last().map_or(-1.0, |last| log_days(history.now - last.timestamp));
        [log(history.items.len() as f32), log(n_products as f32), idle, popularity / n_products.max(1) as f32]
    }

    /// Of each feature, the share of the history's products that have it.
    fn shares_of_features(&self, past: &Past) -> Vec<f32> {
        let mut shares = vec![0.0; self.features.n_features()];
        for had in &past.had {
            for &feature in self.features.row(had.item as usize) {
                shares[feature as usize] += 1.0 / past.had.len() as f32;
            }
        }
        shares
    }

    /// Mean of those shares over the features of a product; 0 for one without.
    fn features_shared(&self, item: u32, shares: &[f32]) -> f32 {
        let features = self.features.row(item as usize);
        features.iter().map(|&feature| shares[feature as usize]).sum::<f32>() / features.len().max(1) as f32
    }

    pub fn tensors(&self, tensors: Tensors) -> Tensors {
        let n_items = self.features.n_rows();
        let rows = || (0..n_items).map(|item| self.features.row(item));
        let counts: Vec<u32> = rows().map(|row| row.len() as u32).collect();
        let features: Vec<u32> = rows().flatten().copied().collect();
        tensors
            .with_f32("products.facts", &[n_items, OF_PRODUCTS.len()], self.table.clone())
            .with_u32("products.n_features", &[n_items], counts)
            .with_u32("products.features", &[features.len()], features)
    }

    pub fn load(tensors: &Tensors, n_items: usize) -> Result<Self> {
        let (shape, table) = tensors.f32("products.facts", 2)?;
        let (_, counts) = tensors.u32("products.n_features", 1)?;
        let (_, features) = tensors.u32("products.features", 1)?;
        let n_listed: usize = counts.iter().map(|&n| n as usize).sum();
        let is_sound = shape == [n_items, OF_PRODUCTS.len()]
            && counts.len() == n_items
            && n_listed == features.len()
            && table.iter().all(|value| value.is_finite());
        if !is_sound {
            return Err(Error::Artifact(format!(
                "{NAME}: got facts of shape {shape:?} and {} features, wanted [{n_items}, {}] finite numbers and {n_listed}",
                features.len(),
                OF_PRODUCTS.len()
            )));
        }
        let mut rest = features;
        let rows = counts.iter().map(|&n| {
            let (row, behind) = rest.split_at(n as usize);
            rest = behind;
            row
        });
        let n_features = features.iter().max().map_or(0, |&largest| largest as usize + 1);
        let features = Features::new(n_features, rows)?;
        Ok(Self { table: table.to_vec(), features })
    }
}

/// A product of the history.
struct Had {
    item: u32,
    times: f32,
    last: i64,
}

/// The known products of a history, each once, by number.
struct Past {
    had: Vec<Had>,
}

impl Past {
    fn new(history: &History<'_>, n_items: usize) -> Self {
        let mut items: Vec<HistoryItem> =
            history.items.iter().copied().filter(|h| (h.item as usize) < n_items).collect();
        items.sort_by_key(|h| h.item);
        let had = items.chunk_by(|a, b| a.item == b.item).map(|same| Had {
            item: same[0].item,
            times: same.len() as f32,
            last: same.iter().map(|h| h.timestamp).max().unwrap_or(0),
        });
        Self { had: had.collect() }
    }

    fn had(&self, item: u32) -> Option<&Had> {
        self.had.binary_search_by_key(&item, |had| had.item).ok().map(|at| &self.had[at])
    }
}

/// Candidates × sources: how many new candidates a source puts before this one. Products of the history take no place,
/// so that a rank means the same whether or not they are among the candidates.
fn ranks(shortlist: &Shortlist, n_sources: usize, past: &Past) -> Vec<f32> {
    let is_new: Vec<bool> = shortlist.candidates.iter().map(|&item| past.had(item).is_none()).collect();
    let mut ranks = vec![0.0; shortlist.shares.len()];
    for source in 0..n_sources {
        let of_source = || shortlist.shares.iter().skip(source).step_by(n_sources);
        let mut new: Vec<f32> = of_source().zip(&is_new).filter(|(_, is_new)| **is_new).map(|(&s, _)| s).collect();
        new.sort_by(|a, b| b.total_cmp(a));
        for (position, &share) in of_source().enumerate() {
            ranks[position * n_sources + source] = log(new.partition_point(|&other| other > share) as f32);
        }
    }
    ranks
}

fn log(x: f32) -> f32 {
    (1.0 + x).log2()
}

/// Events from the future (clocks differ) count as now.
fn log_days(seconds: i64) -> f32 {
    log(seconds.max(0) as f32 / 86_400.0)
}
