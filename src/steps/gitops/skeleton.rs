//! Our skeleton of the deployments repository, as it is built into the program.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates/gitops");

static FILES: LazyLock<Vec<(&'static str, &'static [u8])>> = LazyLock::new(|| {
    let mut files = Vec::new();
    collect(&FOLDER, &mut files);
    files.sort_unstable();
    files
});

/// Returns the skeleton's files: path and content, by path.
pub fn skeleton() -> &'static [(&'static str, &'static [u8])] {
    &FILES
}

fn collect(folder: &Dir<'static>, files: &mut Vec<(&'static str, &'static [u8])>) {
    for file in folder.files() {
        let path = file
            .path()
            .to_str()
            .expect("the skeleton's paths are plain text");
        files.push((path, file.contents()));
    }
    folder.dirs().for_each(|folder| collect(folder, files));
}
