//! Whole servers that answer what a session goes on to, ours and Serenade's, in turns under the same load.

use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use anyhow::Context;
use bench::{
    figures::{machine, mib},
    http::Connection,
    load::{Arrivals, Outcome, Plan, open_loop},
    options::{Common, Target},
    server::keep_to_core,
    sessions::{Parameters, Programs, Sessions, Side},
};
use clap::Parser;
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(
    about = "Latency at a fixed rate and the highest rate within a bound of p99, beside Serenade's server, in turns",
    after_help = "Examples:\n  bench/serenade/run path/to/sessions\n  session-load --sessions path/to/sessions --serenade path/to/serving\n  session-load --sessions path/to/sessions --serenade path/to/serving --apart --bound-ms 5 --json"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    /// Folder with train_sessions.txt and test_prefix_target.tsv, products as numbers
    #[arg(long, value_name = "DIR")]
    sessions: PathBuf,
    /// Serenade's server, the binary `serving` of the crate serenade 0.3.1
    #[arg(long, value_name = "FILE")]
    serenade: PathBuf,
    /// Requests a second at which both are compared, and where the search for the highest rate begins
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// The highest rate is looked for whose p99 stays within this
    #[arg(long, default_value_t = 10.0)]
    bound_ms: f64,
    /// Runs of each side at the fixed rate; the one with the median p99 is reported
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Runs that a rate has to stay within the bound, for what else the machine does
    #[arg(long, default_value_t = 3)]
    tries: usize,
    /// How long a run is measured, after a second that is not
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Kept connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// The servers on core 0, the generator on core 1
    #[arg(long)]
    apart: bool,
    /// Most recent sessions with a product of the session that are looked at
    #[arg(long, default_value_t = 500)]
    m: usize,
    /// Most similar ones of them that vote
    #[arg(long, default_value_t = 500)]
    k: usize,
    /// Latest clicks of a session that count
    #[arg(long, default_value_t = 9)]
    history: usize,
    /// Products in an answer
    #[arg(long, default_value_t = 21)]
    n: usize,
}

/// What is asked: after one click, or after all of the session.
#[derive(Debug, Clone, Copy)]
enum Question {
    Click,
    Session,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let folder = cli.common.folder()?;
    let sessions = Sessions::read(&cli.sessions)?;
    let programs = Programs { vitrina: cli.common.vitrina()?, serenade: cli.serenade.clone() };
    let parameters = Parameters { m: cli.m, k: cli.k, history: cli.history, n: cli.n };
    let serve = |side: Side| -> anyhow::Result<Target> {
        let server = side.serve(&programs, folder.path(), &sessions, parameters)?;
        if cli.apart {
            server.keep_to_core(0)?;
        }
        Ok(Target::Ours(server))
    };
    let targets = [serve(Side::BOTH[0])?, serve(Side::BOTH[1])?];
    if cli.apart {
        keep_to_core(std::process::id(), 1)?;
    }
    let mut bench = Bench { cli: &cli, sessions: &sessions, parameters, targets: &targets, runs: 0 };
    let machine = machine();
    let agreement = bench.agreement()?;
    let mut text = format!(
        "{} sessions learned; m {}, k {}, latest {} clicks, {} products; answers agree in {:.1} % of their products",
        sessions.train.len(),
        cli.m,
        cli.k,
        cli.history,
        cli.n,
        100.0 * agreement
    );
    let mut questions = Vec::new();
    for question in [Question::Click, Question::Session] {
        let fixed = bench.at_fixed_rate(question);
        let highest = bench.highest_rates(question)?;
        let ratio = highest[0].rate() / highest[1].rate();
        text += &format!("\n{question:?}:");
        for (side, (fixed, highest)) in Side::BOTH.iter().zip(fixed.iter().zip(&highest)) {
            text += &format!("\n  {:9} {fixed}\n  {:9} p99 within {} ms: {highest}", side.name(), "", cli.bound_ms);
        }
        text += &format!("\n  {ratio:.2} times the throughput");
        questions.push(json!({
            "question": format!("{question:?}").to_lowercase(),
            "at_rate": by_side(fixed.each_ref().map(Outcome::json)),
            "within_bound": by_side(highest.each_ref().map(Outcome::json)),
            "throughput_ratio": ratio,
        }));
    }
    let rss = targets.each_ref().map(|target| target.rss_bytes().unwrap_or_default());
    text += &format!("\nRSS {:.0} and {:.0} MiB", mib(rss[0]), mib(rss[1]));
    cli.common.say(
        &text,
        &json!({
            "program": "session-load",
            "machine": machine,
            "apart": cli.apart,
            "sessions": sessions.train.len(),
            "parameters": { "m": cli.m, "k": cli.k, "history": cli.history, "n": cli.n },
            "rate": cli.rate,
            "bound_ms": cli.bound_ms,
            "connections": cli.connections,
            "agreement": agreement,
            "questions": questions,
            "rss_bytes": by_side(rss.map(Value::from)),
        }),
    );
    Ok(())
}

fn by_side([vitrina, serenade]: [Value; 2]) -> Value {
    json!({ "vitrina": vitrina, "serenade": serenade })
}

struct Bench<'a> {
    cli: &'a Cli,
    sessions: &'a Sessions,
    parameters: Parameters,
    /// In the order of [`Side::BOTH`].
    targets: &'a [Target; 2],
    /// Runs so far: each has sessions of its own, which no server knows yet.
    runs: u64,
}

impl Bench<'_> {
    /// The share of Serenade's products that are among ours, over whole sessions. What the session has seen is not
    /// counted: Serenade shows it again, but for the last click.
    fn agreement(&self) -> anyhow::Result<f64> {
        const ASKED: usize = 300;
        const AGREEMENT_MIN: f64 = 0.8;
        let mut connections = [Connection::open(self.targets[0].addr())?, Connection::open(self.targets[1].addr())?];
        let (mut common, mut all) = (0, 0);
        for (number, session) in self.sessions.test.iter().enumerate().take(ASKED) {
            let mut answers = [const { Vec::new() }; 2];
            for n in 1..=session.len() {
                for ((side, connection), products) in Side::BOTH.iter().zip(&mut connections).zip(&mut answers) {
                    let request = side.request(Some(&format!("agreement-{number}")), &session[..n], self.parameters);
                    *products = side.products(connection.ask(&request)?.body)?;
                }
            }
            let [ours, theirs] = answers;
            let theirs: Vec<u64> = theirs.into_iter().filter(|product| !session.contains(product)).collect();
            common += theirs.iter().filter(|product| ours.contains(product)).count();
            all += theirs.len();
        }
        let agreement = common as f64 / all.max(1) as f64;
        anyhow::ensure!(
            agreement >= AGREEMENT_MIN,
            "the answers share {common} of {all} products, so the servers do not do the same work; wanted a share of \
             {AGREEMENT_MIN}. Take another --data folder if its shop is of other sessions or of an interrupted run"
        );
        Ok(agreement)
    }

    fn run(&mut self, question: Question, which: usize, rate: f64) -> Outcome {
        self.runs += 1;
        let plan = Plan {
            rate,
            measured: Duration::from_secs(self.cli.seconds),
            warmup: Duration::from_secs(1),
            connections: self.cli.connections,
            arrivals: Arrivals::Poisson,
            seed: self.runs,
        };
        let request = |(number, clicks): (usize, &[u64])| {
            let name = format!("{}-{number}", self.runs);
            let session = matches!(question, Question::Session).then_some(name.as_str());
            Side::BOTH[which].request(session, clicks, self.parameters)
        };
        let requests: Vec<Vec<u8>> = self.sessions.clicks().take(plan.schedule().len()).map(request).collect();
        open_loop(&self.targets[which], &plan, &requests, &AtomicBool::new(false))
    }

    /// The run with the median p99 of each side.
    fn at_fixed_rate(&mut self, question: Question) -> [Outcome; 2] {
        let mut runs = [const { Vec::new() }; 2];
        for _ in 0..self.cli.runs.max(1) {
            for (which, runs) in runs.iter_mut().enumerate() {
                runs.push(self.run(question, which, self.cli.rate));
            }
        }
        runs.map(|mut runs| {
            runs.sort_by(|a, b| a.latency.ms(0.99).total_cmp(&b.latency.ms(0.99)));
            runs.swap_remove(runs.len() / 2)
        })
    }

    /// The runs at the highest rates that both sides hold, looked for in turns.
    fn highest_rates(&mut self, question: Question) -> anyhow::Result<[Outcome; 2]> {
        let mut searches = [Search::default(), Search::default()];
        let bound_ms = self.cli.bound_ms;
        let holds = |run: &Outcome| run.n_errors() == 0 && run.latency.ms(0.99) <= bound_ms;
        loop {
            let rates = searches.each_ref().map(|search| search.next(self.cli.rate));
            if rates == [None, None] {
                break;
            }
            let mut held = [None, None];
            // A side's tries lie apart, so that one bad moment does not spoil them all.
            for _ in 0..self.cli.tries {
                for which in 0..rates.len() {
                    let Some(rate) = rates[which].filter(|_| held[which].is_none()) else { continue };
                    let run = self.run(question, which, rate);
                    eprintln!("{question:?} {} {rate:.0}/s: {run}", Side::BOTH[which].name());
                    held[which] = Some(run).filter(holds);
                }
            }
            for ((search, rate), held) in searches.iter_mut().zip(rates).zip(held) {
                if let Some(rate) = rate {
                    search.learn(rate, held);
                }
            }
        }
        let [vitrina, serenade] = searches.map(|search| search.held.map(|(_, run)| run));
        let nothing = "no rate within the bound; is the machine busy? Give a larger --bound-ms";
        Ok([vitrina.context(nothing)?, serenade.context(nothing)?])
    }
}

/// The search for the highest rate that is held: up or down in large steps until it is enclosed, then by halves.
#[derive(Default)]
struct Search {
    held: Option<(f64, Outcome)>,
    failed: Option<f64>,
}

impl Search {
    const STEP: f64 = 1.5;
    /// The answer is exact to this.
    const EXACT: f64 = 1.06;
    /// A rate that is not held either ends the search.
    const LOWEST: f64 = 10.0;

    fn next(&self, first: f64) -> Option<f64> {
        match (&self.held, self.failed) {
            (None, None) => Some(first),
            (Some((held, _)), None) => Some(held * Self::STEP),
            (None, Some(failed)) => Some(failed / Self::STEP).filter(|rate| *rate > Self::LOWEST),
            (Some((held, _)), Some(failed)) => (failed / held > Self::EXACT).then(|| (held * failed).sqrt()),
        }
    }

    fn learn(&mut self, rate: f64, held: Option<Outcome>) {
        match held {
            Some(run) => self.held = Some((rate, run)),
            None => self.failed = Some(rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_ends_just_below_what_can_be_held() {
        let mut search = Search::default();
        while let Some(rate) = search.next(1_000.0) {
            search.learn(rate, (rate <= 7_300.0).then(Outcome::default));
        }
        let held = search.held.expect("a rate is held").0;
        assert!((6_886.0..=7_300.0).contains(&held), "{held}");
    }
}
