//! Merges our new render into a file that the operator owns and may have edited.

use std::collections::BTreeMap;

use git2::{FileFavor, MergeFileInput, MergeFileOptions};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::error::GitError;

/// A three-way merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The merged file; where both sides changed the same lines it has the operator's.
    pub content: Vec<u8>,
    /// Whether there was such a place.
    pub conflicts: bool,
    /// The merge with conflict markers, to show the operator what of ours was left out.
    pub marked: Option<Vec<u8>>,
}

impl Merged {
    fn clean(content: &[u8]) -> Self {
        Self {
            content: content.to_vec(),
            conflicts: false,
            marked: None,
        }
    }
}

/// Merges `ours` (the new render) and `theirs` (the operator's file), both made from `base` (the last
/// render). The operator's side wins conflicts.
pub fn merge_file(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Merged, GitError> {
    if ours == theirs || ours == base {
        return Ok(Merged::clean(theirs));
    }
    if theirs == base {
        return Ok(Merged::clean(ours));
    }
    let (base, ours) = if has_windows_line_ends(theirs) {
        (with_windows_line_ends(base), with_windows_line_ends(ours))
    } else {
        (base.to_vec(), ours.to_vec())
    };
    let (base, theirs) = take_over_lines(&base, &ours, theirs);
    let marked = merge(&base, &ours, &theirs, FileFavor::Normal)?;
    if marked.is_automergeable() {
        return Ok(Merged::clean(marked.content()));
    }
    let favoured = merge(&base, &ours, &theirs, FileFavor::Theirs)?;
    Ok(Merged {
        content: favoured.content().to_vec(),
        conflicts: true,
        marked: Some(marked.content().to_vec()),
    })
}

/// Takes over each line that we replaced by another one and the operator left alone, so that both
/// sides agree on it. Git's merge alone calls an edit of the line beside it a conflict, and these
/// files are a handful of lines next to each other: a new role would get lost beside an edited
/// endpoint.
fn take_over_lines(base: &[u8], ours: &[u8], theirs: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let lines =
        |content| -> Vec<&[u8]> { <[u8]>::split_inclusive(content, |b| *b == b'\n').collect() };
    let (mut base, ours, mut theirs) = (lines(base), lines(ours), lines(theirs));
    let kept: BTreeMap<usize, usize> = capture_diff_slices(Algorithm::Myers, &base, &theirs)
        .into_iter()
        .filter_map(|part| match part {
            DiffOp::Equal {
                old_index,
                new_index,
                len,
            } => Some((old_index..old_index + len).zip(new_index..)),
            _ => None,
        })
        .flatten()
        .collect();
    for part in capture_diff_slices(Algorithm::Myers, &base, &ours) {
        let DiffOp::Replace {
            old_index,
            old_len,
            new_index,
            new_len,
        } = part
        else {
            continue;
        };
        if old_len != new_len {
            continue;
        }
        for offset in 0..old_len {
            if let Some(place) = kept.get(&(old_index + offset)) {
                base[old_index + offset] = ours[new_index + offset];
                theirs[*place] = ours[new_index + offset];
            }
        }
    }
    (base.concat(), theirs.concat())
}

fn merge(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    favor: FileFavor,
) -> Result<git2::MergeFileResult, GitError> {
    // `git2::merge_file` alone does not start libgit2, which a buffer does.
    drop(git2::Buf::new());
    let [mut first, mut second, mut third] = [
        MergeFileInput::new(),
        MergeFileInput::new(),
        MergeFileInput::new(),
    ];
    let mut options = MergeFileOptions::new();
    options
        .ancestor_label("last render")
        .our_label("new render")
        .their_label("your file")
        .style_diff3(true)
        .favor(favor);
    git2::merge_file(
        first.content(base),
        second.content(ours),
        third.content(theirs),
        Some(&mut options),
    )
    .map_err(|error| GitError::other("merge a file", error.message()))
}

/// An editor that turned every LF into CRLF changed no line's meaning.
fn has_windows_line_ends(content: &[u8]) -> bool {
    let count = |needle: &[u8]| {
        content
            .windows(needle.len())
            .filter(|part| *part == needle)
            .count()
    };
    let lines = count(b"\n");
    lines > 0 && count(b"\r\n") == lines
}

fn with_windows_line_ends(content: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(content.len() + content.len() / 16);
    for (index, byte) in content.iter().enumerate() {
        if *byte == b'\n' && (index == 0 || content[index - 1] != b'\r') {
            converted.push(b'\r');
        }
        converted.push(*byte);
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str =
        "# storage\nspec:\n  s3:\n    endpoint: e1\n    region: r1\n  other: 1\n  last: 1\n";

    fn text(merged: &Merged) -> &str {
        std::str::from_utf8(&merged.content).unwrap()
    }

    #[test]
    fn edits_in_different_places_are_both_kept() {
        let ours = BASE.replace("r1", "r2");
        let theirs = BASE
            .replace("# storage", "# ours to keep")
            .replace("last: 1", "last: 2");
        let merged = merge_file(BASE.as_bytes(), ours.as_bytes(), theirs.as_bytes()).unwrap();
        assert!(!merged.conflicts);
        assert_eq!(text(&merged), theirs.replace("r1", "r2"));
    }

    #[test]
    fn the_operator_wins_a_conflict_and_sees_it() {
        let ours = BASE
            .replace("endpoint: e1", "endpoint: e2")
            .replace("last: 1", "last: 9");
        let theirs = BASE.replace("endpoint: e1", "endpoint: mine");
        let merged = merge_file(BASE.as_bytes(), ours.as_bytes(), theirs.as_bytes()).unwrap();
        assert!(merged.conflicts);
        assert_eq!(text(&merged), theirs.replace("last: 1", "last: 9"));
        let marked = String::from_utf8(merged.marked.unwrap()).unwrap();
        for part in [
            "<<<<<<< new render",
            "endpoint: e2",
            "endpoint: mine",
            ">>>>>>> your file",
        ] {
            assert!(marked.contains(part), "{marked}");
        }
    }

    #[test]
    fn edits_in_neighbouring_lines_are_both_kept() {
        let ours = BASE.replace("r1", "r2").replace("last: 1", "last: 2");
        let theirs = BASE.replace("endpoint: e1", "endpoint: mine") + "  added: 1\n";
        let merged = merge_file(BASE.as_bytes(), ours.as_bytes(), theirs.as_bytes()).unwrap();
        assert!(!merged.conflicts);
        let both = theirs.replace("r1", "r2").replace("last: 1", "last: 2");
        assert_eq!(text(&merged), both);
    }

    #[test]
    fn one_side_only_is_taken_as_it_is() {
        let other = b"no newline at the end".as_slice();
        let base = BASE.as_bytes();
        assert_eq!(merge_file(base, base, other).unwrap().content, other);
        assert_eq!(merge_file(base, other, base).unwrap().content, other);
        assert_eq!(merge_file(base, other, other).unwrap().content, other);
        assert!(merge_file(b"", b"ours\n", b"theirs\n").unwrap().conflicts);
    }

    #[test]
    fn windows_line_ends_are_no_conflict() {
        let theirs = BASE.replace("last: 1", "last: 2").replace('\n', "\r\n");
        let ours = BASE.replace("e1", "e2");
        let merged = merge_file(BASE.as_bytes(), ours.as_bytes(), theirs.as_bytes()).unwrap();
        assert!(!merged.conflicts);
        assert_eq!(text(&merged), theirs.replace("e1", "e2"));
    }
}
