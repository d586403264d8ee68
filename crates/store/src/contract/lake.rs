//! The lake: whole files or none.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{Int64Array, StringArray},
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};

use super::fresh;
use crate::{Lake, StoreError};

pub fn lake(open: impl Fn(&Path) -> Arc<dyn Lake>) {
    fresh(|path| {
        let lake = open(path);
        assert_eq!(lake.files("events").expect("the listing"), Vec::<String>::new());
        let size = lake.write("events", "b.parquet", &[batch(0..1_000), batch(1_000..1_500)]).expect("the write");
        assert!(size > 0);
        lake.write("events", "a.parquet", &[batch(0..1)]).expect("the write");
        lake.write("events", "a.parquet", &[batch(0..2)]).expect("the write");
        lake.write("users", "empty.parquet", &[batch(0..0)]).expect("the write");
        drop(lake);
        let lake = open(path);
        assert_eq!(lake.files("events").expect("the listing"), ["a.parquet", "b.parquet"]);
        assert_eq!(numbers(&*lake, "events", "a.parquet"), [0, 1]);
        assert_eq!(numbers(&*lake, "events", "b.parquet"), (0..1_500).collect::<Vec<_>>());
        assert_eq!(numbers(&*lake, "users", "empty.parquet"), Vec::<i64>::new());
        lake.remove("events", "a.parquet").expect("the removal");
        lake.remove("events", "a.parquet").expect("removing what is gone changes nothing");
        let missing = lake.read("events", "a.parquet");
        assert!(matches!(missing, Err(StoreError::NotFound(_))), "not found, got {missing:?}");
        for (table, file) in [("..", "a.parquet"), ("events", "../a.parquet"), ("events", "a.csv")] {
            let refused = lake.write(table, file, &[batch(0..1)]);
            assert!(matches!(refused, Err(StoreError::Conflict(_))), "{table}/{file} is refused, got {refused:?}");
        }
    });
}

pub fn batch(numbers: std::ops::Range<i64>) -> RecordBatch {
    let schema =
        Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("product_id", DataType::Utf8, true)]);
    let texts = numbers.clone().map(|n| (n % 3 > 0).then(|| format!("product-{n}"))).collect::<StringArray>();
    let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(numbers)), Arc::new(texts)];
    RecordBatch::try_new(Arc::new(schema), columns).expect("columns of one length")
}

fn numbers(lake: &dyn Lake, table: &str, file: &str) -> Vec<i64> {
    let batches = lake.read(table, file).expect("the read");
    let column = |batch: &RecordBatch| batch.column(0).as_any().downcast_ref::<Int64Array>().cloned();
    batches.iter().flat_map(|batch| column(batch).expect("a column of integers").values().to_vec()).collect()
}
