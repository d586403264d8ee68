//! The layout of the LightGCN repository: `train.txt` and `test.txt`, a line is a user and then the user's items.

use std::path::Path;

use super::{Dataset, GivenTest, Record, Result, name_of, numbers, read_text};

pub fn read(folder: &Path) -> Result<Dataset> {
    let train = read_lines(&folder.join("train.txt"))?;
    let test = read_lines(&folder.join("test.txt"))?;
    let all = || train.iter().chain(&test);
    Ok(Dataset {
        name: name_of(folder),
        format: "lightgcn",
        n_users: all().map(|r| r.user as usize + 1).max().unwrap_or(0),
        n_items: all().map(|r| r.item as usize + 1).max().unwrap_or(0),
        user_ids: Vec::new(),
        item_ids: Vec::new(),
        event_types: vec!["interaction".to_owned()],
        given_test: GivenTest::Records(test),
        ratings: None,
        records: train,
        has_time: false,
    })
}

fn read_lines(path: &Path) -> Result<Vec<Record>> {
    let text = read_text(path)?;
    let mut records = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = numbers(path, index + 1, line);
        let Some(user) = words.next().transpose()? else { continue };
        for item in words {
            records.push(Record { user, item: item?, event_type: 0, weight: 1.0, timestamp: 0 });
        }
    }
    Ok(records)
}
