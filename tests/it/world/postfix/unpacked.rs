//! Where Postfix's programs and libraries lie, and how they are run by somebody who is not root: Postfix wants to change
//! users, so two libraries from Debian let it believe that it does. Folders come in, commands go out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::nobody::{self, NOBODY, owner};

/// Folders laid out as `/` is, with the packages that `scripts/test` unpacked; the machine's own comes last.
pub(super) struct Unpacked(Vec<PathBuf>);

impl Unpacked {
    /// Those that the environment names.
    pub(super) fn found() -> Self {
        let folders = std::env::var_os("POSTFIX_ROOT").expect(
            "POSTFIX_ROOT names the folders with Postfix and Cyrus SASL; run the tests by scripts/test, which sets it",
        );
        // It is empty where all of it is installed.
        let folders = std::env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty());
        Self(folders.chain(["/".into()]).collect())
    }

    /// The first file or folder of that path.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        let found = self.0.iter().map(|root| root.join(below)).find(|path| path.exists());
        found.unwrap_or_else(|| panic!("`{below}` is in none of {:?}; scripts/test unpacks it", self.0))
    }

    /// The folders of libraries, and within these the folder `below`, as far as they are there.
    fn libraries(&self, below: &str) -> Vec<PathBuf> {
        let folders = self.0.iter().flat_map(|root| fs::read_dir(root.join("usr/lib")).into_iter().flatten());
        let folders = folders.map(|entry| entry.expect("an entry").path());
        let of_machine =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-"));
        let mut found: Vec<PathBuf> = folders.filter(of_machine).map(|path| path.join(below)).collect();
        found.retain(|path| path.is_dir());
        found
    }

    /// A program that finds its libraries and Cyrus SASL's plug-ins.
    pub(super) fn program(&self, below: &str) -> Command {
        let mut command = Command::new(self.path(below));
        for (name, folders) in self.environment() {
            command.env(name, folders);
        }
        command
    }

    /// A program that runs as somebody who is not root, and believes to be root. It ends when we do.
    pub(super) fn program_in(&self, folder: &Path, below: &str) -> Command {
        let accounts = [
            ("NSS_WRAPPER_PASSWD", "passwd", "{name}:x:{id}:{id}::/:/bin/false\n"),
            ("NSS_WRAPPER_GROUP", "group", "{name}:x:{id}:\n"),
        ];
        let mut command = nobody::command();
        for (name, file, line) in accounts {
            let others = NOBODY - 1;
            let known = [("root", 0), (OWNER, owner()), ("nobody", others), (DROPPED, others - 1)];
            let lines = known.map(|(name, id)| line.replace("{name}", name).replace("{id}", &id.to_string()));
            fs::write(folder.join(file), lines.concat()).expect("written");
            command.arg(format!("{name}={}", folder.join(file).display()));
        }
        let wrappers = ["libnss_wrapper.so", "libuid_wrapper.so"].map(|library| {
            let found = self.libraries("").into_iter().map(|folder| folder.join(library)).find(|path| path.exists());
            found.unwrap_or_else(|| panic!("`{library}` is in none of {:?}; scripts/test unpacks it", self.0))
        });
        let [names, users] = wrappers.map(|library| library.display().to_string());
        command.args([format!("LD_PRELOAD={names}:{users}"), "UID_WRAPPER=1".into(), "UID_WRAPPER_ROOT=1".into()]);
        command.args(self.environment().map(|(name, folders)| format!("{name}={folders}")));
        command.arg(self.path(below));
        command
    }

    /// What its programs inherit and must hand on.
    pub(super) const HANDED_ON: &str = "MAIL_CONFIG LD_LIBRARY_PATH SASL_PATH LD_PRELOAD UID_WRAPPER UID_WRAPPER_ROOT NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP";

    fn environment(&self) -> [(&'static str, String); 2] {
        let joined = |folders: Vec<PathBuf>| {
            let joined = std::env::join_paths(folders).expect("no colon in a path");
            joined.into_string().expect("paths in UTF-8")
        };
        let mut libraries = self.libraries("");
        libraries.push(self.path("usr/lib/postfix"));
        // The same plug-in found twice would be loaded twice.
        let plug_ins = self.libraries("sasl2").into_iter().find(|folder| folder.join("libplain.so").exists());
        [("LD_LIBRARY_PATH", joined(libraries)), ("SASL_PATH", joined(plug_ins.into_iter().collect()))]
    }
}

/// The account that Postfix's files belong to, in its eyes.
pub(super) const OWNER: &str = "keeper";
/// A group that nobody is in.
pub(super) const DROPPED: &str = "dropped";
