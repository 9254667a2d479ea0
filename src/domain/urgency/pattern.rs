//! Words and the patterns that find them: `condemn*` or `cluster munition*` comes in as text, and finds whole words in
//! any case. Case is folded as Unicode says (so `STRASSE` is `Straße`), and how a letter is composed does not matter.

use std::fmt;

use caseless::Caseless;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// One or several words that must follow each other, whole, in any case. A word that ends with `*` stands for all
/// that begin with it.
#[derive(Clone, PartialEq, Eq)]
pub struct WordPattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Whole(String),
    Beginning(String),
}

/// Why a text is not a pattern.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It has no word in it.
    #[error("`{0}` has no letter or digit to look for")]
    Empty(String),
    /// A `*` that does not end a word.
    #[error("in `{0}` a `*` stands elsewhere than at the end of a word")]
    MisplacedStar(String),
}

/// A text cut into words, to be searched by many patterns.
pub(super) struct Words(Vec<Word>);

struct Word {
    written: String,
    /// The forms under which it is found, folded.
    forms: Vec<String>,
    starred: bool,
}

impl WordPattern {
    /// Reads a pattern. What stands between words (spaces, hyphens, other marks) does not matter.
    ///
    /// # Errors
    /// See [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let characters: Vec<char> = text.chars().collect();
        let misplaced = |at: usize| {
            let ends_word = at > 0 && is_inside(characters[at - 1]);
            let word_goes_on = |c: &char| is_inside(*c) || is_apostrophe(*c) || *c == '*';
            !ends_word || characters.get(at + 1).is_some_and(word_goes_on)
        };
        if (0..characters.len()).any(|at| characters[at] == '*' && misplaced(at)) {
            return Err(PatternError::MisplacedStar(text.to_owned()));
        }
        let words = Words::of(text).0.into_iter();
        let parts: Vec<Part> = words
            .map(|word| {
                let folded = fold(&word.written);
                if word.starred { Part::Beginning(folded) } else { Part::Whole(folded) }
            })
            .collect();
        if parts.is_empty() {
            return Err(PatternError::Empty(text.to_owned()));
        }
        Ok(Self { text: text.trim().to_owned(), parts })
    }

    /// The first place where it matches, as written there: one space between words, at most 60 characters.
    pub fn find(&self, text: &str) -> Option<String> {
        self.find_in(&Words::of(text))
    }

    pub(super) fn find_in(&self, words: &Words) -> Option<String> {
        let found = words.0.windows(self.parts.len()).find(|window| {
            let mut pairs = self.parts.iter().zip(window.iter());
            pairs.all(|(part, word)| word.forms.iter().any(|form| part.matches(form)))
        })?;
        let written = found.iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(" ");
        Some(written.chars().take(60).collect())
    }
}

impl Part {
    fn matches(&self, form: &str) -> bool {
        match self {
            Self::Whole(word) => word == form,
            Self::Beginning(start) => form.starts_with(start.as_str()),
        }
    }
}

impl fmt::Display for WordPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for WordPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WordPattern({:?})", self.text)
    }
}

impl Words {
    /// Cuts at everything that is neither letter nor digit. Marks stay with their letter, an apostrophe between two
    /// letters stays in the word, and invisible joiners and soft hyphens are left out.
    pub(super) fn of(text: &str) -> Self {
        let mut words = Vec::new();
        let mut written = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let letter_follows = characters.peek().is_some_and(|next| next.is_alphanumeric());
            match character {
                _ if is_joiner(character) => {}
                _ if character.is_alphanumeric() => written.push(character),
                _ if written.is_empty() => {}
                _ if is_combining_mark(character) => written.push(character),
                _ if is_apostrophe(character) && letter_follows => written.push('’'),
                _ => words.push(Word::new(std::mem::take(&mut written), character)),
            }
        }
        if !written.is_empty() {
            words.push(Word::new(written, ' '));
        }
        Self(words)
    }
}

impl Word {
    /// Besides the whole word, "UN’s" is found as "UN", and "l’attaque" as "attaque"; "won’t" is not found as "won".
    fn new(written: String, ended_by: char) -> Self {
        let whole = fold(&written);
        let owner = whole.strip_suffix("’s").map(str::to_owned);
        let elided = whole.split_once('’').map(|(_, rest)| rest.to_owned());
        let elided = elided.filter(|rest| rest.chars().count() > 2);
        let forms = [Some(whole), owner, elided].into_iter().flatten().collect();
        Self { written, forms, starred: ended_by == '*' }
    }
}

/// One form for all spellings that differ only in case or in how letters are composed.
pub(super) fn fold(text: &str) -> String {
    text.nfkd().default_case_fold().nfkc().collect()
}

fn is_inside(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character) || is_joiner(character)
}

fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’' | '＇')
}

/// The soft hyphen, the joiners and the byte order mark show nothing and part nothing.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PatternError, WordPattern};

    fn found(pattern: &str, text: &str) -> Option<String> {
        WordPattern::parse(pattern).expect(pattern).find(text)
    }

    #[test]
    fn a_pattern_finds_whole_words_in_any_case() {
        for (pattern, text, expected) in [
            ("condemn*", "Coalition CONDEMNS the transfer", Some("CONDEMNS")),
            ("condemn*", "We condemn.", Some("condemn")),
            ("condemn*", "The house was uncondemned", None),
            ("condemn", "Coalition condemns the transfer", None),
            ("cluster munition*", "New use of Cluster  Munitions, again", Some("Cluster Munitions")),
            ("cluster munition*", "cluster-munition transfers", Some("cluster munition")),
            ("cluster munition*", "cluster of munitions", None),
            ("cease-fire", "a Cease Fire holds", Some("Cease Fire")),
            ("weapon* transfer*", "weapons weapons transferred", Some("weapons transferred")),
            ("un", "UN’s envoy", Some("UN’s")),
            ("un", "UN's envoy", Some("UN’s")),
            ("attaque*", "Halte à l'attaque", Some("l’attaque")),
            ("l’attaque", "Halte à L'ATTAQUE", Some("L’ATTAQUE")),
            ("won", "They won't", None),
            ("won't", "They WON’T", Some("WON’T")),
            ("states", "the states’ duty", Some("states")),
            ("straße", "In der STRASSE", Some("STRASSE")),
            ("condamné", "CONDAMNE\u{301}", Some("CONDAMNE\u{301}")),
            ("condamne", "condamné", None),
            ("condamne*", "condamne\u{301}s", None),
            ("οδυσσεύς", "ΟΔΥΣΣΕΎΣ", Some("ΟΔΥΣΣΕΎΣ")),
            ("file", "the ﬁle", Some("ﬁle")),
            ("condemn*", "con\u{ad}dem\u{200d}ned", Some("condemned")),
            ("осужда*", "Коалиция ОСУЖДАЕТ", Some("ОСУЖДАЕТ")),
            ("क्लस्टर", "क्लस्टर बम", Some("क्लस्टर")),
            ("2026", "in 2026-11", Some("2026")),
            ("condemn*", "", None),
        ] {
            assert_eq!(found(pattern, text).as_deref(), expected, "{pattern} in {text}");
        }
        assert_eq!(found("x*", &"x".repeat(1_000)).map(|word| word.len()), Some(60));
    }

    #[test]
    fn a_pattern_that_would_find_everything_or_nothing_is_refused() {
        for empty in ["", "  ", "—!", "’", "\u{200d}"] {
            assert_eq!(WordPattern::parse(empty), Err(PatternError::Empty(empty.into())));
        }
        for star in ["*", "* munition", "*demn", "con*demn", "condemn**", "condemn *", "anti-*", "l*'attaque"] {
            assert_eq!(WordPattern::parse(star), Err(PatternError::MisplacedStar(star.into())));
        }
        let pattern = WordPattern::parse(" Condemn* ").expect("valid");
        assert_eq!(
            (pattern.to_string(), format!("{pattern:?}")),
            ("Condemn*".into(), "WordPattern(\"Condemn*\")".into())
        );
    }

    proptest! {
        #[test]
        fn a_text_is_found_in_itself_and_nothing_panics(text in "\\PC{0,40}", words in "[a-z’' -]{0,20}") {
            let _ = WordPattern::parse(&text).map(|pattern| pattern.find(&text));
            if let Ok(pattern) = WordPattern::parse(&words) {
                let upper = format!("so, {}!", words.to_uppercase());
                prop_assert!(pattern.find(&upper).is_some(), "{} in {}", words, upper);
            }
        }
    }
}
