//! Documents that say what is so: the configuration in the README works, its commands exist, and the files and tests that
//! a document names are there.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use tidings::config::Config;

use super::source::{Source, tokens};

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Folders of the project; what a document names below one of them must be there.
const FOLDERS: [&str; 8] = ["benches/", "docs/", "fuzz/", "scripts/", "src/", "subscribers/", "templates/", "tests/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("the document is there")
}

/// The blocks of a document that begin with three back-ticks and this word.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let fence = format!("\n```{kind}\n");
    let blocks = text.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(str::to_owned).collect()
}

/// What stands between single back-ticks, outside of blocks.
fn in_back_ticks(text: &str) -> Vec<String> {
    let outside: String = text.split("\n```").step_by(2).collect();
    outside.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Files that a document names, by back-ticks or by a link, and that are not there.
fn missing_files(text: &str) -> Vec<String> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let linked = links.chain(text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next()));
    let linked = linked.filter(|link| !link.is_empty() && !link.contains("://")).map(str::to_owned);
    let ticked = in_back_ticks(text).into_iter().filter(|name| {
        FOLDERS.iter().any(|folder| name.starts_with(folder)) && !name.contains(['<', '*', '{', ' ', '…'])
    });
    linked.chain(ticked).filter(|name| !root().join(name).exists()).collect()
}

/// Names of tests are sentences: what looks like one must be a function of ours.
fn missing_functions(text: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let is_sentence = |name: &String| {
        name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    in_back_ticks(text).into_iter().filter(|name| is_sentence(name) && !functions.contains(name)).collect()
}

mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::{Command, Config, DOCUMENTS, Source, blocks, document, missing_files, missing_functions, tokens};

    #[test]
    fn the_configuration_of_the_readme_works() {
        let readme = document("README.md");
        let [example] = &blocks(&readme, "toml")[..] else { panic!("the README has one configuration") };
        let env = |name: &str| Some(format!("{name}-0123456789abcdef"));
        let folder = tempfile::TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("smtp-password"), "the password").expect("a file");
        std::fs::set_permissions(folder.path().join("smtp-password"), Permissions::from_mode(0o600)).expect("closed");
        let config = Config::parse(example, &folder.path().join("config.toml"), &env).expect("it works");
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert!(!config.urgent.is_empty() && config.lists.iter().any(|list| list.digest.is_some()));
        assert!(blocks("a\n```toml\nx = 1\ny = 2\n```\nb\n```sh\nz\n```\n", "toml") == ["x = 1\ny = 2"]);
    }

    #[test]
    fn the_readme_names_each_command_and_no_other() {
        let help = Command::new(env!("CARGO_BIN_EXE_tidings")).arg("--help").output().expect("it runs");
        let help = String::from_utf8(help.stdout).expect("text");
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // A line that is indented further goes on with the one above it.
        let listed = listed.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
        let mut real: Vec<&str> = listed.filter_map(|line| line.split(' ').next()).collect();
        let readme = document("README.md");
        let shown = blocks(&readme, "text").into_iter().find(|block| block.starts_with("tidings "));
        let shown = shown.expect("the README has a block of commands");
        let mut told: Vec<&str> =
            shown.lines().filter_map(|line| line.strip_prefix("tidings ")?.split(' ').next()).collect();
        real.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, real);
    }

    #[test]
    fn the_architecture_names_each_room() {
        let (map, architecture) = (include_str!("../../../src/lib.rs"), document("ARCHITECTURE.md"));
        let rooms = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        let untold: Vec<&str> = rooms.filter(|room| !architecture.contains(&format!(" | `{room}` | "))).collect();
        assert_eq!(untold, [""; 0]);
    }

    #[test]
    fn files_that_a_document_names_are_there() {
        for name in DOCUMENTS {
            assert_eq!(missing_files(&document(name)), [""; 0], "{name}");
        }
        let wrong = "see `src/nowhere.rs`, [a](docs/none.png), `src/lib.rs`, `src/<room>/`, [b](https://example.org/x), <img src=\"c.png\">";
        assert_eq!(missing_files(wrong), ["docs/none.png", "c.png", "src/nowhere.rs"]);
    }

    #[test]
    fn tests_that_a_document_names_exist() {
        let sources = Source::all(&["src", "tests"]);
        let functions = sources.iter().flat_map(|source| {
            let code = tokens(&source.code);
            code.windows(2).filter(|pair| pair[0].text == "fn").map(|pair| pair[1].text.clone()).collect::<Vec<_>>()
        });
        // Those that run on both engines are named in a macro.
        let of_macros = sources.iter().flat_map(|source| tokens(&source.code)).map(|token| token.text);
        let functions = functions.chain(of_macros.filter(|word| word.matches('_').count() >= 3)).collect();
        for name in DOCUMENTS {
            assert_eq!(missing_functions(&document(name), &functions), [""; 0], "{name}");
        }
        let functions = ["a_test_that_is_there".to_owned()].into();
        let text = "`a_test_that_is_there`, `a_test_that_is_not`, `max_age`";
        assert_eq!(missing_functions(text, &functions), ["a_test_that_is_not"]);
    }
}
