//! The program `tidings` itself, run on a world's files as a person or cron would run it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::World;

/// The exit code of a program that a signal ended.
pub(crate) const KILLED: i32 = -1;

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code, or [`KILLED`].
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Ended {
    /// The last line of its output.
    pub(crate) fn last_line(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }

    /// Its output, when it ended well.
    pub(crate) fn well(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Its output as JSON, when it ended well.
    pub(crate) fn json(self) -> serde_json::Value {
        let out = self.well();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("not JSON ({error}): {out}"))
    }

    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: output.status.code().unwrap_or(KILLED), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The program, to be run in a folder, with nothing of our environment that it would heed.
pub(crate) fn tidings(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.current_dir(folder);
    for name in ["TIDINGS_CONFIG", "RUST_LOG", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", folder);
    command
}

/// Runs it to its end. The relay and the site go on meanwhile.
pub(crate) async fn ended(command: Command) -> Ended {
    ended_with(command, "").await
}

/// Runs it to its end, with this on its standard input.
pub(crate) async fn ended_with(mut command: Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let run = move || {
        let mut child = command.spawn().expect("the program starts");
        // It need not read all of it.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        child.wait_with_output().expect("the program ends")
    };
    Ended::of(tokio::task::spawn_blocking(run).await.expect("no panic"))
}

impl World {
    /// The program, to be run beside this world's config.toml.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = tidings(self.path());
        command.args(arguments);
        command
    }

    /// Runs the program beside this world's config.toml. Its clock is the system's: see [`super::Setup::at`].
    pub(crate) async fn tidings(&self, arguments: &[&str]) -> Ended {
        ended(self.program(arguments)).await
    }
}
