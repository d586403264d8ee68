//! Parquet, a row group's page at a time.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use ::parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use domain::Timestamp;
use serde_json::{Map, Value};

use super::{
    Chunk, FormatError, ReadOptions,
    table::{CHUNK_ROWS, Row, Rows},
};

/// Record batches of a file, some of its columns, with the number of rows before each.
pub struct Batches {
    file: PathBuf,
    reader: ParquetRecordBatchReader,
    pub rows_read: u64,
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn builder(path: &Path) -> Result<Builder, FormatError> {
    let file = File::open(path).map_err(|error| FormatError::io(path, error))?;
    guarded(path, 0, || Builder::try_new(file).map_err(|error| error.to_string()))
}

/// The Parquet reader trusts some lengths it reads, and panics on files made to break it.
fn guarded<T>(file: &Path, row: u64, read: impl FnOnce() -> Result<T, String>) -> Result<T, FormatError> {
    let outcome =
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("its pages contradict each other".into()));
    outcome.map_err(|detail| FormatError::Damaged {
        file: file.to_owned(),
        row,
        detail: format!("it can't be read as Parquet ({detail}); export it again"),
    })
}

/// The column names of a file.
///
/// # Errors
/// When it is no Parquet file.
pub fn columns(path: &Path) -> Result<Vec<String>, FormatError> {
    Ok(builder(path)?.schema().fields().iter().map(|field| field.name().clone()).collect())
}

impl Batches {
    /// All columns, or just the named ones.
    ///
    /// # Errors
    /// When it is no Parquet file or a column is not there.
    pub fn open(path: &Path, wanted: Option<&[&str]>) -> Result<Self, FormatError> {
        let mut builder = builder(path)?;
        if let Some(wanted) = wanted {
            let present: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
            if let Some(absent) = wanted.iter().find(|name| !present.contains(name)) {
                let detail = format!("column {absent} is missing; there are {}", present.join(", "));
                return Err(FormatError::columns(path, detail));
            }
            let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.iter().copied());
            builder = builder.with_projection(mask);
        }
        let build = || builder.with_batch_size(CHUNK_ROWS as usize).build().map_err(|error| error.to_string());
        let reader = guarded(path, 0, build)?;
        Ok(Self { file: path.to_owned(), reader, rows_read: 0 })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = &mut self.reader;
        let read = || reader.next().transpose().map_err(|error| error.to_string());
        let batch = guarded(&self.file, self.rows_read, read).transpose()?;
        if let Ok(batch) = &batch {
            self.rows_read += batch.num_rows() as u64;
        }
        Some(batch)
    }
}

/// One column of a batch as text, integers, reals or moments, whatever type the file gave it.
pub struct Column(ArrayRef);

impl Column {
    /// Cells that don't fit the type are absent.
    ///
    /// # Errors
    /// When the column's type can't become this one at all.
    pub fn of(batch: &RecordBatch, name: &str, wanted: &DataType, file: &Path) -> Result<Self, FormatError> {
        let array = batch
            .column_by_name(name)
            .ok_or_else(|| FormatError::columns(file, format!("column {name} is missing")))?;
        cast(array, wanted).map(Self).map_err(|_| {
            let got = array.data_type();
            FormatError::columns(file, format!("column {name} has type {got}, wanted one that reads as {wanted}"))
        })
    }

    pub fn text(&self, row: usize) -> Option<&str> {
        (!self.0.is_null(row)).then(|| self.0.as_string::<i32>().value(row))
    }

    pub fn int(&self, row: usize) -> Option<i64> {
        (!self.0.is_null(row)).then(|| self.0.as_primitive::<Int64Type>().value(row))
    }

    pub fn float(&self, row: usize) -> Option<f64> {
        (!self.0.is_null(row)).then(|| self.0.as_primitive::<Float64Type>().value(row))
    }

    pub fn micros(&self, row: usize) -> Option<i64> {
        (!self.0.is_null(row)).then(|| self.0.as_primitive::<TimestampMicrosecondType>().value(row))
    }
}

pub const MICROS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// # Errors
/// When it is no Parquet file.
pub fn open(path: &Path, options: &ReadOptions) -> Result<Rows, FormatError> {
    let batches = Batches::open(path, None)?;
    let present: Vec<String> = batches.reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    options.check_map(path, &present)?;
    let names: Vec<String> = present.iter().map(|column| options.field(column).to_owned()).collect();
    let mut first = 1;
    Ok(Box::new(batches.map(move |batch| {
        let batch = batch?;
        let chunk = rows(&batch, &names, first);
        first += batch.num_rows() as u64;
        Ok(chunk)
    })))
}

fn rows(batch: &RecordBatch, names: &[String], first: u64) -> Chunk<Row> {
    let columns: Vec<Cells> = batch.columns().iter().map(Cells::of).collect();
    let row = |row: usize| names.iter().zip(&columns).map(|(name, cells)| (name.clone(), cells.value(row))).collect();
    let items = (0..batch.num_rows()).map(|i| (first + i as u64, row(i))).collect();
    Chunk { rows: batch.num_rows() as u64, items, ..Chunk::default() }
}

/// A column as JSON values.
enum Cells {
    Int(ArrayRef),
    Float(ArrayRef),
    Bool(ArrayRef),
    /// A moment: it names its offset.
    Instant(ArrayRef),
    Text(ArrayRef),
    List(Vec<Option<Vec<Value>>>),
    /// A type that no field of ours could have.
    Absent,
}

impl Cells {
    fn of(array: &ArrayRef) -> Self {
        let as_type = |wanted: DataType| cast(array, &wanted).ok();
        let cells = match array.data_type() {
            DataType::Boolean => Some(Self::Bool(array.clone())),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => as_type(DataType::Float64).map(Self::Float),
            DataType::UInt64 => as_type(DataType::Utf8).map(Self::Text),
            kind if kind.is_integer() => as_type(DataType::Int64).map(Self::Int),
            DataType::Timestamp(_, Some(_)) => as_type(MICROS).map(Self::Instant),
            DataType::List(_) => Some(Self::list(array)),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => as_type(DataType::Utf8).map(Self::Text),
            _ => as_type(DataType::Utf8).map(Self::Text),
        };
        cells.unwrap_or(Self::Absent)
    }

    fn list(array: &ArrayRef) -> Self {
        let lists = array.as_list::<i32>();
        let read = |i| {
            let inner = Self::of(&lists.value(i));
            (0..lists.value_length(i) as usize).map(|j| inner.value(j)).collect()
        };
        Self::List((0..lists.len()).map(|i| (!lists.is_null(i)).then(|| read(i))).collect())
    }

    fn value(&self, row: usize) -> Value {
        match self {
            Self::Int(a) | Self::Float(a) | Self::Bool(a) | Self::Instant(a) | Self::Text(a) if a.is_null(row) => {
                Value::Null
            }
            Self::Int(array) => array.as_primitive::<Int64Type>().value(row).into(),
            Self::Float(array) => float(array.as_primitive::<Float64Type>().value(row)),
            Self::Bool(array) => array.as_boolean().value(row).into(),
            Self::Instant(array) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                Timestamp::from_micros(micros).to_string().into()
            }
            Self::Text(array) => array.as_string::<i32>().value(row).into(),
            Self::List(lists) => lists[row].clone().map_or(Value::Null, Value::Array),
            Self::Absent => Value::Null,
        }
    }
}

/// Data frames keep whole numbers with gaps as reals: 17850.0 is the id 17850.
fn float(value: f64) -> Value {
    let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
    if is_whole { Value::from(value as i64) } else { Value::from(value) }
}

/// The row as it will lie in quarantine when a data set's own reader refuses it.
pub fn row_value(batch: &RecordBatch, row: usize) -> Value {
    let one = batch.slice(row, 1);
    let cells = one.columns().iter().map(|column| Cells::of(column).value(0));
    let names = one.schema();
    names.fields().iter().map(|field| field.name().clone()).zip(cells).collect::<Map<_, _>>().into()
}
