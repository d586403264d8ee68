//! Lines of a text file, none of which can fill the memory.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::FormatError;

/// Longest line in bytes; what is longer is skipped to its end.
pub const LINE_BYTES_MAX: usize = 1 << 20;

pub struct Lines<R> {
    input: R,
    /// Number of the line last read, from 1.
    pub number: u64,
}

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Text(Vec<u8>),
    /// It had this many bytes.
    TooLong(u64),
}

pub fn open(path: &Path) -> Result<Lines<BufReader<File>>, FormatError> {
    let file = File::open(path).map_err(|error| FormatError::io(path, error))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(FormatError::columns(path, "it is a folder; name the file inside it"));
    }
    Ok(Lines::new(BufReader::with_capacity(1 << 17, file)))
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// `None` at the end of the file.
    pub fn read(&mut self) -> std::io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let n = self.input.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes)?;
        if n == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = bytes.last() == Some(&b'\n');
        if !ended && n > LINE_BYTES_MAX {
            return Ok(Some(Line::TooLong(n as u64 + self.skip_line()?)));
        }
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        if self.number == 1 && bytes.starts_with("\u{feff}".as_bytes()) {
            bytes.drain(..3);
        }
        Ok(Some(Line::Text(bytes)))
    }

    fn skip_line(&mut self) -> std::io::Result<u64> {
        let mut skipped = 0;
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let n = end.map_or(buffer.len(), |end| end + 1);
            self.input.consume(n);
            skipped += n as u64;
            if end.is_some() || n == 0 {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_line_is_skipped_and_the_next_one_read() {
        let mut text = b"\xef\xbb\xbfa\r\n".to_vec();
        text.extend(vec![b'x'; LINE_BYTES_MAX + 70_000]);
        text.extend(b"\nlast");
        let mut lines = Lines::new(text.as_slice());
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"a".to_vec())));
        assert_eq!(lines.read().unwrap(), Some(Line::TooLong(LINE_BYTES_MAX as u64 + 70_001)));
        assert_eq!(lines.read().unwrap(), Some(Line::Text(b"last".to_vec())));
        assert_eq!((lines.read().unwrap(), lines.number), (None, 3));
    }
}
