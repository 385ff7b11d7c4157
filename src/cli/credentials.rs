use std::path::Path;
use std::process::{Command, Stdio};

use crate::model::Diagnostic;

/// What is unwise about a file with secrets in it, which are called so: `a token`.
pub(super) fn warnings(path: &Path, secrets: &str) -> Vec<Diagnostic> {
    let name = path.display();
    let mut warnings = Vec::new();
    if others_can_read(path) {
        warnings.push(
            Diagnostic::warning(format!("{name} holds {secrets} and others can read it"))
                .hint(format!("run `chmod 600 {name}`")),
        );
    }
    if is_tracked(path) {
        warnings.push(
            Diagnostic::warning(format!("{name} holds {secrets} and git tracks it"))
                .detail("whoever has the repository has the token")
                .hint(format!(
                    "make a new token, take the file out with `git rm --cached {name}`, and list \
                     it in .gitignore"
                )),
        );
    }
    warnings
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}

/// Asks git, if there is one; without an answer nothing is said.
fn is_tracked(path: &Path) -> bool {
    let Some(file) = path.file_name() else {
        return false;
    };
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    Command::new("git")
        .arg("-C")
        .arg(directory.unwrap_or(Path::new(".")))
        .args(["ls-files", "--error-unmatch", "--"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
