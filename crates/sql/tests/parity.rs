//! The link between the two sides of every feature: random events, folded online, and written to a lake of Parquet files
//! and asked in SQL, give the same rows.

#[path = "../../features/tests/events/mod.rs"]
mod events;

use std::collections::BTreeMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type},
    record_batch::RecordBatch,
};
use domain::{Currency, InteractionType, Position, Product, ProductId, Recorded, UserKey, time::DAY};
use events::{START, catalog, random_events, recorded};
use features::{
    Column, Parameters, Profile, ShopStats, Training, TrainingRow, column, lake,
    lake::{INTERACTIONS, PRODUCTS, interaction_rows, interactions_schema, product_rows, products_schema},
    popularity,
};
use sql::{EmbeddedSql, Options, Sql, SqlError, Table};
use store::{Lake, embedded::FolderLake};

const N_EVENTS: usize = 400;
const N_PRODUCTS: u64 = 30;
const TOLERANCE: f64 = 1e-6;

/// Rows by their key columns; a missing value is NaN, a truth value 0 or 1.
type Rows = BTreeMap<Vec<String>, Vec<f64>>;

#[test]
fn every_feature_is_the_same_folded_and_asked() {
    for seed in 0..4 {
        let world = World::random(seed);
        for up_to in [Position(N_EVENTS as u64 / 3), Position(u64::MAX)] {
            let folded = Folded::of(&world, up_to);
            for column in column::ALL {
                let (n_keys, expected) = folded.rows(column.name);
                let got = world.ask(column, &folded.parameters, n_keys);
                assert!(!expected.is_empty(), "{} has no row to compare", column.name);
                assert_same(&format!("{} of seed {seed} up to {up_to}", column.name), &expected, &got);
            }
        }
    }
}

#[test]
fn the_training_snapshot_is_the_same_from_events_and_from_lake_rows() {
    let world = World::random(77);
    let up_to = Position(N_EVENTS as u64 / 2);
    let (mut from_events, mut from_rows) = (Training::new(up_to), Training::new(up_to));
    world.events.iter().for_each(|recorded| from_events.add(recorded));
    for file in world.lake.files(INTERACTIONS).unwrap() {
        for batch in world.lake.read(INTERACTIONS, &file).unwrap() {
            from_rows.add_batch(&batch).unwrap();
        }
    }
    let rows = from_events.finish();
    assert!(rows.iter().all(|row| row.moment.weight > 0.0 && !row.user.is_nobody()));
    assert_eq!(from_rows.finish(), rows);
}

#[test]
fn a_refusal_names_what_there_is() {
    let world = World::random(1);
    let error = world.sql.query("SELECT user FROM events").unwrap_err().to_string();
    assert!(error.contains("events") && error.contains("interactions(position, message_id, user_id"), "{error}");
    let error = world.sql.query("SELECT userid FROM interactions").unwrap_err().to_string();
    assert!(error.contains("userid") && error.contains("user_id"), "{error}");
    for text in
        ["SELEC 1", "DROP TABLE products", "COPY products TO '/tmp/x.parquet'", "SET a.b = 1", "SELECT 1; SELECT 2"]
    {
        let error = world.sql.query(text).unwrap_err();
        assert!(matches!(error, SqlError::Refused { .. }), "{text}: {error:?}");
    }
}

#[tokio::test]
async fn it_may_be_asked_and_dropped_where_async_code_runs() {
    let world = World::random(2);
    assert_eq!(world.count("SELECT count(*) AS n FROM products"), world.products.len() as f64);
    drop(world);
}

#[test]
fn an_empty_lake_has_no_rows_and_a_new_file_is_seen_at_once() {
    let world = World::of(Vec::new(), Vec::new());
    let count = "SELECT count(*) AS n FROM interactions";
    assert_eq!(world.count(count), 0.0);
    for column in column::ALL {
        assert!(world.ask(column, &parameters(Position(9)), 1).is_empty(), "{}", column.name);
    }
    for n in 1..=2 {
        let batch = interaction_rows(&recorded(random_events(n, 10, 3)));
        world.lake.write(INTERACTIONS, &format!("{n}.parquet"), std::slice::from_ref(&batch)).unwrap();
        assert_eq!(world.count(count), world.count("SELECT count(position) AS n FROM interactions"));
        assert!(world.count(count) >= 10.0 * n as f64);
    }
}

/// A shop's events and products, and its lake.
struct World {
    events: Vec<Recorded>,
    products: Vec<Product>,
    lake: FolderLake,
    sql: EmbeddedSql,
    _folder: tempfile::TempDir,
}

impl World {
    fn random(seed: u64) -> Self {
        Self::of(recorded(random_events(seed, N_EVENTS, N_PRODUCTS)), catalog(N_PRODUCTS))
    }

    fn of(events: Vec<Recorded>, products: Vec<Product>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = FolderLake::open(folder.path()).unwrap();
        // Several files, none of them in order of user or time.
        for (n, part) in events.chunks(N_EVENTS / 3).enumerate() {
            lake.write(INTERACTIONS, &format!("{n}.parquet"), &[interaction_rows(part)]).unwrap();
        }
        if !products.is_empty() {
            lake.write(PRODUCTS, "all.parquet", &[product_rows(&products)]).unwrap();
        }
        let tables = [
            Table { name: INTERACTIONS, schema: interactions_schema() },
            Table { name: PRODUCTS, schema: products_schema() },
        ];
        let options = Options { threads: 2, ..Options::default() };
        let sql = EmbeddedSql::open(&lake, &tables, options).unwrap();
        Self { events, products, lake, sql, _folder: folder }
    }

    fn ask(&self, column: &Column, parameters: &Parameters, n_keys: usize) -> Rows {
        let text = column.text(parameters);
        let batches = self.sql.query(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut rows = Rows::new();
        for (key, values) in batches.iter().flat_map(|batch| read(batch, n_keys)) {
            let other = rows.insert(key.clone(), values);
            assert!(other.is_none(), "{} has {key:?} twice", column.name);
        }
        rows
    }

    fn count(&self, text: &str) -> f64 {
        self.sql.query(text).unwrap().iter().flat_map(|batch| read(batch, 0)).map(|(_, values)| values[0]).sum()
    }
}

fn read(batch: &RecordBatch, n_keys: usize) -> Vec<(Vec<String>, Vec<f64>)> {
    let (keys, values) = batch.columns().split_at(n_keys);
    let keys: Vec<ArrayRef> = keys.iter().map(|column| cast(column, &DataType::Utf8).unwrap()).collect();
    let values: Vec<ArrayRef> = values.iter().map(|column| cast(column, &DataType::Float64).unwrap()).collect();
    let key = |column: &ArrayRef, i| {
        if column.is_valid(i) { column.as_string::<i32>().value(i).to_owned() } else { String::new() }
    };
    let value = |column: &ArrayRef, i| {
        if column.is_valid(i) { column.as_primitive::<Float64Type>().value(i) } else { f64::NAN }
    };
    (0..batch.num_rows())
        .map(|i| {
            (keys.iter().map(|column| key(column, i)).collect(), values.iter().map(|column| value(column, i)).collect())
        })
        .collect()
}

fn assert_same(what: &str, expected: &Rows, got: &Rows) {
    let (wanted, had): (Vec<_>, Vec<_>) = (expected.keys().collect(), got.keys().collect());
    assert_eq!(wanted, had, "{what}: the rows");
    for (key, values) in expected {
        let same = |(x, y): (&f64, &f64)| (x.is_nan() && y.is_nan()) || (x - y).abs() <= TOLERANCE * x.abs().max(1.0);
        assert_eq!(values.len(), got[key].len(), "{what}: columns");
        assert!(values.iter().zip(&got[key]).all(same), "{what}, row {key:?}: folded {values:?}, asked {:?}", got[key]);
    }
}

fn parameters(up_to: Position) -> Parameters {
    Parameters { up_to, now: START + 42 * DAY, half_life: popularity::HALF_LIFE, zone_hours: -5 }
}

/// The online side.
struct Folded<'a> {
    world: &'a World,
    parameters: Parameters,
    profiles: BTreeMap<UserKey, Profile>,
    products: ShopStats,
}

impl<'a> Folded<'a> {
    fn of(world: &'a World, up_to: Position) -> Self {
        let mut profiles: BTreeMap<UserKey, Profile> = BTreeMap::new();
        let mut products = ShopStats::default();
        for recorded in world.events.iter().filter(|recorded| recorded.position <= up_to) {
            products.fold(recorded);
            profiles.entry(recorded.event.user).or_default().fold(recorded);
        }
        Self { world, parameters: parameters(up_to), profiles, products }
    }

    /// The number of key columns of a feature, and its rows.
    fn rows(&self, name: &str) -> (usize, Rows) {
        match name {
            "user_interaction_count" => (1, self.of_users(user_interaction_count)),
            "interaction_duration" => (1, self.interaction_duration()),
            "user_presence" => (1, self.of_users(presence)),
            "price_band" => (2, self.price_band()),
            "day_of_week_interaction" => (3, self.day_of_week_interaction()),
            "spend" => (2, self.spend()),
            "history" => (2, self.history()),
            "training_interactions" => (4, self.training_interactions()),
            "category_affinity" => (2, self.affinity(|product| product.category().map(str::to_owned))),
            "brand_affinity" => (2, self.affinity(|product| product.brand.clone())),
            "shown_without_click" => (2, self.shown_without_click()),
            "popularity_score" => (1, self.popularity_score()),
            "interaction_count" => (1, self.interaction_count()),
            "average_ratings_product" => (1, self.average_ratings_product()),
            "purchase_trend_over_time" => (1, self.purchase_trend_over_time()),
            _ => panic!("{name} has no fold to compare with; add it here"),
        }
    }

    fn of_users(&self, row: impl Fn(&Profile) -> Option<Vec<f64>>) -> Rows {
        let named = |(user, profile): (&UserKey, &Profile)| row(profile).map(|values| (vec![user.to_string()], values));
        self.profiles.iter().filter_map(named).collect()
    }

    /// Each user's rows, the user's id in front of their keys.
    fn of_users_by(&self, rows: impl Fn(&Profile) -> Vec<(Vec<String>, Vec<f64>)>) -> Rows {
        let mut all = Rows::new();
        for (user, profile) in &self.profiles {
            for (mut key, values) in rows(profile) {
                key.insert(0, user.to_string());
                all.insert(key, values);
            }
        }
        all
    }

    fn interaction_duration(&self) -> Rows {
        self.of_users(|profile| {
            let ms = profile.interaction_duration_ms();
            (ms > 0).then(|| vec![ms as f64])
        })
    }

    fn price_band(&self) -> Rows {
        self.of_users_by(|profile| {
            let row = |currency: Currency| {
                let band = profile.price_band(currency)?;
                Some((vec![currency.to_string()], vec![band.n.into(), band.log_mean, band.log_sd]))
            };
            [Currency::PEN, Currency::USD].into_iter().filter_map(row).collect()
        })
    }

    fn day_of_week_interaction(&self) -> Rows {
        let shown = |(day, hour, n): (u8, u8, u32)| (vec![day.to_string(), hour.to_string()], vec![n.into()]);
        self.of_users_by(|profile| profile.hours().on_clock(self.parameters.zone_hours).map(shown).collect())
    }

    fn spend(&self) -> Rows {
        self.of_users_by(|profile| {
            let of_user = [
                profile.total_purchases_user().into(),
                profile.last_purchase_at().map_or(f64::NAN, |at| at.micros() as f64),
            ];
            let row = |currency: Option<Currency>, n: u32| {
                let minor = currency.map_or(0, |currency| profile.total_spent_user(currency).minor) as f64;
                let mean = currency.map_or(Some(0.0), |currency| profile.avg_purchase_value_user(currency)).unwrap();
                let key = currency.map_or(String::new(), |currency| currency.to_string());
                (vec![key], [vec![n.into(), minor, mean], of_user.to_vec()].concat())
            };
            let counts: Vec<_> = [Currency::PEN, Currency::USD].map(|c| (Some(c), profile.n_orders(c))).to_vec();
            let priced: u32 = counts.iter().map(|(_, n)| n).sum();
            let unpriced = (None, profile.total_purchases_user() - priced);
            counts.into_iter().chain([unpriced]).filter(|(_, n)| *n > 0).map(|(c, n)| row(c, n)).collect()
        })
    }

    fn history(&self) -> Rows {
        self.of_users_by(|profile| {
            let row = |entry: &features::HistoryEntry| {
                let values = vec![
                    entry.first_at.micros() as f64,
                    entry.last_at.micros() as f64,
                    entry.n().into(),
                    f64::from(entry.counts.of(InteractionType::View) > 0),
                    f64::from(profile.is_purchased(&entry.product_id)),
                    entry.purchases().into(),
                    entry.rated.map_or(f64::NAN, |rated| rated.stars.into()),
                    entry.interest(),
                    entry.strength(),
                ];
                (vec![entry.product_id.to_string()], values)
            };
            profile.history().iter().map(row).collect()
        })
    }

    fn shown_without_click(&self) -> Rows {
        self.of_users_by(|profile| {
            let value = |shown: &features::Shown| profile.shown_without_click(&shown.product_id, self.parameters.now);
            let shown = profile.exposure().shown().iter();
            let rows = shown.map(|shown| (vec![shown.product_id.to_string()], vec![value(shown)]));
            rows.filter(|(_, values)| values[0] > 0.0).collect()
        })
    }

    fn training_interactions(&self) -> Rows {
        let mut training = Training::new(self.parameters.up_to);
        self.world.events.iter().for_each(|recorded| training.add(recorded));
        let rows = training.finish().into_iter();
        rows.map(|row| {
            let TrainingRow { user, product_id, moment } = row;
            let (is_purchase, at) = (moment.is_purchase.to_string(), moment.at.micros().to_string());
            (vec![user.to_string(), product_id.to_string(), is_purchase, at], vec![moment.weight])
        })
        .collect()
    }

    fn affinity(&self, quality: impl Fn(&Product) -> Option<String>) -> Rows {
        let catalog: BTreeMap<_, _> =
            self.world.products.iter().map(|product| (&product.product_id, product)).collect();
        let of = |id: &ProductId| catalog.get(id).and_then(|product| quality(product));
        self.of_users_by(|profile| {
            let Parameters { now, half_life, .. } = self.parameters;
            let shares = features::affinity(profile.history(), now, half_life, of);
            shares.into_iter().map(|(quality, share)| (vec![quality], vec![share])).collect()
        })
    }

    fn of_products(&self, row: impl Fn(&ProductId, &features::ProductStats) -> Option<Vec<f64>>) -> Rows {
        let named = |(id, stats)| row(id, stats).map(|values| (vec![id.to_string()], values));
        self.products.products().filter_map(named).collect()
    }

    fn popularity_score(&self) -> Rows {
        self.of_products(|_, stats| {
            Some(vec![stats.popularity_score(self.parameters.now)]).filter(|score| score[0] > 0.0)
        })
    }

    fn interaction_count(&self) -> Rows {
        use InteractionType as I;
        self.of_products(|id, stats| {
            let mut values: Vec<f64> =
                [I::Impression, I::View, I::Cart, I::Purchase].iter().map(|kind| stats.count(*kind).into()).collect();
            values.extend([stats.interaction_count() as f64, self.products.interaction_count_normalized(id)]);
            Some(values)
        })
    }

    fn average_ratings_product(&self) -> Rows {
        self.of_products(|_, stats| Some(vec![stats.ratings().n().into(), stats.average_ratings_product()?]))
    }

    fn purchase_trend_over_time(&self) -> Rows {
        let now = self.parameters.now;
        self.of_products(|_, stats| {
            let (recent, before) = stats.purchases_by_week(now);
            (stats.count(InteractionType::Purchase) > 0)
                .then(|| vec![recent as f64, before as f64, stats.purchase_trend_over_time(now)])
        })
    }
}

fn user_interaction_count(profile: &Profile) -> Option<Vec<f64>> {
    let mut values: Vec<f64> =
        InteractionType::ALL.iter().map(|kind| profile.interaction_count(*kind).into()).collect();
    values.push(profile.n_interactions() as f64);
    values.iter().any(|n| *n > 0.0).then_some(values)
}

fn presence(profile: &Profile) -> Option<Vec<f64>> {
    Some(vec![profile.first_seen()?.micros() as f64, profile.last_seen()?.micros() as f64])
}

#[test]
fn rows_of_nobody_and_of_the_unwilling_name_nobody() {
    let events = recorded(random_events(5, N_EVENTS, N_PRODUCTS));
    let world = World::of(events, Vec::new());
    let named = "SELECT count(*) AS n FROM interactions WHERE consent_personalization = 'denied'
                 AND coalesce(user_id, anonymous_id, session_id) IS NOT NULL";
    assert_eq!(world.count(named), 0.0);
    assert!(world.count("SELECT count(*) AS n FROM interactions WHERE user_id IS NULL") > 0.0);
    let nobody = format!("SELECT count(*) AS n FROM {} WHERE user_id = '{}'", lake::INTERACTIONS, UserKey::NOBODY);
    assert_eq!(world.count(&nobody), 0.0);
}
