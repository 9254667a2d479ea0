//! The token for a login by XOAUTH2, asked for at each opening: from a file that something else keeps fresh, or from a
//! program that prints it. A source comes in, a token goes out. A program that hangs is ended with all that it started;
//! no error holds the token, nor the program's arguments.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use crate::domain::relay::TokenSource;

/// The most that a file or a program may give.
const LARGEST: usize = 64 * 1024;
/// How much of what a program complained about is kept: its end, where the reason most often stands.
const COMPLAINT_CHARACTERS: usize = 200;
/// A word as long as this may be a token, whole or in part.
const TOKEN_CHARACTERS: usize = 40;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program cannot be started, or its output not be read.
    #[error("cannot run `{program}`: {source}")]
    Run {
        /// The program, without its arguments.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program did not end in time, and was ended.
    #[error("`{program}` did not end in time")]
    Late {
        /// The program, without its arguments.
        program: PathBuf,
    },
    /// The program failed.
    #[error("`{program}` failed ({status}): {complaint}")]
    Failed {
        /// The program, without its arguments.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to its standard error, cleaned.
        complaint: String,
    },
    /// What came is not a token: nothing, more than one word, or more than 64 KiB.
    #[error("`{0}` gave no token: one word of visible ASCII characters was expected")]
    NotOne(PathBuf),
}

/// A fresh token.
pub(super) async fn fresh(source: &TokenSource, limit: Duration) -> Result<SecretString, TokenError> {
    match source {
        TokenSource::File(path) => {
            let read = read(path).await.map_err(|source| TokenError::File { path: path.clone(), source })?;
            token(&read).ok_or_else(|| TokenError::NotOne(path.clone()))
        }
        TokenSource::Command { program, arguments, folder } => {
            let mut command = Command::new(program);
            command.args(arguments.iter().map(ExposeSecret::expose_secret));
            printed(command, program, folder, limit).await
        }
    }
}

async fn read(path: &Path) -> io::Result<Vec<u8>> {
    // To open a pipe would be to wait for somebody to write into it.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    beginning(tokio::fs::File::open(path).await?).await
}

async fn printed(
    mut command: Command,
    program: &Path,
    folder: &Path,
    limit: Duration,
) -> Result<SecretString, TokenError> {
    let failed = |source| TokenError::Run { program: program.to_owned(), source };
    // An empty path is the folder in which we run ourselves.
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what it started can be ended with it.
    let mut running = Running(command.process_group(0).spawn().map_err(failed)?);
    let (out, err) = (running.0.stdout.take(), running.0.stderr.take());
    let ended = timeout(limit, async {
        let (out, err) = (out.expect("it is a pipe"), err.expect("it is a pipe"));
        let (printed, complaint) = tokio::try_join!(beginning(out), end(err))?;
        Ok((printed, complaint, running.0.wait().await?))
    });
    let late = |_| TokenError::Late { program: program.to_owned() };
    let (printed, complaint, status) = ended.await.map_err(late)?.map_err(failed)?;
    let token = token(&printed);
    if status.success() {
        return token.ok_or_else(|| TokenError::NotOne(program.to_owned()));
    }
    let complaint = cleaned(&complaint, token.as_ref());
    Err(TokenError::Failed { program: program.to_owned(), status, complaint })
}

/// A process that does not outlive us, nor do its children.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has an id until it was waited for, and as long as that the id is no other's.
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended in this moment; then there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The first 64 KiB and one octet. The rest is read and forgotten, so that the writer need not wait for us.
async fn beginning(from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let (mut from, mut kept) = (from.take(LARGEST as u64 + 1), Vec::new());
    from.read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from.into_inner(), &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// The last few KiB.
async fn end(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let (mut piece, mut kept) = ([0; 4096], Vec::new());
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&piece[..count]);
        kept.drain(..kept.len().saturating_sub(LARGEST));
    }
}

/// The first line, if it is one word that can stand in a login.
fn token(bytes: &[u8]) -> Option<SecretString> {
    let line = bytes.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let is_one = !line.is_empty() && bytes.len() <= LARGEST && line.iter().all(u8::is_ascii_graphic);
    is_one.then(|| String::from_utf8_lossy(line).into_owned().into())
}

/// A complaint in one line, without what may be a secret or an address.
fn cleaned(complaint: &[u8], token: Option<&SecretString>) -> String {
    let mut text = String::from_utf8_lossy(complaint).into_owned();
    if let Some(token) = token {
        text = text.replace(token.expose_secret(), "***");
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.map(|word| if word.contains('@') { "***" } else { word }).collect();
    let text = without_tokens(&words.join(" "));
    let from = text.chars().count().saturating_sub(COMPLAINT_CHARACTERS);
    if text.is_empty() { "it said nothing".to_owned() } else { text.chars().skip(from).collect() }
}

/// A text without what may be a token, whole or in part: long runs of what tokens are made of (RFC 6750 §2.1).
pub(super) fn without_tokens(text: &str) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/' | '=');
    let pieces = text.split_inclusive(|c| !part(c)).map(|piece| {
        let run = piece.trim_end_matches(|c| !part(c));
        if run.len() < TOKEN_CHARACTERS { piece.to_owned() } else { format!("***{}", &piece[run.len()..]) }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::{ExposeSecret, LARGEST, cleaned, token};

    #[test]
    fn a_token_is_the_first_line_when_that_is_one_word() {
        let read = |bytes: &[u8]| token(bytes).map(|token| token.expose_secret().to_owned());
        for one in [&b"ya29.a0"[..], b"ya29.a0\n", b" ya29.a0\r\nexpires in an hour\n"] {
            assert_eq!(read(one).as_deref(), Some("ya29.a0"));
        }
        for none in [&b""[..], b"\n", b"\nya29.a0", b"two words", b"a\x01auth=Bearer b", b"\xff\xfe", b"a\0b"] {
            assert_eq!(read(none), None, "{}", none.escape_ascii());
        }
        assert_eq!(read(&vec![b'a'; LARGEST + 1]), None);
    }

    #[test]
    fn a_complaint_tells_its_end_and_no_secret() {
        let token = "hunter2".into();
        let long = format!("refused \"{}\" for ana@example.org", "aZ09-._~+/".repeat(4));
        assert_eq!(cleaned(long.as_bytes(), None), "refused \"***\" for ***");
        assert_eq!(cleaned(b"Bearer hunter2:\r\n\x1b[31m401\xff\n", Some(&token)), "Bearer ***: [31m401\u{fffd}");
        assert_eq!(cleaned(b" \n", None), "it said nothing");
        let told = cleaned(format!("{}the reason", "blah ".repeat(100)).as_bytes(), None);
        assert!(told.chars().count() == 200 && told.ends_with("blah the reason"), "{told}");
    }
}
