//! Servers that are not ours are not run as root: when the tests are, these become nobody, and their files are nobody's.

use std::{path::Path, process::Command};

use rustix::process::{getgid, getuid};

/// Whom root becomes.
pub(crate) const NOBODY: u32 = 65534;

/// The number of who owns such a server's files: who we are, or become.
pub(crate) fn owner() -> u32 {
    if getuid().is_root() { NOBODY } else { getuid().as_raw() }
}

/// The same of its group.
pub(crate) fn group() -> u32 {
    if getuid().is_root() { NOBODY } else { getgid().as_raw() }
}

/// Gives a folder with all that is in it to [`owner`].
pub(crate) fn give_to_owner(folder: &Path) {
    if getuid().is_root() {
        let to = format!("{NOBODY}:{NOBODY}");
        let given = Command::new("chown").arg("-R").arg(to).arg(folder).status().expect("there is a `chown`");
        assert!(given.success());
    }
}

/// Lets others through a folder that is ours, to what they know by name.
pub(crate) fn let_through(folder: &Path) {
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("set");
}

/// The beginning of a command that runs as [`owner`] and ends when we do; its program and arguments are to be added.
pub(crate) fn command() -> Command {
    let mut command = Command::new("setpriv");
    if getuid().is_root() {
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
        // Whoever becomes another loses the signal that tells of its parent's death, so that is asked for after it.
        command.arg("setpriv");
    }
    command.args(["--pdeathsig", "TERM", "env"]);
    command
}

/// The name of a user or group number, as this machine knows it: `kind` is `-un` or `-gn`.
pub(crate) fn name(kind: &str) -> String {
    let mut id = Command::new("id");
    id.arg(kind);
    if getuid().is_root() {
        id.arg("nobody");
    }
    let named = id.output().expect("there is an `id`");
    String::from_utf8(named.stdout).expect("a name").trim().to_owned()
}
