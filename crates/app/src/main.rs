//! The binary `vitrina`. Start reading at [`cli`] for what a user types and at [`engine`] for what then runs.

mod cli;
mod commands;
mod config;
mod engine;
mod http;
mod metrics;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    config::{Config, Overrides},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A usage error prints its own help and exits with 2.
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vitrina: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let addr = match &cli.command {
        Command::Serve { addr } | Command::Demo { addr, .. } => *addr,
        _ => None,
    };
    let overrides = Overrides { data: cli.global.data.clone(), addr, shop: cli.global.shop.clone() };
    let load = |overrides| Config::load(cli.global.config.as_deref(), std::env::vars(), overrides);
    // What is wrong with the configuration is for the doctor to tell.
    if let Command::Doctor = cli.command {
        return commands::doctor::run(load(overrides), cli.global.json);
    }
    let config = load(overrides)?;
    telemetry::init(&config.log)?;
    let json = cli.global.json;
    match cli.command {
        Command::Serve { .. } => commands::serve::run(config),
        Command::Demo { speed, source, .. } => commands::demo::run(config, speed, &source),
        Command::Import(import) => commands::import::run(config, import, json),
        Command::Train(train) => commands::train::run(config, train, json),
        Command::Evaluate(evaluate) => commands::evaluate::run(evaluate, json),
        Command::Tune(tune) => commands::tune::run(tune, json),
        Command::Compare(compare) => commands::compare::run(compare, json),
        Command::Recommend(recommend) => commands::recommend::run(config, recommend, json),
        Command::Batch(batch) => commands::batch::run(config, batch, json),
        Command::Search(search) => commands::search::run(config, search, json),
        Command::Catalog(catalog) => commands::catalog::run(&config, &catalog, json),
        Command::Models(models) => commands::models::run(config, models, json),
        Command::Text(text) => commands::text::run(config, text, json),
        Command::Reviews(reviews) => commands::reviews::run(config, reviews, json),
        Command::Events(events) => commands::events::run(config, events, json),
        #[cfg(feature = "sql")]
        Command::Sql { query } => commands::sql::run(config, &query),
        Command::Doctor => Ok(()),
    }
}

/// `vitrina events tail | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
