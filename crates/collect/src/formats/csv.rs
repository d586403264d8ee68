//! CSV and TSV (RFC 4180, or parted by `;`, tab or `|`), with a header line.
//!
//! Our own splitter, because a damaged file must neither fill the memory nor end the import: a quote that is left
//! open would make a general reader take the rest of the file for one cell. Here a record that does not end within
//! [`LINE_BYTES_MAX`] gives up its first line as a bad row, and reading goes on with the line after it.

use std::{collections::VecDeque, fs::File, io::BufReader, path::Path};

use serde_json::{Map, Value};

use super::{
    Chunk, FormatError, ReadOptions,
    lines::{self, LINE_BYTES_MAX, Line, Lines},
    table::{CHUNK_ROWS, Row, Rows},
};
use crate::Refusal;

/// Most columns of a header.
const COLUMNS_MAX: usize = 1000;

/// # Errors
/// When the file can't be opened or has no header line.
pub fn open(path: &Path, options: &ReadOptions) -> Result<Rows, FormatError> {
    let mut reader = Reader::open(path)?;
    options.check_map(path, &reader.columns)?;
    reader.columns = reader.columns.iter().map(|column| options.field(column).to_owned()).collect();
    let file = path.to_owned();
    Ok(Box::new(std::iter::from_fn(move || {
        reader.chunk().map_err(|source| FormatError::io(&file, source)).transpose()
    })))
}

/// The column names of a file.
///
/// # Errors
/// As for [`open`].
pub fn columns(path: &Path) -> Result<Vec<String>, FormatError> {
    Ok(Reader::open(path)?.columns)
}

struct Reader {
    lines: Lines<BufReader<File>>,
    /// Lines read ahead while a record seemed to go on.
    ahead: VecDeque<(u64, Line)>,
    delimiter: u8,
    columns: Vec<String>,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, FormatError> {
        let mut lines = lines::open(path)?;
        let wanted = "its first line must name the columns";
        let header = match lines.read().map_err(|error| FormatError::io(path, error))? {
            Some(Line::Text(header)) if !header.is_empty() => header,
            Some(Line::TooLong(n)) => {
                return Err(FormatError::columns(path, format!("the first line has {n} bytes; {wanted}")));
            }
            _ => return Err(FormatError::columns(path, format!("the file is empty; {wanted}"))),
        };
        let delimiter = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|d| (count(&header, *d), *d == b','));
        let delimiter = delimiter.unwrap_or(b',');
        let columns = split(&header, delimiter).map_err(|detail| FormatError::columns(path, detail))?;
        if columns.len() > COLUMNS_MAX {
            return Err(FormatError::columns(path, format!("{} columns, at most {COLUMNS_MAX}", columns.len())));
        }
        let columns = columns.into_iter().map(|column| column.trim().to_owned()).collect();
        Ok(Self { lines, ahead: VecDeque::new(), delimiter, columns })
    }

    fn next_line(&mut self) -> std::io::Result<Option<(u64, Line)>> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => Ok(self.lines.read()?.map(|line| (self.lines.number, line))),
        }
    }

    fn chunk(&mut self) -> std::io::Result<Option<Chunk<Row>>> {
        let mut chunk = Chunk::default();
        while chunk.rows < CHUNK_ROWS {
            let Some((number, line)) = self.next_line()? else { break };
            let record = match line {
                Line::Text(bytes) if bytes.is_empty() => continue,
                Line::Text(bytes) => self.whole_record(bytes)?,
                Line::TooLong(n) => Err(format!("the line has {n} bytes, at most {LINE_BYTES_MAX}")),
            };
            chunk.rows += 1;
            match record.and_then(|record| self.row(&record)) {
                Ok(row) => chunk.items.push((number, row)),
                Err(detail) => chunk.refuse(number, Refusal::new("unreadable", detail), None),
            }
        }
        Ok((chunk.rows > 0).then_some(chunk))
    }

    /// A line whose quotes are even is a record; else the record goes on in the lines that follow.
    fn whole_record(&mut self, first: Vec<u8>) -> std::io::Result<Result<Vec<u8>, String>> {
        let mut quotes = count(&first, b'"');
        if quotes.is_multiple_of(2) {
            return Ok(Ok(first));
        }
        let mut record = first;
        let mut taken = Vec::new();
        while let Some((number, line)) = self.next_line()? {
            if let Line::Text(more) = &line
                && record.len() + more.len() < LINE_BYTES_MAX
            {
                quotes += count(more, b'"');
                record.push(b'\n');
                record.extend_from_slice(more);
                taken.push((number, line));
                if quotes.is_multiple_of(2) {
                    return Ok(Ok(record));
                }
                continue;
            }
            taken.push((number, line));
            break;
        }
        for line in taken.into_iter().rev() {
            self.ahead.push_front(line);
        }
        Ok(Err("a quote is opened and never closed".to_owned()))
    }

    fn row(&self, record: &[u8]) -> Result<Row, String> {
        let cells = split(record, self.delimiter)?;
        if cells.len() != self.columns.len() {
            return Err(format!("{} cells, wanted {} as in the header", cells.len(), self.columns.len()));
        }
        let cells = self.columns.iter().cloned().zip(cells.into_iter().map(Value::String));
        Ok(cells.collect::<Map<_, _>>())
    }
}

fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|byte| **byte == wanted).count()
}

/// The cells of one record. A cell that begins with a quote ends with one, and doubled quotes inside it are one.
fn split(record: &[u8], delimiter: u8) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(record)
        .map_err(|error| format!("byte {} is not UTF-8; save the file as UTF-8", error.valid_up_to() + 1))?;
    let delimiter = char::from(delimiter);
    let mut cells = Vec::new();
    let mut rest = text;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => split_quoted(quoted)?,
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        cells.push(cell);
        match after.strip_prefix(delimiter) {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(cells),
            None => return Err(format!("cell {} goes on after its closing quote", cells.len())),
        }
    }
}

fn split_quoted(text: &str) -> Result<(String, &str), String> {
    let mut cell = String::new();
    let mut rest = text;
    while let Some(end) = rest.find('"') {
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Ok((cell, rest)),
        }
    }
    Err("a quote is opened and never closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(text: &str) -> Result<Vec<String>, String> {
        split(text.as_bytes(), b',')
    }

    #[test]
    fn cells_are_split_as_rfc_4180_says() {
        let cases: [(&str, &[&str]); 6] = [
            ("a,b", &["a", "b"]),
            ("", &[""]),
            (",", &["", ""]),
            ("\"a,1\",\"say \"\"hi\"\"\"", &["a,1", "say \"hi\""]),
            ("\"two\nlines\",x", &["two\nlines", "x"]),
            ("5\" pot,x", &["5\" pot", "x"]),
        ];
        for (text, expected) in cases {
            assert_eq!(cells(text).unwrap(), expected, "{text}");
        }
        assert!(cells("\"a\"b,c").is_err());
        assert!(split(b"a,\xff", b',').unwrap_err().contains("byte 3 is not UTF-8"));
    }

    proptest! {
        #[test]
        fn what_was_quoted_reads_back(expected in prop::collection::vec("[a-zé,;\"\n ]{0,8}", 1..6)) {
            let record = expected.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            prop_assert_eq!(cells(&record).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_survived(record in any::<Vec<u8>>()) {
            let _ = split(&record, b';');
        }
    }
}
