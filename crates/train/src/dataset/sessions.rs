//! Sessions in order, without time: `train_sessions.txt` (a line is a session's items) and `test_prefix_target.tsv` (the
//! items so far, a tab, the next item). The order within a session stands in for time.

use std::path::Path;

use super::{Dataset, DatasetError, GivenTest, Record, Result, name_of, numbers, read_text};

pub fn read(folder: &Path) -> Result<Dataset> {
    let (records, n_users) = read_sessions(&folder.join("train_sessions.txt"))?;
    let test = read_prefixes(&folder.join("test_prefix_target.tsv"))?;
    let in_test = test.iter().flat_map(|(prefix, target)| prefix.iter().chain([target])).copied();
    let n_items = records.iter().map(|r| r.item).chain(in_test).max().map_or(0, |last| last as usize + 1);
    Ok(Dataset {
        name: name_of(folder),
        format: "sessions",
        n_users,
        n_items,
        user_ids: Vec::new(),
        item_ids: Vec::new(),
        event_types: vec!["interaction".to_owned()],
        records,
        given_test: GivenTest::Prefixes(test),
        ratings: None,
        has_time: false,
    })
}

fn read_sessions(path: &Path) -> Result<(Vec<Record>, usize)> {
    let text = read_text(path)?;
    let mut records = Vec::new();
    for (session, line) in text.lines().enumerate() {
        for item in numbers(path, session + 1, line) {
            records.push(Record { user: session as u32, item: item?, event_type: 0, weight: 1.0, timestamp: 0 });
        }
    }
    Ok((records, text.lines().count()))
}

fn read_prefixes(path: &Path) -> Result<Vec<(Vec<u32>, u32)>> {
    let text = read_text(path)?;
    let mut cases = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |got: String| DatasetError::Wrong {
            path: path.to_owned(),
            line: Some(index + 1),
            got,
            wanted: "items with spaces between, a tab, and one next item".to_owned(),
        };
        let (prefix, target) = line.split_once('\t').ok_or_else(|| wrong("a line without a tab".to_owned()))?;
        let prefix = numbers(path, index + 1, prefix).collect::<Result<Vec<u32>>>()?;
        let targets = numbers(path, index + 1, target).collect::<Result<Vec<u32>>>()?;
        let [target] = targets[..] else { return Err(wrong(format!("{} items after the tab", targets.len()))) };
        cases.push((prefix, target));
    }
    Ok(cases)
}
