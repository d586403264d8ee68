//! What keeping prices costs: `cargo run --release -p store --example record_prices [PRODUCTS]`.

use std::time::Instant;

use domain::{Currency, Money, PricePoint, ProductId, Timestamp, time::DAY};
use store::{ShopStores, embedded::Stores};

const START: Timestamp = Timestamp::from_seconds(1_782_864_000);

fn main() -> store::Result<()> {
    let n_products = std::env::args().nth(1).map_or(100_000, |text| text.parse::<usize>().expect("a number"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stores = Stores::open(folder.path(), Default::default())?;
    let shop: ShopStores<()> = stores.shop("default")?;
    let ids: Vec<_> = (0..n_products).map(|n| ProductId::new(format!("product-{n:07}")).expect("a short id")).collect();
    for (n, what, minor) in [(0, "new", 100), (1, "unchanged", 100), (2, "changed", 90), (3, "changed", 80)] {
        let offer = |id: &ProductId| PricePoint {
            product_id: id.clone(),
            at: START + n * DAY,
            price: Some(Money::new(minor, Currency::PEN)),
            available: true,
        };
        let points: Vec<_> = ids.iter().map(offer).collect();
        let start = Instant::now();
        shop.prices.record(&points)?;
        println!("{n_products} {what} points recorded in {:.2?}", start.elapsed());
    }
    let start = Instant::now();
    let n = shop.prices.since(START + 2 * DAY)?.len();
    println!("{n} points since a day read in {:.2?}", start.elapsed());
    let start = Instant::now();
    let n = shop.prices.forget_before(START + 2 * DAY)?;
    println!("{n} points forgotten in {:.2?}", start.elapsed());
    Ok(())
}
