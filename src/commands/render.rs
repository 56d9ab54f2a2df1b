//! `rok-deploy render`: renders a Jinja template, byte-equal to the j2 tool.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::clients::envfile;
use crate::clients::templates::{Renderer, TemplateError};
use crate::failure::Failure;

pub(super) fn render(
    template: &Path,
    out: Option<&Path>,
    env_files: &[PathBuf],
) -> Result<u8, Failure> {
    let mut variables: BTreeMap<String, String> = std::env::vars().collect();
    for file in env_files {
        let text = read(file)?;
        let name = file.display().to_string();
        let values =
            envfile::parse(&name, &text).map_err(|error| Failure::usage(error.to_string()))?;
        variables.extend(values);
    }
    let source = read(template)?;
    let name = template.display().to_string();
    let text = Renderer::new()
        .render(&name, &source, &variables)
        .map_err(|error| {
            let missing = matches!(error, TemplateError::Missing { .. });
            let failure = Failure::usage(error.to_string());
            if missing {
                failure.hint("set it in the environment or in a file of `--env-file`")
            } else {
                failure
            }
        })?;
    match out {
        None => io::stdout().write_all(text.as_bytes())?,
        Some(path) => write_whole(path, &text)?,
    }
    Ok(0)
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes =
        fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{}: is not UTF-8 text", path.display())))
}

/// Writes the file as a whole, or not at all.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    // The cause alone: the draft's own path says nothing to the operator.
    let failed = |error: io::Error| {
        let cause = match error.get_ref() {
            Some(_) => error.kind().to_string(),
            None => error.to_string(),
        };
        Failure::failed(format!("{}: {cause}", path.display()))
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // The mode of a file made by a shell's redirection, less the operator's umask.
    let permissions = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    let mut draft = builder
        .permissions(permissions)
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    draft.write_all(text.as_bytes()).map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
