//! `kill -9` while appending, again and again, held against Jepsen's set oracle: nothing acknowledged is lost, nothing is
//! there twice, nothing is there that was never sent (reliability test R1, without its load).
//!
//! A kill leaves the operating system's memory intact, so this tests our order of writing and answering, not fsync.
//! The normal run kills 20 times; `VITRINA_TEST_KILLS` says otherwise.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use domain::Position;
use store::{
    EventLog,
    contract::sample,
    embedded::{EmbeddedLog, Options},
};

const FOLDER: &str = "VITRINA_TEST_CRASH_FOLDER";
const FIRST: &str = "VITRINA_TEST_CRASH_FIRST";
/// Batches of 1 to 100 events, by their number.
const SIZES: [u64; 7] = [1, 37, 3, 100, 8, 1, 64];

fn options() -> Options {
    // Small buffers, so that kills also hit flushes and compactions.
    Options { log_write_buffer_bytes: 256 << 10, ..Options::default() }
}

/// The process that is killed: it says what it will append, and what was acknowledged.
#[test]
#[ignore = "started by the test below"]
fn appending() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let mut next: u64 = first.parse().unwrap();
    let log = EmbeddedLog::open(Path::new(&folder), &options()).unwrap();
    let mut out = std::io::stdout();
    for batch in 0.. {
        let end = next + SIZES[batch % SIZES.len()];
        writeln!(out, "\nsend {next} {end}").unwrap();
        log.append((next..end).map(sample::event).collect()).wait().unwrap();
        writeln!(out, "\nhave {next} {end}").unwrap();
        next = end;
    }
}

fn start(folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["appending", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the children said: attempted and acknowledged events.
#[derive(Default)]
struct Said {
    sent: BTreeSet<u64>,
    had: BTreeSet<u64>,
}

impl Said {
    /// `true` for an acknowledgement.
    fn note(&mut self, line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        let [verb, first, end] = words[..] else { return false };
        let (Ok(first), Ok(end)) = (first.parse::<u64>(), end.parse()) else { return false };
        match verb {
            "send" => self.sent.extend(first..end),
            "have" => self.had.extend(first..end),
            _ => return false,
        }
        verb == "have"
    }
}

#[test]
fn kill_9_loses_nothing_and_doubles_nothing() {
    let kills: u64 = std::env::var("VITRINA_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    for kill in 0..kills {
        // A batch whose answer was lost is sent again, as a client would.
        let first = said.had.last().map_or(0, |last| last + 1);
        let mut child = start(folder.path(), first);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        while acknowledged < 5 + kill * 7 % 60 {
            let line = lines.next().expect("the child goes on until it is killed").unwrap();
            acknowledged += u64::from(said.note(&line));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            said.note(&line);
        }
    }
    verdict(folder.path(), &said);
}

fn verdict(folder: &Path, said: &Said) {
    let log = EmbeddedLog::open(folder, &options()).unwrap();
    let recorded = log.read(Position::START, usize::MAX).unwrap();
    let number = |id: &str| id.strip_prefix("message-").and_then(|n| n.parse::<u64>().ok()).unwrap();
    let read: Vec<u64> = recorded.iter().map(|recorded| number(recorded.event.message_id.as_str())).collect();
    let distinct: BTreeSet<u64> = read.iter().copied().collect();
    let lost: Vec<_> = said.had.difference(&distinct).collect();
    let unexpected: Vec<_> = distinct.difference(&said.sent).collect();
    assert_eq!((lost, unexpected), (vec![], vec![]), "lost and unexpected");
    assert_eq!(read.len(), distinct.len(), "duplicates");
    println!("{} acknowledged, {} recovered without an answer", said.had.len(), distinct.len() - said.had.len());
}
