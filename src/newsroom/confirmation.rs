//! What a person types before something goes out that cannot be taken back. Live and drill want different words, so that
//! nobody sends the one who means the other.

use crate::domain::{issue::IssueKind, slug::Slug};

/// Up to this many readers a plain yes will do; above it the list's name must be typed.
const PLAIN_YES: u64 = 1_000;

/// The word that confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// What is to be typed.
    pub word: String,
    /// To how many it would go.
    pub readers: u64,
}

impl Confirmation {
    /// For an issue of this kind to so many readers of a list.
    pub fn of(kind: IssueKind, list: &Slug, readers: u64) -> Self {
        let word = match kind {
            IssueKind::Drill => "drill",
            IssueKind::Alert | IssueKind::Digest if readers > PLAIN_YES => list.as_str(),
            IssueKind::Alert | IssueKind::Digest => "yes",
        };
        Self { word: word.to_owned(), readers }
    }

    /// True when a program that cannot read the words knows to how many it sends. A tenth more or fewer is no mistake, for
    /// people come and go while it makes up its mind.
    pub fn expects(&self, readers: u64) -> bool {
        self.readers.abs_diff(readers) <= self.readers / 10
    }

    /// True when this was typed.
    pub fn agrees(&self, typed: &str) -> bool {
        typed.trim().eq_ignore_ascii_case(&self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::Confirmation;
    use crate::domain::{issue::IssueKind, slug::Slug};

    #[test]
    fn above_a_thousand_readers_the_lists_name_must_be_typed() {
        let news = Slug::parse("news").expect("a slug");
        let agrees = |typed, readers| Confirmation::of(IssueKind::Alert, &news, readers).agrees(typed);
        assert!(agrees("yes\n", 1_000) && agrees("Yes", 1));
        assert!(!agrees("y\n", 1_000) && !agrees("yes\n", 1_001) && !agrees("\n", 1_001));
        assert!(agrees("news\n", 1_001));
    }

    #[test]
    fn a_program_must_know_how_many_readers_there_are_but_for_a_tenth() {
        let news = Slug::parse("news").expect("a slug");
        let expects = |readers, expected| Confirmation::of(IssueKind::Alert, &news, readers).expects(expected);
        assert!(expects(5, 5) && expects(1_000, 900) && expects(1_000, 1_100));
        assert!(!expects(5, 4) && !expects(5, 6) && !expects(1_000, 899) && !expects(1_000, 1_101) && !expects(9, 0));
    }

    #[test]
    fn what_confirms_a_drill_sends_no_alert_and_the_other_way_round() {
        let news = Slug::parse("news").expect("a slug");
        for readers in [3, 3_000] {
            let drill = Confirmation::of(IssueKind::Drill, &news, readers);
            let alert = Confirmation::of(IssueKind::Alert, &news, readers);
            assert!(drill.agrees("drill") && !drill.agrees(&alert.word) && !alert.agrees("drill"));
        }
    }
}
