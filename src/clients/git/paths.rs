//! Keeps paths from answers and templates inside the clone and out of its `.git`.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::GitError;

/// A path of the working tree, symbolic links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the file is.
    pub(super) absolute: PathBuf,
    /// The same, as Git names it.
    pub(super) relative: String,
}

/// Returns where `path` leads inside `root`, which is canonical; the file itself may not exist yet.
///
/// A link may lead elsewhere in the clone: then the file it leads to is meant, for reading, writing
/// and committing alike.
pub(super) fn resolve(root: &Path, path: &str) -> Result<Place, GitError> {
    let escapes = || GitError::PathEscapes { path: path.into() };
    if path.contains('\0') {
        return Err(escapes());
    }
    let mut absolute = root.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => absolute.push(name),
            Component::CurDir => continue,
            _ => return Err(escapes()),
        }
        if absolute.is_symlink() {
            // A link that leads nowhere could come to lead anywhere.
            absolute = fs::canonicalize(&absolute).map_err(|_| escapes())?;
        }
    }
    let inside = absolute.strip_prefix(root).map_err(|_| escapes())?;
    let relative = inside.to_str().ok_or_else(escapes)?.to_owned();
    let is_git = |component: Component<'_>| component.as_os_str().eq_ignore_ascii_case(".git");
    if relative.is_empty() || inside.components().any(is_git) || is_nested(root, inside) {
        return Err(escapes());
    }
    Ok(Place { absolute, relative })
}

/// Looks, without writing, whether a place takes writes.
pub(super) fn expect_writable(place: &Path) -> Result<(), GitError> {
    rustix::fs::access(place, rustix::fs::Access::WRITE_OK)
        .map_err(|error| GitError::io(place, error.into()))
}

/// Returns whether the file belongs to another repository inside this one.
fn is_nested(root: &Path, inside: &Path) -> bool {
    inside
        .ancestors()
        .skip(1)
        .filter(|parent| !parent.as_os_str().is_empty())
        .any(|parent| root.join(parent).join(".git").symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_stay_inside() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(root.join("vendor/.git")).unwrap();
        fs::write(root.join("a/file"), "x").unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        symlink("/etc/passwd", root.join("a/passwd")).unwrap();
        symlink("../nowhere", root.join("a/dangling")).unwrap();
        symlink(".git", root.join("store")).unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        symlink("a/b", root.join("inner")).unwrap();
        for path in [
            "",
            ".",
            "..",
            "/etc/passwd",
            "a/../../x",
            "a/../file",
            "../x",
            ".git/config",
            "a/.GIT/x",
            ".git",
            "out/x",
            "out",
            "a/passwd",
            "a/dangling",
            "store/config",
            "vendor/file",
            "a\0b",
        ] {
            let error = resolve(&root, path).unwrap_err();
            assert!(
                matches!(error, GitError::PathEscapes { .. }),
                "{path}: {error:?}"
            );
        }
        for (path, relative) in [
            ("a/file", "a/file"),
            ("./a/new", "a/new"),
            ("x/y/z", "x/y/z"),
            ("inner/new", "a/b/new"),
            (".gitignore", ".gitignore"),
            ("vendor", "vendor"),
        ] {
            assert_eq!(resolve(&root, path).unwrap().relative, relative);
        }
    }
}
