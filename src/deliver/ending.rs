//! How a session ended, and what that says about the relay: a pure rule. What became of a message and of its session
//! comes in; whether the relay is in trouble, and whether the message may be offered again at once, goes out.

use super::session::{Sent, Trouble};

/// What an outcome says about its session and the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing is wrong with them.
    None,
    /// The message was under way behind another one, which is told of the trouble.
    Behind,
    /// The session is over: relays end one when they have had enough of it. That says nothing about this message, nor about
    /// the next session.
    Usual,
    /// The session is over after no more than one message. A relay that does so again and again is in trouble.
    Short,
    /// The relay does not keep to the PIPELINING that it offers.
    Lie,
    /// The relay is in trouble.
    Trouble,
}

impl Ending {
    /// The ending that an outcome shows, in a session in which so many messages were judged before.
    pub(super) fn of(sent: &Sent, is_over: bool, has_found_a_lie: bool, judged: u32) -> Self {
        match (&sent.trouble, is_over, judged) {
            (None, ..) => Self::None,
            (Some(Trouble::Spent), ..) => Self::Behind,
            (Some(_), true, _) if has_found_a_lie => Self::Lie,
            (Some(_), true, 2..) => Self::Usual,
            (Some(_), true, 1) => Self::Short,
            (Some(_), ..) => Self::Trouble,
        }
    }

    /// True when a message that was not tried may be offered again at once.
    pub(super) fn says_nothing_of_the_message(self) -> bool {
        matches!(self, Self::Behind | Self::Usual | Self::Short | Self::Lie)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Ending, Sent, Trouble};
    use crate::{
        deliver::session::Stage,
        domain::delivery::{Outcome, Reply},
    };

    #[test]
    fn each_ending_of_a_session_says_its_own() {
        let lost = || Some(Trouble::Lost(Stage::Dot, io::ErrorKind::UnexpectedEof.into()));
        let refused = || Some(Trouble::Refused(Stage::Mail, Reply { code: 450, enhanced: None, text: String::new() }));
        for (trouble, is_over, is_lie, judged, ending) in [
            (None, false, false, 0, Ending::None),
            (None, true, false, 5, Ending::None),
            (Some(Trouble::Spent), true, false, 0, Ending::Behind),
            (lost(), true, false, 9, Ending::Usual),
            (refused(), true, false, 9, Ending::Usual),
            (lost(), true, false, 1, Ending::Short),
            (lost(), true, false, 0, Ending::Trouble),
            (lost(), true, true, 0, Ending::Lie),
            (refused(), false, false, 9, Ending::Trouble),
            // The relay was found out in another session; this one goes on, and it says no.
            (refused(), false, true, 9, Ending::Trouble),
        ] {
            let said = format!("{trouble:?}, over {is_over}, lie {is_lie}, {judged} judged");
            let sent = Sent { outcome: Outcome::NotTried(String::new()), trouble };
            assert_eq!(Ending::of(&sent, is_over, is_lie, judged), ending, "{said}");
        }
    }
}
