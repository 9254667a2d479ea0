//! A Rust file as the tidy rules read it: its code, its quoted texts and its comments told apart, and the paths that its
//! code names. It is a scanner, not a compiler: it knows no macros and no types, and needs none for what is asked.

use std::{fs, path::Path};

/// One file.
pub(super) struct Source {
    /// Where it is, from the project's root: `src/store/mod.rs`.
    pub(super) path: String,
    /// All of it, as written.
    pub(super) text: String,
    /// The code alone: comments and quoted texts are blanks, each as long as it was.
    pub(super) code: String,
    /// The code that ships: test modules, test files and fuzz targets are blanks besides.
    pub(super) shipped: String,
    /// What stands between quotation marks alone.
    pub(super) quoted: String,
    /// The comments alone.
    pub(super) comments: String,
}

/// A path in code, such as `crate::store::Store`, with its line. A group in braces gives one for each of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) line: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let [code, quoted, comments] = told_apart(text);
        let is_test = path.starts_with("tests/") || path.starts_with("fuzz/") || path.ends_with("/tests.rs");
        let shipped = if is_test { blanked(&code, 0, code.len()) } else { without_test_modules(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped, quoted, comments }
    }

    /// Every `.rs` file below the given folders of the project, in the order of their names.
    pub(super) fn all(folders: &[&str]) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).expect("the project's folders can be read") {
                let path = entry.expect("an entry can be read").path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(root).expect("it is below the root").to_string_lossy().into_owned();
                    found.push(Self::new(&name, &fs::read_to_string(&path).expect("a source file is text")));
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// The folder or file right below `src` that it belongs to: `store`; none for `lib.rs` and `main.rs`.
    pub(super) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let room = inside.split('/').next()?.trim_end_matches(".rs");
        (!matches!(inside, "lib.rs" | "main.rs")).then_some(room)
    }

    /// Every path in its code, tests included.
    pub(super) fn paths(&self) -> Vec<Named> {
        paths(&self.code)
    }

    /// Every path in the code that ships.
    pub(super) fn shipped_paths(&self) -> Vec<Named> {
        paths(&self.shipped)
    }
}

/// Code, quoted texts and comments; in each, all else is blanks, so that lines keep their numbers.
fn told_apart(text: &str) -> [String; 3] {
    let chars: Vec<char> = text.chars().collect();
    let mut parts = [String::new(), String::new(), String::new()];
    let mut at = 0;
    while at < chars.len() {
        let (kind, length) = piece(&chars, at);
        for &c in &chars[at..at + length] {
            for (nth, part) in parts.iter_mut().enumerate() {
                part.push(if nth == kind || c == '\n' { c } else { ' ' });
            }
        }
        at += length;
    }
    parts
}

const CODE: usize = 0;
const QUOTED: usize = 1;
const COMMENT: usize = 2;

/// What begins here, and how long it is in characters.
fn piece(chars: &[char], at: usize) -> (usize, usize) {
    let next = chars.get(at + 1).copied();
    match (chars[at], next) {
        ('/', Some('/')) => (COMMENT, chars[at..].iter().take_while(|c| **c != '\n').count()),
        ('/', Some('*')) => (COMMENT, block_comment(&chars[at..])),
        ('"', _) => (QUOTED, quoted(&chars[at..])),
        // A character, or else a lifetime.
        ('\'', Some('\\')) => (QUOTED, 3 + chars[at + 3..].iter().take_while(|c| **c != '\'').count() + 1),
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => (QUOTED, 3),
        ('r', Some('"' | '#')) if !is_inside_word(chars, at) => match raw(&chars[at..]) {
            Some(length) => (QUOTED, length),
            None => (CODE, 1),
        },
        _ => (CODE, 1),
    }
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn quoted(chars: &[char]) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The length of `r#"…"#`; none for a raw name such as `r#type`.
fn raw(chars: &[char]) -> Option<usize> {
    let hashes = chars[1..].iter().take_while(|c| **c == '#').count();
    if chars.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let begin = hashes + 2;
    let found = chars[begin..].windows(end.len()).position(|window| window == end);
    Some(found.map_or(chars.len(), |found| begin + found + end.len()))
}

/// True inside a word, but for the `b` and `c` of byte and C strings.
fn is_inside_word(chars: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| chars.get(at)).copied();
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    is_word(before(1)) && (!matches!(before(1), Some('b' | 'c')) || is_word(before(2)))
}

/// Blanks every `#[cfg(test)]` item that has braces.
fn without_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = code.to_owned();
    let mut from = 0;
    while let Some(begin) = kept[from..].find(MARK).map(|at| from + at) {
        let end = item_end(&kept, begin + MARK.len());
        kept = blanked(&kept, begin, end);
        from = end;
    }
    kept
}

/// Where the item that begins here ends: after its `;`, or after the brace that closes its first one.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[from..].char_indices() {
        match c {
            ';' if depth == 0 => return from + at + 1,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return from + at + 1;
        }
    }
    code.len()
}

fn blanked(code: &str, begin: usize, end: usize) -> String {
    let blank = |c: char| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) };
    let middle: String = code[begin..end].chars().map(blank).collect();
    format!("{}{middle}{}", &code[..begin], &code[end..])
}

/// One word or mark of code, with its line.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

/// Code as words, `::`, and single marks.
pub(super) fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match c {
            _ if word > 0 => word,
            ':' if rest.starts_with("::") => 2,
            _ => c.len_utf8(),
        };
        if !c.is_whitespace() {
            found.push(Token { text: rest[..length].to_owned(), line });
        }
        line += usize::from(c == '\n');
        rest = &rest[length..];
    }
    found
}

fn paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let goes_on = at > 0 && matches!(tokens[at - 1].text.as_str(), "::" | ".");
        if tokens[at].is_word() && !goes_on {
            at = path(&tokens, at, "", &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads the path that begins here, or all paths of its group; gives where it ends.
fn path(tokens: &[Token], mut at: usize, before: &str, found: &mut Vec<Named>) -> usize {
    let line = tokens[at].line;
    let mut whole = before.to_owned();
    loop {
        match tokens.get(at) {
            Some(token) if token.text == "{" => return group(tokens, at + 1, &whole, found),
            Some(token) if token.is_word() || token.text == "*" => {
                whole = if whole.is_empty() { token.text.clone() } else { format!("{whole}::{}", token.text) };
            }
            _ => break,
        }
        at += 1;
        match tokens.get(at) {
            Some(token) if token.text == "::" => at += 1,
            _ => break,
        }
    }
    found.push(Named { path: whole, line });
    at
}

fn group(tokens: &[Token], mut at: usize, before: &str, found: &mut Vec<Named>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            "as" => at += 2,
            "," => at += 1,
            _ if token.is_word() || token.text == "{" || token.text == "*" => at = path(tokens, at, before, found),
            _ => at += 1,
        }
    }
    at
}

mod tests {
    use super::{Source, paths, tokens};

    fn named(code: &str) -> Vec<String> {
        paths(code).into_iter().map(|named| named.path).filter(|path| path.contains("::")).collect()
    }

    #[test]
    fn code_texts_and_comments_are_told_apart() {
        let source = Source::new(
            "src/x.rs",
            "//! a::b\nlet x = \"c::d // \\\" e\"; /* f /* g */ h */ k('\\'', 'm', r#\"n\" o\"#, b\"p\", br\"q\");\nfn r<'s>(t: &'s str) {}\n",
        );
        let words = |text: &str| tokens(text).into_iter().filter(|token| token.is_word()).map(|token| token.text);
        assert_eq!(words(&source.comments).collect::<String>(), "abfgh");
        assert_eq!(words(&source.quoted).collect::<String>(), "cdemrnoprq");
        let code: Vec<String> = words(&source.code).collect();
        assert_eq!(code, ["let", "x", "k", "b", "b", "fn", "r", "s", "t", "s", "str"]);
        assert_eq!(source.code.lines().count(), source.text.lines().count());
    }

    #[test]
    fn a_group_gives_one_path_for_each_of_its_members() {
        assert_eq!(
            named("use crate::{app::App, store::{self, Tx as T, issues::*}}; use std::fs;"),
            ["crate::app::App", "crate::store::self", "crate::store::Tx", "crate::store::issues::*", "std::fs"]
        );
        assert_eq!(named("let a = crate::x::Y::<Z>::new(b.c::<D>(), e::F { g });"), ["crate::x::Y", "e::F"]);
        assert_eq!(named("pub(crate) fn x() { super::super::y::z() }"), ["super::super::y::z"]);
    }

    #[test]
    fn what_only_tests_have_does_not_ship() {
        let text = "use a::b;\n#[cfg(test)]\nmod tests { use c::d; fn x() { e::f!() } }\nuse g::h;\n#[cfg(test)]\nuse i::j;\nfn y() { k::l() }";
        let source = Source::new("src/x.rs", text);
        assert_eq!(named(&source.shipped), ["a::b", "g::h", "k::l"]);
        assert_eq!(named(&source.code), ["a::b", "c::d", "e::f", "g::h", "i::j", "k::l"]);
        for path in ["src/x/tests.rs", "fuzz/fuzz_targets/x.rs"] {
            assert_eq!(named(&Source::new(path, text).shipped), [""; 0]);
        }
    }

    #[test]
    fn a_path_knows_its_line() {
        assert_eq!(paths("\n\n  a::b").iter().map(|named| named.line).collect::<Vec<_>>(), [3]);
    }
}
