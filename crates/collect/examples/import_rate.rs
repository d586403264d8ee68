//! How fast a file comes in: `cargo run --release -p collect --example import_rate -- FILE`. Into the embedded stores in
//! a temporary folder, with deduplication on and profiles folded; then once more, when all are duplicates.

use std::{error::Error, path::Path, sync::Arc};

use collect::{Collector, ImportOptions, Projector, ReadOptions, Reading, Setup, Source};
use domain::{Consent, Shop, Timestamp};
use features::Profile;
use privacy::{ConsentPolicy, Pseudonyms};
use store::embedded::{Options, Stores};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: import_rate FILE")?;
    let folder = tempfile::tempdir()?;
    let stores = Stores::open(folder.path(), Options::default())?;
    let shop = Shop::default();
    let opened = stores.shop::<Profile>(&shop.name)?;
    let projector = Arc::new(Projector::new(opened.profiles.clone()));
    opened.log.follow(projector.clone());
    let reading =
        Reading { currency: shop.currency, zone: shop.zone(), received_at: Timestamp::from_seconds(1_785_250_800) };
    let collector = Collector::new(Setup {
        shop,
        log: opened.log.clone(),
        quarantine: opened.quarantine.clone(),
        pseudonyms: Pseudonyms::new([7; 32]),
        policy: ConsentPolicy::Off,
        verify: None,
    })?;
    for _ in 0..2 {
        let received_at = reading.received_at;
        let source = Source::events(Path::new(&file), None, &ReadOptions::new(reading.clone()))?;
        let options = ImportOptions { received_at, consent: Consent::default() };
        let report = collector.import(source, options, &mut |_| {})?;
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    println!("{} profiles, folded to {}, behind: {}", opened.profiles.len(), projector.folded(), projector.is_behind());
    let source = Source::events(Path::new(&file), None, &ReadOptions::new(reading))?;
    let started = std::time::Instant::now();
    let n: u64 = source.chunks.map(|chunk| chunk.map(|chunk| chunk.rows)).sum::<Result<u64, _>>()?;
    println!("reading alone: {n} rows in {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}
