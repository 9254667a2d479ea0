//! Fuzzes the reader of SMTP replies. The first line of the input says how the bytes behind it are cut: each of its
//! bytes, modulo 32, is the length of the next piece, over and over. What goes in are the bytes whole, in those pieces,
//! and one by one; what must come out is the same each time, within the promises of `ReplyLines` and `Reply`. It opens
//! no connection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings::{
    deliver::session::{BadReply, ReplyLines, ReplyReader},
    domain::delivery::Reply,
};

fuzz_target!(|input: &[u8]| {
    let line_end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (cuts, bytes) = input.split_at(line_end);
    let bytes = bytes.get(1..).unwrap_or_default();
    let (replies, bad) = read([bytes]);
    assert_eq!(read(pieces(bytes, cuts)), (replies.clone(), bad), "cut as asked");
    assert_eq!(read(bytes.chunks(1)), (replies.clone(), bad), "cut everywhere");
    replies.into_iter().for_each(check);
});

/// All replies, and the error that ended them, if one did.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<ReplyLines>, Option<BadReply>) {
    let (mut reader, mut replies) = (ReplyReader::default(), Vec::new());
    for piece in pieces {
        reader.feed(piece);
        loop {
            match reader.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(bad) => {
                    reader.feed(b"250 after an error nothing is believed\r\n");
                    assert_eq!(reader.next_reply(), Err(bad));
                    return (replies, Some(bad));
                }
            }
        }
    }
    (replies, None)
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut lengths = cuts.iter().map(|byte| usize::from(byte % 32)).filter(|length| *length > 0).cycle();
    let (mut rest, mut pieces) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn check(lines: ReplyLines) {
    assert!((200..600).contains(&lines.code), "{}", lines.code);
    assert!((1..=200).contains(&lines.lines.len()), "{} lines", lines.lines.len());
    assert!(!lines.lines.iter().any(|line| line.contains(char::is_control)), "{lines:?}");
    let code = lines.code;
    let reply = Reply::from(lines);
    assert_eq!(reply.code, code);
    assert!(!reply.text.contains(char::is_control) && reply.text.chars().count() <= 512, "{reply:?}");
    if let Some((class, subject, detail)) = reply.enhanced {
        assert!(u16::from(class) == code / 100 && subject < 1000 && detail < 1000, "{reply:?}");
    }
}
