//! One client's conversation with our own sink: commands in, replies out, messages handed on whole. It answers what was
//! sent ahead in one go, as a relay that offers PIPELINING does, and finds it wrong where it did not offer that.

use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    net::TcpStream,
};

use memchr::memmem;

use super::sink::{Offer, Taken};

const BLOCK: usize = 64 * 1024;

/// RFC 5321 §4.5.3.1.4.
const LONGEST_COMMAND: usize = 512;

/// The state of one connection.
pub(super) struct Conversation<'a> {
    stream: TcpStream,
    offer: Offer,
    taken: &'a Taken,
    /// What was read and not yet used is `input[at..]`.
    input: Vec<u8>,
    at: usize,
    replies: Vec<u8>,
    stage: Stage,
    /// What BDAT has brought of a message.
    chunks: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Sender,
    Recipient,
    Chunks,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

impl<'a> Conversation<'a> {
    pub(super) fn new(stream: TcpStream, offer: Offer, taken: &'a Taken) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (input, replies, chunks) = Default::default();
        Ok(Self { stream, offer, taken, input, at: 0, replies, stage: Stage::Idle, chunks })
    }

    /// Talks until the client leaves.
    pub(super) fn hold(mut self) -> io::Result<()> {
        self.reply("220 sink.example.net ESMTP");
        while let Some(line) = self.line()? {
            if !self.command(&line)? {
                break;
            }
            if self.offer == Offer::LockStep && self.at < self.input.len() {
                return Err(invalid("a command that did not wait for the last one's reply"));
            }
        }
        self.flush()
    }

    /// Does what a command says; `false` when it was the last one.
    fn command(&mut self, line: &[u8]) -> io::Result<bool> {
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default().to_ascii_uppercase();
        match (word.as_slice(), self.stage) {
            (b"EHLO", _) => self.hello(),
            (b"HELO" | b"RSET", _) => self.begin_anew(),
            (b"NOOP", _) => self.reply("250 2.0.0 Ok"),
            (b"MAIL", Stage::Idle) => self.go_to(Stage::Sender, "250 2.1.0 Ok"),
            (b"RCPT", Stage::Sender) => self.go_to(Stage::Recipient, "250 2.1.5 Ok"),
            (b"DATA", Stage::Recipient) => self.data()?,
            (b"BDAT", Stage::Recipient | Stage::Chunks) if self.offer == Offer::Chunking => self.chunk(line)?,
            (b"QUIT", _) => {
                self.reply("221 2.0.0 Bye");
                return Ok(false);
            }
            _ => {
                let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
                return Err(invalid(&format!("`{shown}` out of order, or not offered")));
            }
        }
        Ok(true)
    }

    fn hello(&mut self) {
        let more: &[&str] = match self.offer {
            Offer::LockStep => &[],
            Offer::Pipelining => &["250-PIPELINING"],
            Offer::Chunking => &["250-PIPELINING", "250-CHUNKING"],
        };
        self.reply("250-sink.example.net");
        for line in more {
            self.reply(line);
        }
        self.reply("250-ENHANCEDSTATUSCODES");
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.chunks.clear();
        self.go_to(Stage::Idle, "250 2.0.0 Ok");
    }

    fn go_to(&mut self, stage: Stage, reply: &str) {
        self.stage = stage;
        self.reply(reply);
    }

    /// A message by DATA: RFC 5321 §4.5.2.
    fn data(&mut self) -> io::Result<()> {
        if self.at < self.input.len() {
            return Err(invalid("content that did not wait for the reply to DATA"));
        }
        self.reply("354 End data with <CR><LF>.<CR><LF>");
        let mut searched = self.at;
        let end = loop {
            if self.input[self.at..].starts_with(b".\r\n") {
                break self.at;
            }
            if let Some(found) = memmem::find(&self.input[searched..], b"\r\n.\r\n") {
                break searched + found + 2;
            }
            searched = self.input.len().saturating_sub(4).max(self.at);
            // Reading may move what was read, so that the place is kept from where the content begins.
            let offset = searched - self.at;
            if !self.read()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            searched = self.at + offset;
        };
        let content = &self.input[self.at..end];
        match memmem::find(content, b"\r\n.") {
            None if !content.starts_with(b".") => self.taken.message(content),
            _ => self.taken.message(&unstuffed(content)?),
        }
        self.at = end + b".\r\n".len();
        self.go_to(Stage::Idle, "250 2.0.0 Ok: taken");
        Ok(())
    }

    /// A message, or a part of one, by BDAT: RFC 3030 §2.
    fn chunk(&mut self, line: &[u8]) -> io::Result<()> {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split(' ').skip(1);
        let size: usize =
            words.next().and_then(|size| size.parse().ok()).ok_or_else(|| invalid("BDAT without a size"))?;
        let is_last = words.next() == Some("LAST");
        while self.input.len() - self.at < size {
            if !self.read()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.chunks.extend_from_slice(&self.input[self.at..self.at + size]);
        self.at += size;
        if is_last {
            self.taken.message(&self.chunks);
            self.chunks.clear();
        }
        self.go_to(if is_last { Stage::Idle } else { Stage::Chunks }, "250 2.0.0 Ok: taken");
        Ok(())
    }

    /// The next line without its end; none when the client has left between two.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let rest = &self.input[self.at..];
            if let Some(length) = memmem::find(rest, b"\r\n") {
                let line = rest[..length].to_vec();
                self.at += length + 2;
                return Ok(Some(line));
            }
            if rest.len() > LONGEST_COMMAND {
                return Err(invalid("a command line without an end"));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Sends what was not sent of the replies, then waits for more of the input; `false` when no more will come.
    fn read(&mut self) -> io::Result<bool> {
        self.flush()?;
        self.input.drain(..mem::take(&mut self.at));
        let begin = self.input.len();
        self.input.resize(begin + BLOCK, 0);
        let read = self.stream.read(&mut self.input[begin..]);
        self.input.truncate(begin + *read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }

    fn reply(&mut self, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.replies)?;
        self.replies.clear();
        Ok(())
    }
}

/// Content without the dots that were put before its lines' own: each line that begins with one must have two.
fn unstuffed(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let line = match line {
            [b'.', rest @ ..] if rest.starts_with(b".") => rest,
            [b'.', ..] => return Err(invalid("a line that begins with a dot that was not doubled")),
            line => line,
        };
        plain.extend_from_slice(line);
    }
    Ok(plain)
}
