//! Judged runs on disk, and what two of them say about each other.
//!
//! A run is a Parquet file: a row per list with its metrics, and the report in the file's metadata. Any tool that reads
//! Parquet can look into it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Serialize;

use crate::evaluate::{CaseTable, Report, Run};
use crate::groups;
use crate::metrics::{N_RESAMPLES, Paired, paired};

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("{}: got {got}, wanted a run that `vitrina evaluate --runs-out` wrote", path.display())]
    NoRun { path: PathBuf, got: String },
    #[error(
        "{first} and {second} were not asked the same: got {got}, wanted the same data, split, seed and exclusions for both"
    )]
    OtherCases { first: String, second: String, got: String },
    #[error("got metric `{got}`, wanted one that both runs have: {}", known.join(", "))]
    UnknownMetric { got: String, known: Vec<String> },
}

const REPORT: &str = "vitrina.report";
const FINGERPRINT: &str = "vitrina.fingerprint";
const N_HISTORY: &str = "n_history";
const N_RELEVANT: &str = "n_relevant";

/// Writes a run.
///
/// # Errors
/// When the file can't be written.
pub fn write(run: &Run, path: &Path) -> Result<(), RunError> {
    let counts = |counts: &[usize]| -> ArrayRef {
        Arc::new(counts.iter().map(|&n| u32::try_from(n).unwrap_or(u32::MAX)).collect::<UInt32Array>())
    };
    let cases = &run.cases;
    let mut fields =
        vec![Field::new(N_HISTORY, DataType::UInt32, false), Field::new(N_RELEVANT, DataType::UInt32, false)];
    let mut columns = vec![counts(&cases.n_history), counts(&cases.n_relevant)];
    for (column, name) in cases.names.iter().enumerate() {
        fields.push(Field::new(name, DataType::Float64, false));
        columns.push(Arc::new(cases.values.iter().map(|row| row[column]).collect::<Float64Array>()));
    }
    let metadata = vec![
        KeyValue::new(REPORT.to_owned(), serde_json::to_string(&run.report).expect("a report is plain data")),
        KeyValue::new(FINGERPRINT.to_owned(), cases.fingerprint.clone()),
    ];
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata))
        .build();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns).expect("columns are as long as the cases");
    let open = |source| RunError::Open { path: path.to_owned(), source };
    let file = File::create(path).map_err(open)?;
    let written = ArrowWriter::try_new(file, schema, Some(properties)).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.close()
    });
    written.map(|_| ()).map_err(|error| open(std::io::Error::other(error)))
}

/// Reads a run.
///
/// # Errors
/// When the file can't be read or is no run.
pub fn read(path: &Path) -> Result<Run, RunError> {
    let no_run = |got: String| RunError::NoRun { path: path.to_owned(), got };
    let file = File::open(path).map_err(|source| RunError::Open { path: path.to_owned(), source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| no_run(error.to_string()))?;
    let metadata = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let text = |key: &str| {
        let value = metadata.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.clone());
        value.ok_or_else(|| no_run(format!("no metadata `{key}`")))
    };
    let report: Report = serde_json::from_str(&text(REPORT)?).map_err(|error| no_run(error.to_string()))?;
    let mut cases = CaseTable { fingerprint: text(FINGERPRINT)?, ..CaseTable::default() };
    let is_metric = |name: &&String| ![N_HISTORY, N_RELEVANT].contains(&name.as_str());
    cases.names = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    cases.names = cases.names.iter().filter(is_metric).cloned().collect();
    for batch in reader.build().map_err(|error| no_run(error.to_string()))? {
        let batch = batch.map_err(|error| no_run(error.to_string()))?;
        add(&mut cases, &batch).ok_or_else(|| no_run("columns of other types".to_owned()))?;
    }
    Ok(Run { report, cases })
}

fn add(cases: &mut CaseTable, batch: &RecordBatch) -> Option<()> {
    let counts = |name| -> Option<Vec<usize>> {
        let column = batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>()?;
        Some(column.values().iter().map(|&n| n as usize).collect())
    };
    cases.n_history.extend(counts(N_HISTORY)?);
    cases.n_relevant.extend(counts(N_RELEVANT)?);
    let column = |name: &String| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
    let columns: Vec<_> = cases.names.iter().map(column).collect::<Option<_>>()?;
    cases.values.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row)).collect()));
    Some(())
}

/// How one run does beside another one, over all lists and by group of users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub first: String,
    pub second: String,
    pub metric: String,
    pub all: Paired,
    pub by_user_group: Vec<GroupComparison>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupComparison {
    pub name: String,
    /// Events in the history, both ends included; `None` has no end.
    pub history_min: usize,
    pub history_max: Option<usize>,
    pub n_lists: usize,
    #[serde(flatten)]
    pub paired: Paired,
}

/// Compares the second run with the first on one metric.
///
/// # Errors
/// When they were not asked the same, or lack the metric.
pub fn compare(first: (&str, &Run), second: (&str, &Run), metric: &str, seed: u64) -> Result<Comparison, RunError> {
    let ((first_name, first), (second_name, second)) = (first, second);
    if first.cases.fingerprint != second.cases.fingerprint || first.cases.n_history != second.cases.n_history {
        let about = |run: &Run| format!("{} ({}, seed {})", run.report.dataset, run.report.split, run.report.seed);
        let got = format!("{} and {}", about(first), about(second));
        return Err(RunError::OtherCases { first: first_name.to_owned(), second: second_name.to_owned(), got });
    }
    let column = |run: &Run| -> Result<Vec<f64>, RunError> {
        let at = run.cases.names.iter().position(|name| name == metric);
        let unknown = || RunError::UnknownMetric { got: metric.to_owned(), known: run.cases.names.clone() };
        let at = at.ok_or_else(unknown)?;
        Ok(run.cases.values.iter().map(|row| row[at]).collect())
    };
    let (ours, theirs) = (column(first)?, column(second)?);
    let groups = groups::bounds(&first.cases.n_history).into_iter().map(|(name, history_min, history_max)| {
        let members = groups::members(&first.cases.n_history, history_min, history_max);
        let of = |values: &[f64]| members.iter().map(|&case| values[case]).collect::<Vec<f64>>();
        GroupComparison {
            name: name.to_owned(),
            history_min,
            history_max,
            n_lists: members.len(),
            paired: paired(&of(&ours), &of(&theirs), N_RESAMPLES, seed),
        }
    });
    Ok(Comparison {
        first: first_name.to_owned(),
        second: second_name.to_owned(),
        metric: metric.to_owned(),
        all: paired(&ours, &theirs, N_RESAMPLES, seed),
        by_user_group: groups.filter(|group| group.n_lists > 0).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn run(model: &str, values: &[f64], fingerprint: &str) -> Run {
        let report = Report {
            dataset: "toy".to_owned(),
            format: "events".to_owned(),
            split: "temporal".to_owned(),
            model: model.to_owned(),
            params: models::Options::default(),
            seed: 1,
            n_users: values.len(),
            n_items: 3,
            n_train: 9,
            n_test: values.len(),
            metrics: BTreeMap::from([("ndcg@20".to_owned(), 0.5)]),
            ci95: BTreeMap::from([("ndcg@20".to_owned(), [0.4, 0.6])]),
            by_user_group: vec![],
            by_product_age: vec![],
            spread: BTreeMap::new(),
            folds: vec![],
            fit_seconds: 0.5,
            score_seconds: 0.25,
            peak_rss_bytes: 7,
        };
        let cases = CaseTable {
            names: vec!["recall@20".to_owned(), "ndcg@20".to_owned()],
            values: values.iter().map(|&value| vec![0.0, value]).collect(),
            n_history: (0..values.len()).map(|case| [2, 9][case % 2]).collect(),
            n_relevant: vec![1; values.len()],
            fingerprint: fingerprint.to_owned(),
        };
        Run { report, cases }
    }

    #[test]
    fn a_run_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ials.run");
        let written = run("ials", &[0.1, 1.0 / 3.0, 0.0], "a");
        write(&written, &path).unwrap();
        assert_eq!(read(&path).unwrap(), written);
        std::fs::write(&path, "no run").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("--runs-out"));
        assert!(read(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn gains_and_losses_show_by_group() {
        // New users (even places) gain, the others lose.
        let (first, second) = (run("popular", &[0.2; 40], "a"), run("ials", &[0.6, 0.1].repeat(20), "a"));
        let found = compare(("popular", &first), ("ials", &second), "ndcg@20", 1).unwrap();
        assert!((found.all.difference - 0.15).abs() < 1e-9);
        assert_eq!((found.all.gain, found.all.lose), (0.5, 0.5));
        let groups: Vec<(&str, usize, f64)> =
            found.by_user_group.iter().map(|g| (g.name.as_str(), g.n_lists, g.paired.gain)).collect();
        assert_eq!(groups, [("new", 20, 1.0), ("casual", 20, 0.0)]);
    }

    #[test]
    fn only_runs_on_the_same_cases_are_compared() {
        let (first, other) = (run("popular", &[0.2; 4], "a"), run("ials", &[0.2; 4], "b"));
        let error = compare(("popular", &first), ("ials", &other), "ndcg@20", 1).unwrap_err().to_string();
        assert!(error.contains("not asked the same") && error.contains("toy (temporal, seed 1)"), "{error}");
        let error = compare(("popular", &first), ("popular", &first), "ndcg@5", 1).unwrap_err().to_string();
        assert!(error.contains("recall@20, ndcg@20"), "{error}");
    }
}
