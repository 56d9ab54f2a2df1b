//! `rok-deploy runs export`: one archive of a run for support.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::launch::state_directory;
use super::resume::one;
use crate::cli::Options;
use crate::failure::Failure;
use crate::journal::{Runs, export as write_archive};
use crate::ui::harmless::Harmless;
use crate::ui::words;

pub(super) fn export(options: &Options, run: &str, out: Option<&Path>) -> Result<u8, Failure> {
    let folder = one(&Runs::new(&state_directory(options)?), run)?;
    let to_stdout = out.is_some_and(|out| out == Path::new("-"));
    if to_stdout && io::stdout().is_terminal() {
        return Err(Failure::usage("an archive is not for a terminal")
            .hint("`-o FILE` names a file, or send standard output somewhere"));
    }
    let mut archive = Vec::new();
    let exported = write_archive(&folder, env!("CARGO_PKG_VERSION"), &mut archive)?;
    let place = if to_stdout {
        io::stdout().write_all(&archive)?;
        io::stdout().flush()?;
        "standard output".to_owned()
    } else {
        let default = || PathBuf::from(format!("{}.tar.gz", folder.run));
        let path = out.map_or_else(default, Path::to_path_buf);
        keep(&path, &archive, options.yes)?;
        format!("`{}`", path.display())
    };

    let mut talk = Harmless::new(io::stderr(), false);
    if let Some(damage) = &exported.damage {
        writeln!(talk, "warning: {damage}; it was exported as it is")?;
    }
    for file in exported.manifest.files.iter().filter(|file| file.redacted) {
        writeln!(talk, "note: a secret was taken out of `{}`", file.name)?;
    }
    let names: Vec<_> = exported
        .manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    writeln!(
        talk,
        "Exported run {} to {place}, {}: {}. `rok-deploy replay` opens it.",
        folder.run,
        words::size(archive.len()),
        names.join(", "),
    )?;
    Ok(0)
}

/// Writes the archive as a whole; a different file of that name is kept unless somebody said yes.
fn keep(path: &Path, archive: &[u8], yes: bool) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(Failure::usage(format!(
                "`{}` is no file that could be replaced",
                path.display()
            ))
            .hint("`-o FILE` names another place"));
        }
        Ok(_) if !yes && !holds(path, archive)? => {
            return Err(Failure::usage(format!(
                "`{}` is there already and holds something else",
                path.display()
            ))
            .hint("`--yes` replaces it, `-o FILE` names another place"));
        }
        Ok(_) | Err(_) => {}
    }
    let failed = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // A draft beside it, private from its first byte: nobody ever sees half an archive.
    let mut draft =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    draft.write_all(archive).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn holds(path: &Path, archive: &[u8]) -> io::Result<bool> {
    let mut found = Vec::new();
    let most = archive.len() as u64 + 1;
    fs::File::open(path)?.take(most).read_to_end(&mut found)?;
    Ok(found == archive)
}
