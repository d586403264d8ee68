//! Files, small ones computed by hand and hostile ones, and what an import reports of them.

mod common;

use std::{fs, path::PathBuf, sync::Arc};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::Schema,
};
use collect::{
    Format, FormatError, ImportOptions, ImportReport, RawEvent, ReadOptions, Reading, Source, formats::detect::detect,
};
use common::{Bench, at, bench, pseudonyms};
use domain::{Channel, Consent, Currency, Event, EventKind, Money, Product, Shop};
use parquet::arrow::ArrowWriter;
use privacy::ConsentPolicy;
use tempfile::TempDir;

fn options() -> ReadOptions {
    let shop = Shop::default();
    ReadOptions::new(Reading { currency: shop.currency, zone: shop.zone(), received_at: at("2026-07-28T15:00:00Z") })
}

fn folder_with(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn parquet_bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::new(Schema::clone(&batch.schema())), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn import(bench: &Bench, source: Source<RawEvent>) -> ImportReport {
    let options = ImportOptions { received_at: at("2026-07-28T15:00:00Z"), consent: Consent::GRANTED };
    bench.collector.import(source, options, &mut |_| {}).unwrap()
}

/// The report of this file, and what is in the log after it; importing it again must add nothing.
fn imported(name: &str, bytes: &[u8], format: Option<Format>, options: &ReadOptions) -> (ImportReport, Vec<Event>) {
    let (_folder, path) = folder_with(name, bytes);
    let bench = bench(ConsentPolicy::Require);
    let report = import(&bench, Source::events(&path, format, options).unwrap());
    let events = bench.log.events();
    assert_eq!(report.accepted as usize, events.len());
    let again = import(&bench, Source::events(&path, format, options).unwrap());
    assert_eq!((again.accepted, again.duplicates), (0, report.accepted + report.duplicates));
    (report, events)
}

fn counted(counts: &std::collections::BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    counts.iter().map(|(name, n)| (name.as_str(), *n)).collect()
}

#[test]
fn a_csv_with_bad_rows_gives_its_good_ones() {
    let mut csv = b"user_id,product_id,interaction_type,timestamp,query\n\
        u1,p1,view,2026-07-01T10:00:00Z,\"two\nlines, one \"\"cell\"\"\"\n\
        u1,p1,view\n\
        u1,p1,eat,2026-07-01T10:00:00Z,\n\
        u1,p1,view,,\n\
        u2,\xff,view,2026-07-01T10:00:00Z,\n\n\
        u2,p2,cart,1785250800,\n\
        u2,p2,cart,1785250800,\n\
        u3,\"p3,view,2026-07-01T10:00:00Z,\n\
        u4,p4,view,2026-07-01 10:00:00,\n"
        .to_vec();
    csv.extend(b"u5,");
    csv.extend(vec![b'x'; 2 << 20]);
    csv.extend(b"\nu6,p6,view,2026-07-01T10:00:00Z,\n");
    let (report, events) = imported("e.csv", &csv, None, &options());
    assert_eq!((report.rows, report.items, report.accepted, report.duplicates), (11, 5, 4, 1));
    assert_eq!(counted(&report.quarantined), [("missing_field", 1), ("unknown_event", 1), ("unreadable", 4)]);
    assert_eq!(events[0].details.query.as_deref(), Some("two\nlines, one \"cell\""));
    assert_eq!(events[2].occurred_at, at("2026-07-01T10:00:00-05:00"));
    assert!(events.iter().all(|event| event.channel == Channel::Import));
}

#[test]
fn a_bad_row_lies_in_quarantine_with_its_place() {
    let (_folder, path) = folder_with("e.csv", b"user_id;event;product_id;timestamp\nana;eat;p;1785250800\n");
    let bench = bench(ConsentPolicy::Require);
    import(&bench, Source::events(&path, None, &options()).unwrap());
    let row = bench.quarantine.0.lock()[0].clone();
    assert!(row.origin.ends_with("e.csv:2"), "{}", row.origin);
    assert!(row.raw.contains(&pseudonyms().known("bodega", "ana").to_string()) && !row.raw.contains("ana"));
}

#[test]
fn columns_can_be_mapped_and_a_kind_given() {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let mut options = options();
    options.map = map(&[("cliente", "user_id"), ("articulo", "product_id"), ("cuando", "timestamp")]);
    options.kind = Some(EventKind::ProductViewed);
    let (report, events) = imported("e.tsv", b"cliente\tarticulo\tcuando\n7\tp1\t1785250800\n", None, &options);
    assert_eq!((report.format.as_str(), report.accepted), ("csv", 1));
    assert_eq!(events[0].user, pseudonyms().known("bodega", "7"));
    options.map = map(&[("kunde", "user_id")]);
    let (_folder, path) = folder_with("e.csv", b"cliente,articulo\n");
    let error = Source::events(&path, Some(Format::Csv), &options).err().unwrap().to_string();
    assert!(error.contains("no column \"kunde\" to map; the columns are cliente, articulo"), "{error}");
}

#[test]
fn json_lines_are_read_like_the_api() {
    let jsonl = "{\"event\":\"Product Viewed\",\"userId\":\"u\",\"properties\":{\"product_id\":\"p\"},\"timestamp\":\"2026-07-01T10:00:00Z\"}\n\
        {\"event\":\n\
        [1]\n\
        {\"type\":\"identify\",\"userId\":\"u\"}\n";
    let deep = format!("{}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let (report, _) = imported("e.jsonl", (jsonl.to_owned() + &deep).as_bytes(), None, &options());
    assert_eq!((report.rows, report.accepted), (5, 1));
    assert_eq!(counted(&report.quarantined), [("unreadable", 3)]);
    assert_eq!(counted(&report.skipped), [("no event of a shopper", 1)]);
}

#[test]
fn a_parquet_table_is_read_by_its_column_names() {
    let bytes = parquet_bytes(vec![
        ("user_id", Arc::new(Float64Array::from(vec![Some(17850.0), None])) as ArrayRef),
        ("product_id", Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef),
        ("interaction_type", Arc::new(StringArray::from(vec!["purchase", "view"])) as ArrayRef),
        ("timestamp", Arc::new(Int64Array::from(vec![1_785_250_800; 2])) as ArrayRef),
    ]);
    let (report, events) = imported("e.parquet", &bytes, None, &options());
    assert_eq!((report.rows, report.accepted), (2, 1));
    assert_eq!(counted(&report.quarantined), [("missing_field", 1)]);
    assert_eq!(events[0].user, pseudonyms().known("bodega", "17850"));
}

#[test]
fn a_damaged_parquet_file_is_an_error_and_never_a_panic() {
    let bytes = parquet_bytes(vec![
        ("user_id", Arc::new(StringArray::from_iter_values((0..500).map(|i| format!("u{i}")))) as ArrayRef),
        ("event", Arc::new(StringArray::from(vec!["view"; 500])) as ArrayRef),
        ("timestamp", Arc::new(Int64Array::from(vec![1_785_250_800; 500])) as ArrayRef),
    ]);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let read = |bytes: &[u8]| -> Result<(), FormatError> {
        let (_folder, path) = folder_with("e.parquet", bytes);
        let mut source = Source::events(&path, Some(Format::Parquet), &options())?;
        source.chunks.try_for_each(|chunk| chunk.map(drop))
    };
    let mut n_errors = 0;
    for cut in (0..bytes.len()).step_by(37) {
        let error = read(&bytes[..cut]).unwrap_err().to_string();
        assert!(error.contains("e.parquet"), "{error}");
        let mut flipped = bytes.clone();
        flipped[cut] ^= 0x55;
        n_errors += usize::from(read(&flipped).is_err());
    }
    std::panic::set_hook(quiet);
    assert!(n_errors > 0);
}

#[test]
fn a_file_that_could_be_anything_is_not_guessed_at() {
    let unsure = |name: &str, bytes: &[u8]| {
        let (_folder, path) = folder_with(name, bytes);
        detect(&path, &options()).unwrap_err().to_string()
    };
    assert!(unsure("e.csv", b"a,b,c\n").contains("no column says who acted"));
    assert!(unsure("e.csv", b"user_id,timestamp\n").contains("--map COLUMN=FIELD"));
    assert!(unsure("e.xlsx", b"").contains("--format csv, jsonl or parquet"));
    assert!(unsure("e.csv", b"").contains("the file is empty"));
    assert!(unsure("e.parquet", b"PAR1 no").contains("can't be read as Parquet"));
    let folder = tempfile::tempdir().unwrap();
    assert!(detect(folder.path(), &options()).unwrap_err().to_string().contains("the folder holds none of"));
}

#[test]
fn invoices_become_orders_and_refunds() {
    let invoice = ["1", "1", "2", "1", "1", "1", "1", "C3", "4", "5"];
    let code = ["85123a", "71053", "22960", "85123A", "POST", "M", "BANK CHARGES", "71053", "22960", "22960"];
    let quantity = [6, 2, 1, 4, 1, 1, 1, -2, -5, 3];
    let price = [2.55, 3.39, 4.25, 2.55, 18.0, 1.0, 15.0, 3.39, 0.0, 0.0];
    let customer = [
        Some(17850.0),
        Some(17850.0),
        None,
        Some(17850.0),
        Some(17850.0),
        Some(17850.0),
        None,
        Some(17850.0),
        None,
        None,
    ];
    // 2011-07-01 08:26 on the wall clock of London, which is an hour ahead of UTC in summer.
    let wall = at("2011-07-01T08:26:00Z").micros();
    let bytes = parquet_bytes(vec![
        ("InvoiceNo", Arc::new(StringArray::from(invoice.to_vec())) as ArrayRef),
        ("StockCode", Arc::new(StringArray::from(code.to_vec())) as ArrayRef),
        ("Quantity", Arc::new(Int64Array::from(quantity.to_vec())) as ArrayRef),
        ("InvoiceDate", Arc::new(TimestampMicrosecondArray::from(vec![wall; 10])) as ArrayRef),
        ("UnitPrice", Arc::new(Float64Array::from(price.to_vec())) as ArrayRef),
        ("CustomerID", Arc::new(Float64Array::from(customer.to_vec())) as ArrayRef),
    ]);
    let (report, events) = imported("invoices.parquet", &bytes, None, &options());
    assert_eq!((report.format.as_str(), report.rows, report.accepted), ("online_retail", 10, 3));
    assert_eq!(
        counted(&report.skipped),
        [
            ("not a product: BANK CHARGES", 1),
            ("not a product: M", 1),
            ("postage, kept as the order's shipping", 1),
            ("stock correction", 1),
            ("without a price", 1)
        ]
    );
    let [order, guest, refund] = events.as_slice() else { panic!("{events:?}") };
    let pounds = |minor| Some(Money::new(minor, Currency::GBP));
    let lines: Vec<_> = order.products.iter().map(|l| (l.product_id.as_str(), l.quantity, l.price)).collect();
    assert_eq!(lines, [("85123A", 10, pounds(255)), ("71053", 2, pounds(339))]);
    let money = order.order.clone().unwrap();
    assert_eq!((money.subtotal, money.shipping, money.total), (pounds(3228), pounds(1800), pounds(5028)));
    assert_eq!(order.occurred_at, at("2011-07-01T07:26:00Z"));
    assert_eq!(guest.user, pseudonyms().anonymous("bodega", "invoice-2"));
    assert_eq!((refund.kind, refund.products[0].quantity), (EventKind::OrderRefunded, 2));
    assert_eq!(refund.order.clone().unwrap().total, pounds(678));
}

#[test]
fn baskets_become_orders_with_their_discounts() {
    let ints = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let reals = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let bytes = parquet_bytes(vec![
        ("household_id", ints(&[900, 900, 900, 7, 7])),
        ("basket_id", ints(&[31, 31, 31, 32, 32])),
        ("product_id", ints(&[1, 2, 3, 6_534_178, 4])),
        ("quantity", ints(&[2, 3, 0, 9850, 1])),
        ("sales_value", reals(&[3.0, 1.0, 0.0, 25.12, -1.0])),
        ("retail_disc", reals(&[0.5, 0.0, 0.0, 0.0, 0.0])),
        ("coupon_disc", reals(&[0.25, 0.0, 0.0, 0.0, 0.0])),
        ("coupon_match_disc", reals(&[0.25, 0.0, 0.0, 0.0, 0.0])),
        (
            "transaction_timestamp",
            Arc::new(TimestampMicrosecondArray::from(vec![at("2017-01-01T11:53:26Z").micros(); 5])) as ArrayRef,
        ),
    ]);
    let (report, events) = imported("transactions.parquet", &bytes, None, &options());
    assert_eq!((report.format.as_str(), report.rows, report.accepted), ("complete_journey", 5, 2));
    assert_eq!(counted(&report.skipped), [("quantity 0", 1)]);
    assert_eq!(counted(&report.quarantined), [("out_of_range", 1)]);
    let dollars = |minor| Some(Money::new(minor, Currency::USD));
    let order = events[0].order.clone().unwrap();
    assert_eq!((order.subtotal, order.discount, order.total), (dollars(375), dollars(100), dollars(375)));
    let lines: Vec<_> = events[0].products.iter().map(|l| (l.quantity, l.price)).collect();
    assert_eq!(lines, [(2, dollars(150)), (3, dollars(33))]);
    let fuel = &events[1].products[0];
    assert_eq!((fuel.quantity, fuel.price), (1, dollars(2512)));
}

#[test]
fn a_catalogue_is_read_under_merchant_center_s_names() {
    let csv = "id,title,price,sale_price,availability,product_type,image_link,color,stock\n\
        p1,Taza,99.90 PEN,79.90 PEN,in stock,Hogar > Cocina,https://x/1.jpg,rojo,3\n\
        p2,Olla,,,out_of_stock,,,,-2\n\
        p3,,5,,,,,,\n\
        p4,Plato,\"1990,50\",,,,,,\n\
        p5,Vaso,5,,sometimes,,,,\n";
    let (_folder, path) = folder_with("feed.csv", csv.as_bytes());
    let source = Source::products(&path, None, &options()).unwrap();
    let chunks: Vec<_> = source.chunks.collect::<Result<_, _>>().unwrap();
    let products: Vec<&Product> = chunks.iter().flat_map(|chunk| chunk.items.iter().map(|(_, p)| p)).collect();
    let soles = |minor| Some(Money::new(minor, Currency::PEN));
    assert_eq!((products[0].price, products[0].list_price), (soles(7990), soles(9990)));
    assert_eq!(products[0].categories, ["Hogar", "Cocina"]);
    assert_eq!((products[0].stock, products[0].attributes["color"].as_str()), (Some(3), "rojo"));
    assert!(!products[1].is_available() && products[1].stock == Some(0));
    let refused: Vec<_> =
        chunks.iter().flat_map(|chunk| chunk.refused.iter().map(|r| (r.row, r.refusal.code))).collect();
    assert_eq!(refused, [(4, "missing_field"), (5, "bad_amount"), (6, "out_of_range")]);
}

#[test]
fn users_lose_what_would_name_them() {
    let csv = "user_id,user_segment,user_preferences,email,name,city,note\nu1,vip,Hogar|Moda,a@b.pe,Ana,Lima,tel 987654321\n,,,,Eva,,\n";
    let (_folder, path) = folder_with("users.csv", csv.as_bytes());
    let source = Source::users(&path, None, &options()).unwrap();
    let chunks: Vec<_> = source.chunks.collect::<Result<_, _>>().unwrap();
    let (id, traits) = &chunks[0].items[0].1;
    assert_eq!((id.as_str(), traits.segment.as_deref()), ("u1", Some("vip")));
    assert_eq!(traits.preferences, ["Hogar", "Moda"]);
    let attributes: Vec<_> = traits.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(attributes, [("city", "Lima"), ("note", "tel [number]")]);
    let refused = &chunks[0].refused[0];
    assert_eq!((refused.row, refused.refusal.code), (3, "missing_field"));
    assert!(!refused.raw.as_ref().unwrap().to_string().contains("Eva"), "a name never gets to quarantine");
}

/// The sample shop that the project ships. The figures were counted from the same file with pandas.
#[test]
fn the_shipped_sample_comes_in_whole() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/online_retail"));
    let bench = bench(ConsentPolicy::Require);
    let report = import(&bench, Source::events(&folder, None, &options()).unwrap());
    assert_eq!((report.rows, report.duplicates, report.quarantined.len()), (541_909, 0, 0));
    let events = bench.log.events();
    assert_eq!(report.items, 19_823 + 3_422, "19,773 sales, 50 more parts of long ones, refunds");
    let pence: i64 = events.iter().filter(|e| e.kind == EventKind::OrderCompleted).map(Event::goods_minor).sum();
    assert_eq!(pence, 1_027_143_306);
    assert_eq!(events.iter().filter(|e| e.kind == EventKind::OrderRefunded).count(), 3_422);
    let products = Source::products(&folder, None, &options()).unwrap().chunks;
    let n_products: usize = products.map(|chunk| chunk.unwrap().items.len()).sum();
    assert_eq!(n_products, 3_832);
}
