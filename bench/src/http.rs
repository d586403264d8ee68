//! As much HTTP/1.1 as a load generator needs: kept connections, requests as bytes, answers with a length.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// An answer takes this long, or counts as an error.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    pub fn open(addr: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 64 << 10] })
    }

    /// One request, one answer. After an error the connection is of no more use.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (status, body) = loop {
            let searched = filled;
            filled += self.read_some(filled)?;
            if let Some(head) = end_of_head(&self.buffer[..filled], searched) {
                break outline(&self.buffer[..head], head)?;
            }
        };
        while filled < body.end {
            filled += self.read_some(filled)?;
        }
        Ok(Answer { status, body: &self.buffer[body] })
    }

    fn read_some(&mut self, filled: usize) -> io::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..])? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            n => Ok(n),
        }
    }
}

/// Where the body begins; what lies before `searched` was looked at before.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    bytes[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 4)
}

/// The status, and where in the buffer the body lies.
fn outline(head: &[u8], body_at: usize) -> io::Result<(u16, std::ops::Range<usize>)> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the answer has no {what}"));
    let text = std::str::from_utf8(head).map_err(|_| bad("readable head"))?;
    let status = text.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(|| bad("status"))?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.ok_or_else(|| bad("content-length"))?;
    Ok((status, body_at..body_at + length))
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// One call on a connection of its own, for what is not measured.
pub fn call(addr: &str, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let mut connection = Connection::open(addr)?;
    let answer = connection.ask(&request(method, path, &body))?;
    let text = String::from_utf8_lossy(answer.body);
    anyhow::ensure!((200..300).contains(&answer.status), "{method} {path} answered {}: {text}", answer.status);
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_in_its_bytes() {
        let bytes = b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\nx: y\r\n\r\nhi";
        let head = end_of_head(bytes, 20).unwrap();
        assert_eq!(head, bytes.len() - 2);
        assert_eq!(outline(&bytes[..head], head).unwrap(), (429, head..head + 2));
        assert!(end_of_head(&bytes[..head - 1], 0).is_none());
    }
}
