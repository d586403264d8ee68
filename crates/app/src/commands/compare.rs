//! `vitrina compare`: runs beside each other.

use std::path::Path;

use train::{
    evaluate::Run,
    metrics::Paired,
    runs::{self, Comparison},
};

use super::{say, say_json};
use crate::cli::Compare;

pub fn run(args: Compare, as_json: bool) -> anyhow::Result<()> {
    let runs = args.runs.iter().map(|path| Ok((name(path), runs::read(path)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let comparisons = compared(&runs, &args.metric, args.seed)?;
    if as_json { say_json(&comparisons) } else { say(table(&runs) + &differences(&comparisons)) }
}

fn name(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}

/// Each run with the first.
fn compared(runs: &[(String, Run)], metric: &str, seed: u64) -> anyhow::Result<Vec<Comparison>> {
    let [(first_name, first), others @ ..] = runs else { return Ok(Vec::new()) };
    let compare = |(name, run): &(String, Run)| Ok(runs::compare((first_name, first), (name, run), metric, seed)?);
    others.iter().map(compare).collect()
}

/// Every metric of every run that has an interval.
fn table(runs: &[(String, Run)]) -> String {
    let Some((_, first)) = runs.first() else { return String::new() };
    let report = &first.report;
    let head = format!(
        "{} ({} split): {} lists over {} items\n\n",
        report.dataset, report.split, report.n_users, report.n_items
    );
    let width = runs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(23);
    let cell = |run: &Run, metric: &String| match (run.report.metrics.get(metric), run.report.ci95.get(metric)) {
        (Some(value), Some([low, high])) => format!("{value:.4} [{low:.4}, {high:.4}]"),
        (Some(value), None) => format!("{value:.4}"),
        (None, _) => "–".to_owned(),
    };
    let row = |title: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("  {cell:<width$}")).collect();
        format!("{title:<20}{}\n", cells.trim_end())
    };
    let names = row("", runs.iter().map(|(name, _)| name.clone()).collect());
    let metrics =
        report.metrics.keys().map(|metric| row(metric, runs.iter().map(|(_, run)| cell(run, metric)).collect()));
    head + &names + &metrics.collect::<String>()
}

fn differences(comparisons: &[Comparison]) -> String {
    let of = |comparison: &Comparison| {
        let Comparison { first, second, metric, all, by_user_group } = comparison;
        let groups = by_user_group.iter().map(|group| {
            let end = group.history_max.map_or("on".to_owned(), |max| format!("to {max}"));
            let title = format!("{} ({} {end})", group.name, group.history_min);
            format!("  {title:<20} {:>7} lists  {}\n", group.n_lists, line(&group.paired))
        });
        let n_lists: usize = by_user_group.iter().map(|group| group.n_lists).sum();
        format!(
            "\n{metric}, {second} − {first}:\n  {:<20} {n_lists:>7} lists  {}\n{}",
            "all",
            line(all),
            groups.collect::<String>()
        )
    };
    comparisons.iter().map(of).collect::<String>().trim_end().to_owned()
}

fn line(paired: &Paired) -> String {
    let Paired { difference, ci95: [low, high], p, gain, lose } = paired;
    format!(
        "{difference:+.4} [{low:+.4}, {high:+.4}]  p {p:.3}  {:>4.1} % gain, {:>4.1} % lose",
        100.0 * gain,
        100.0 * lose
    )
}
