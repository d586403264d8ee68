//! `vitrina sql`: a question to the lake, for whoever thinks in SQL. Only in builds with the feature `sql`.

use arrow::util::pretty::pretty_format_batches;
use domain::Product;
use features::lake::{INTERACTIONS, PRODUCTS, interactions_schema, product_rows, products_schema};
use sql::{EmbeddedSql, Options, Sql, Table};

use super::{progress, say};
use crate::{config::Config, engine::Engine};

pub fn run(config: Config, query: &str) -> anyhow::Result<()> {
    let engine = Engine::open(config)?;
    let (log, lake) = (&*engine.stores.log, &*engine.stores.lake);
    let head = log.head();
    let bar = progress::bar(head.0, "bringing the lake up to date");
    train::snapshot::export(log, lake, head, &|position| bar.set_position(position.0))?;
    let products = engine.stores.catalog.all()?;
    lake.write(PRODUCTS, "products.parquet", &[product_rows(products.iter().map(AsRef::<Product>::as_ref))])?;
    bar.finish_and_clear();
    let tables = [
        Table { name: INTERACTIONS, schema: interactions_schema() },
        Table { name: PRODUCTS, schema: products_schema() },
        Table { name: train::reviews::REVIEWS, schema: train::reviews::schema() },
    ];
    let rows = EmbeddedSql::open(lake, &tables, Options::default())?.query(query)?;
    say(pretty_format_batches(&rows)?)
}
