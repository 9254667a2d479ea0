//! `tidings init`: makes what a new house needs: config.toml, a subscribers folder, a templates folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;

use super::output::say;

/// Make config.toml, a subscribers folder and a templates folder.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where; here when not given
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What is made, and with which content. The templates folder begins with a word on how to use it, and nothing else.
const FILES: [(&str, &str); 4] = [
    ("config.toml", include_str!("../../config.toml")),
    ("subscribers/README.md", include_str!("../../subscribers/README.md")),
    ("subscribers/example.csv", include_str!("../../subscribers/example.csv")),
    ("templates/README.md", include_str!("../../templates/README.md")),
];

impl Init {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        for (name, content) in FILES {
            let path = self.folder.join(name);
            if path.exists() {
                say(&format!("  kept  {}", path.display()))?;
                continue;
            }
            write(&path, content).with_context(|| format!("cannot make `{}`", path.display()))?;
            say(&format!("  made  {}", path.display()))?;
        }
        say("\nNow edit config.toml, and look whether all is well: tidings check")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}
