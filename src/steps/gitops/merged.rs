//! What of a new render goes into a file that the operator may have edited, and what they are told.

use std::collections::BTreeSet;

use serde::Deserialize as _;

use crate::clients::envfile;
use crate::clients::git::{LeftOut, merge_file};
use crate::clients::recording::redact::without_settings;

/// Returns the merged file, and what the operator should notice about it.
pub(super) fn merged(
    path: &str,
    base: &[u8],
    render: &[u8],
    found: &[u8],
) -> (Vec<u8>, Vec<String>) {
    let merged = merge_file(base, render, found, |content| reads(path, content));
    let notices = if merged.kept_whole {
        vec![format!(
            "your file `{path}` is kept whole: with what the template has now, it could not be read \
             or would say something twice"
        )]
    } else if !merged.left_out.is_empty() {
        let places = merged.left_out.iter();
        places.map(|place| told(path, place)).collect()
    } else if merged.content != render {
        vec![format!("your edits of `{path}` are kept")]
    } else {
        Vec::new()
    };
    (merged.content, notices)
}

fn told(path: &str, place: &LeftOut) -> String {
    let LeftOut { line, theirs, ours } = place;
    format!(
        "your edit of `{path}` is kept at line {line}: {}, where the template has {}",
        words(theirs),
        words(ours)
    )
}

fn words(lines: &[String]) -> String {
    match lines {
        [] => "nothing".into(),
        [line] => format!("`{}`", without_settings(line.trim())),
        [line, rest @ ..] => {
            format!(
                "`{}` and {} more",
                without_settings(line.trim()),
                rest.len()
            )
        }
    }
}

/// Whether whoever reads the file can: as YAML without a key twice, or as assignments without a
/// name twice.
fn reads(path: &str, content: &[u8]) -> bool {
    let is = |end: &str| path.rsplit('.').next() == Some(end);
    if is("yaml") || is("yml") {
        serde_yaml::Deserializer::from_slice(content)
            .all(|document| serde_yaml::Value::deserialize(document).is_ok())
    } else if path.starts_with("deploy/env.") {
        let text = String::from_utf8_lossy(content);
        envfile::parse(path, &text).is_ok_and(|assignments| {
            let mut names = BTreeSet::new();
            assignments.iter().all(|(name, _)| names.insert(name))
        })
    } else {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_lines_of_both() {
        let base = "spec:\n  s3:\n    endpoint: e1\n    region: r1\n";
        let (content, notices) = merged(
            "a.yaml",
            base.as_bytes(),
            base.replace("e1", "e2").as_bytes(),
            base.replace("e1", "mine").as_bytes(),
        );
        assert_eq!(content, base.replace("e1", "mine").as_bytes());
        let told = "your edit of `a.yaml` is kept at line 3: `endpoint: mine`, where the template has `endpoint: e2`";
        assert_eq!(notices, [told]);
    }

    #[test]
    fn a_key_that_both_added_stays_the_operators() {
        let base = "a: 1\nb: 1\nc: 1\nd: 1\n";
        for path in ["a.yaml", "deploy/env.eks"] {
            let text = |yaml: &str| match path {
                "a.yaml" => yaml.to_owned(),
                _ => yaml.replace(": ", "="),
            };
            let (base, ours) = (text(base), text("a: 1\nz: ours\nb: 1\nc: 1\nd: 1\n"));
            let theirs = text("a: 1\nb: 1\nc: 1\nz: mine\nd: 1\n");
            let (content, notices) =
                merged(path, base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
            assert_eq!(content, theirs.as_bytes());
            assert!(notices[0].contains("is kept whole"), "{notices:?}");
        }
    }

    #[test]
    fn tags_of_cloudformation_and_several_documents_can_be_read() {
        assert!(reads("a.yaml", b"a: !Sub x\n---\nb: !GetAtt y.Arn\n"));
        assert!(!reads("a.yaml", b"a: 1\n---\nb: 1\nb: 2\n"));
        assert!(!reads("a.yaml", b"a: [1\n"));
    }
}
