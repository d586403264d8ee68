//! The trials of a search, one line of JSON each, in a file that only grows: whatever is cut off goes on from there.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Trial, TuneError};

/// What a file of trials is about, its first line. Trials of one question say nothing about another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub model: String,
    pub metric: String,
    pub search: String,
    /// Options that are not searched.
    pub fixed: Vec<(String, String)>,
    pub seed: u64,
    /// Of the training data and the cases that judge.
    pub data: String,
}

pub struct TrialLog {
    path: PathBuf,
    file: File,
}

impl TrialLog {
    /// Opens or makes the file and reads the trials that are in it. A last line that was cut off is dropped.
    ///
    /// # Errors
    /// When the file can't be read or written, or is about another question.
    pub fn open(path: &Path, question: &Question) -> Result<(Self, Vec<Trial>), TuneError> {
        let io = |source| TuneError::Log { path: path.to_owned(), source };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let bytes = std::fs::read(path).map_err(io)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        let mut log = Self { path: path.to_owned(), file };
        let mut lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).enumerate();
        let Some((_, first)) = lines.next() else {
            log.append(question)?;
            return Ok((log, Vec::new()));
        };
        let wrong = |line: usize, detail: String| TuneError::Trials { path: path.to_owned(), line: line + 1, detail };
        let found: Question = serde_json::from_slice(first).map_err(|error| wrong(0, error.to_string()))?;
        if found != *question {
            return Err(TuneError::OtherQuestion { path: path.to_owned(), difference: difference(&found, question) });
        }
        let trials =
            lines.map(|(line, bytes)| serde_json::from_slice(bytes).map_err(|error| wrong(line, error.to_string())));
        let trials = trials.collect::<Result<Vec<Trial>, _>>()?;
        let mut numbers = BTreeSet::new();
        if let Some(line) = trials.iter().position(|trial| !numbers.insert(trial.number)) {
            let detail = format!("got trial {} once more; did two searches write here?", trials[line].number);
            return Err(wrong(line + 1, detail));
        }
        Ok((log, trials))
    }

    /// Adds a line; it is on disk when this returns.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn append(&mut self, line: &impl Serialize) -> Result<(), TuneError> {
        let mut bytes = serde_json::to_vec(line).expect("plain data");
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(|source| TuneError::Log { path: self.path.clone(), source })
    }
}

/// The first thing in which two questions differ.
fn difference(found: &Question, wanted: &Question) -> String {
    let (found, wanted) = (serde_json::json!(found), serde_json::json!(wanted));
    let keys = wanted.as_object().into_iter().flat_map(serde_json::Map::keys);
    let differing = keys.filter(|key| found[*key] != wanted[*key]);
    differing.map(|key| format!("{key}: got {}, wanted {}", found[key], wanted[key])).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::Outcome;

    fn question(data: &str) -> Question {
        let word = |text: &str| text.to_owned();
        Question {
            model: word("ials"),
            metric: word("ndcg@20"),
            search: word("tpe"),
            fixed: vec![],
            seed: 1,
            data: word(data),
        }
    }

    fn trial(number: usize) -> Trial {
        Trial {
            number,
            options: [("factors".to_owned(), "8".to_owned())].into(),
            outcome: Outcome::Complete { value: 0.25 },
            rungs: vec![],
            seconds: 1.5,
        }
    }

    #[test]
    fn a_torn_line_is_dropped_and_the_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        let (mut log, trials) = TrialLog::open(&path, &question("a")).unwrap();
        assert!(trials.is_empty());
        log.append(&trial(0)).unwrap();
        log.append(&trial(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..20 {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let (mut log, trials) = TrialLog::open(&path, &question("a")).unwrap();
            assert_eq!(trials, [trial(0)], "{torn} bytes are missing");
            log.append(&trial(1)).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        assert_eq!(TrialLog::open(&path, &question("a")).unwrap().1, [trial(0), trial(1)]);
    }

    #[test]
    fn trials_of_other_data_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        TrialLog::open(&path, &question("a")).unwrap();
        let error = TrialLog::open(&path, &question("b")).err().unwrap().to_string();
        assert!(error.contains("data: got \"a\", wanted \"b\""), "{error}");
        let (mut log, _) = TrialLog::open(&path, &question("a")).unwrap();
        (0..2).for_each(|_| log.append(&trial(7)).unwrap());
        let error = TrialLog::open(&path, &question("a")).err().unwrap().to_string();
        assert!(error.contains("line 3: got trial 7 once more"), "{error}");
        std::fs::write(&path, "no json\n").unwrap();
        assert!(TrialLog::open(&path, &question("a")).err().unwrap().to_string().contains("line 1"));
    }
}
