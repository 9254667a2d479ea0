//! What the inbox offers to who says EHLO. It takes nothing in.

use super::smtp::SIZE_MAX;

/// The reply to EHLO, line by line.
pub(super) fn ehlo_reply() -> [String; 8] {
    let size = format!("250-SIZE {SIZE_MAX}");
    [
        "250-localhost",
        "250-PIPELINING",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-CHUNKING",
        &size,
        "250-AUTH PLAIN LOGIN",
        "250 ENHANCEDSTATUSCODES",
    ]
    .map(str::to_owned)
}
