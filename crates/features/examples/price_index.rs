//! What a price index costs: `cargo run --release -p features --example price_index [PRODUCTS] [CHANGES]`.

use std::{fs, time::Instant};

use domain::{Currency, Money, PricePoint, ProductId, Timestamp, time::DAY};
use features::PriceIndex;

const START: Timestamp = Timestamp::from_seconds(1_782_864_000);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let (n_products, n_changes) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(8));
    let ids: Vec<_> = (0..n_products).map(|n| ProductId::new(format!("product-{n:07}")).expect("a short id")).collect();
    let points: Vec<_> = ids.iter().enumerate().flat_map(|(n, id)| changes(id, n, n_changes)).collect();
    let now = START + 10 * n_changes as i64 * DAY;

    let (before, start) = (resident_bytes(), Instant::now());
    let mut index = PriceIndex::of(&points);
    let built = start.elapsed();
    let bytes = resident_bytes().saturating_sub(before) as f64 / n_products as f64;
    println!("{n_products} products of {n_changes} changes: built in {built:.1?}, {bytes:.0} bytes a product");
    let start = Instant::now();
    let n_deals = index.deals(now).len();
    println!("{n_deals} deals ranked in {:.1?}", start.elapsed());
    for n in [1, n_products / 100, n_products] {
        let news: Vec<_> = ids[..n].iter().map(|id| point(id, now, 1)).collect();
        let (snapshot, start) = (index.clone(), Instant::now());
        index.record(&news);
        println!("{n} products' news beside a snapshot in {:.1?}", start.elapsed());
        drop(snapshot);
    }
}

/// One every ten days, the last of them lower for every other product.
fn changes(id: &ProductId, n: usize, n_changes: usize) -> Vec<PricePoint> {
    let minor = |change: usize| match change + 1 == n_changes && n.is_multiple_of(2) {
        true => 900,
        false => 1_000 + change as i64,
    };
    (0..n_changes).map(|change| point(id, START + 10 * change as i64 * DAY, minor(change))).collect()
}

fn point(id: &ProductId, at: Timestamp, minor: i64) -> PricePoint {
    PricePoint { product_id: id.clone(), at, price: Some(Money::new(minor, Currency::PEN)), available: true }
}

/// Memory of this process, where the system tells.
fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}
