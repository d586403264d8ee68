//! DataFusion in this process, over the Parquet files of a local lake.

use std::{future::Future, path::PathBuf, sync::mpsc};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::{
    common::DataFusionError,
    execution::{
        context::{SQLOptions, SessionContext},
        options::ParquetReadOptions,
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::SessionConfig,
};
use store::Lake;
use tokio::runtime::Runtime;

use crate::{Sql, SqlError};

/// A table as its readers know it. The schema is given, not guessed from files: an empty lake answers too, and a file
/// that lacks a newer column reads as NULL there.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: &'static str,
    pub schema: SchemaRef,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Threads that run queries, beside those of the caller.
    pub threads: usize,
    /// What all sorting, joining and grouping of one query may hold; beyond it the query spills to disk or is refused.
    pub memory_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { threads, memory_bytes_max: 1 << 30 }
    }
}

pub struct EmbeddedSql {
    tables: Vec<(Table, PathBuf)>,
    options: Options,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl EmbeddedSql {
    /// # Errors
    /// When a table is not on this machine, or no threads can be started.
    pub fn open(lake: &dyn Lake, tables: &[Table], options: Options) -> Result<Self, SqlError> {
        let located = |table: &Table| match lake.local_path(table.name) {
            Some(path) => Ok((table.clone(), path)),
            None => Err(SqlError::Remote { table: table.name.to_owned() }),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("sql")
            .enable_all()
            .build()
            .map_err(|error| SqlError::Failed(error.to_string()))?;
        Ok(Self { tables: tables.iter().map(located).collect::<Result<_, _>>()?, options, runtime: Some(runtime) })
    }

    /// A context of its own for each query: it sees the files as they are now, and one query's memory is not another's.
    async fn context(tables: &[(Table, PathBuf)], options: Options) -> Result<SessionContext, DataFusionError> {
        let mut config = SessionConfig::new().with_target_partitions(options.threads.max(1));
        // Text comes back as plain strings, as it was written.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(options.memory_bytes_max, 1.0).build_arc()?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        for (table, path) in tables {
            // The closing slash says "folder", also before the first export has made it one.
            let folder = format!("{}/", path.display());
            let read = ParquetReadOptions::default().schema(&table.schema);
            context.register_parquet(table.name, folder, read).await?;
        }
        Ok(context)
    }

    /// Runs on the engine's own threads, so that it may be called from anywhere.
    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T, SqlError> {
        let stopped = || SqlError::Failed("the engine stopped before it answered".to_owned());
        let (sender, receiver) = mpsc::channel();
        self.runtime.as_ref().ok_or_else(stopped)?.spawn(async move {
            // Fails only when the caller is gone.
            let _ = sender.send(future.await);
        });
        receiver.recv().map_err(|_| stopped())
    }

    fn error(&self, error: &DataFusionError) -> SqlError {
        // The root without the trail of the engine's own steps.
        let detail = error.strip_backtrace();
        match error.find_root() {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Diagnostic(..) => SqlError::Refused { detail, tables: self.describe() },
            DataFusionError::ResourcesExhausted(_) => {
                SqlError::TooLarge { memory_bytes_max: self.options.memory_bytes_max, detail }
            }
            _ => SqlError::Failed(detail),
        }
    }

    fn describe(&self) -> String {
        let columns = |table: &Table| {
            table.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
        };
        self.tables.iter().map(|(table, _)| format!("\n  {}({})", table.name, columns(table))).collect()
    }
}

impl Sql for EmbeddedSql {
    fn query(&self, text: &str) -> Result<Vec<RecordBatch>, SqlError> {
        let (tables, options, text) = (self.tables.clone(), self.options, text.to_owned());
        let rows = self.run(async move {
            let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
            Self::context(&tables, options).await?.sql_with_options(&text, reads).await?.collect().await
        })?;
        rows.map_err(|error| self.error(&error))
    }
}

impl Drop for EmbeddedSql {
    /// A runtime may not be dropped where async code runs, and this may be.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
