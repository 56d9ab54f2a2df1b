//! Any edit of the operator survives any re-render: examples, and the property.

use proptest::prelude::*;
use proptest::sample::Index;
use serde::Deserialize as _;

use crate::clients::git::{LeftOut, Merged, merge_file};

const BASE: &str =
    "# storage\nspec:\n  s3:\n    endpoint: e1\n    region: r1\n  other: 1\n  last: 1\n";

fn merge(base: &str, ours: &str, theirs: &str) -> Merged {
    let sound = |content: &[u8]| is_yaml(content);
    merge_file(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), sound)
}

fn text(merged: &Merged) -> &str {
    std::str::from_utf8(&merged.content).unwrap()
}

fn is_yaml(content: &[u8]) -> bool {
    serde_yaml::Deserializer::from_slice(content)
        .all(|document| serde_yaml::Value::deserialize(document).is_ok())
}

#[test]
fn edits_in_different_places_are_both_kept() {
    let ours = BASE.replace("r1", "r2");
    let theirs = BASE
        .replace("# storage", "# ours to keep")
        .replace("last: 1", "last: 2");
    let merged = merge(BASE, &ours, &theirs);
    assert_eq!(merged.left_out, []);
    assert_eq!(text(&merged), theirs.replace("r1", "r2"));
}

#[test]
fn the_operator_wins_a_conflict_and_sees_it() {
    let ours = BASE
        .replace("endpoint: e1", "endpoint: e2")
        .replace("last: 1", "last: 9");
    let theirs = BASE.replace("endpoint: e1", "endpoint: mine");
    let merged = merge(BASE, &ours, &theirs);
    let left_out = LeftOut {
        line: 4,
        theirs: vec!["    endpoint: mine".into()],
        ours: vec!["    endpoint: e2".into()],
    };
    assert_eq!(merged.left_out, [left_out]);
    assert_eq!(text(&merged), theirs.replace("last: 1", "last: 9"));
}

#[test]
fn edits_in_neighbouring_lines_are_both_kept() {
    let ours = BASE.replace("r1", "r2").replace("last: 1", "last: 2");
    let theirs = BASE.replace("endpoint: e1", "endpoint: mine") + "  added: 1\n";
    let merged = merge(BASE, &ours, &theirs);
    assert_eq!(merged.left_out, []);
    let both = theirs.replace("r1", "r2").replace("last: 1", "last: 2");
    assert_eq!(text(&merged), both);
}

#[test]
fn one_side_only_is_taken_as_it_is() {
    let other = "no newline at the end";
    assert_eq!(text(&merge(BASE, BASE, other)), other);
    assert_eq!(text(&merge(BASE, other, BASE)), other);
    assert_eq!(text(&merge(BASE, other, other)), other);
    let merged = merge("", "ours: 1\n", "theirs: 1\n");
    assert_eq!((text(&merged), merged.left_out.len()), ("theirs: 1\n", 1));
}

#[test]
fn what_both_did_is_no_conflict() {
    let both = BASE.replace("e1", "e2").replace("r1", "r2");
    let merged = merge(BASE, &both, &format!("# mine\n{both}"));
    assert_eq!(merged.left_out, []);
    assert_eq!(text(&merged), format!("# mine\n{both}"));
}

#[test]
fn a_block_that_the_operator_works_in_is_not_taken_away() {
    let ours = "# storage\nspec:\n  other: 1\n  last: 1\n";
    let theirs = BASE.replace("    region", "    mine: 1\n    region");
    let merged = merge(BASE, ours, &theirs);
    assert_eq!(text(&merged), theirs);
    assert_eq!(merged.left_out.len(), 1);
}

#[test]
fn the_ends_of_lines_are_the_editors() {
    let ours = BASE.replace("e1", "e2");
    let windows = BASE.replace("last: 1", "last: 2").replace('\n', "\r\n");
    let merged = merge(BASE, &ours, &windows);
    assert_eq!(merged.left_out, []);
    assert_eq!(text(&merged), windows.replace("e1", "e2"));

    let open = BASE.trim_end();
    let merged = merge(BASE, &BASE.replace("last: 1", "last: 2"), open);
    assert_eq!(merged.left_out, []);
    assert_eq!(text(&merged), open.replace("last: 1", "last: 2"));
}

/// A line of a generated file: a key with its value, or a comment, below a section or a section itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    section: usize,
    /// The key; comments and blank lines have none.
    key: Option<String>,
    text: String,
}

fn value(section: usize, key: &str, value: &str) -> Line {
    Line {
        section,
        key: Some(format!("{section}/{key}")),
        text: format!("  {key}: {value}"),
    }
}

fn written(lines: &[Line]) -> String {
    let texts = lines.iter().flat_map(|line| [line.text.as_str(), "\n"]);
    texts.collect()
}

/// A file as we render it first: up to four sections of up to five values, with comments that are
/// all alike, as in real files.
fn rendered() -> impl Strategy<Value = Vec<Line>> {
    prop::collection::vec((1..6_usize, any::<bool>()), 1..5).prop_map(|sections| {
        let mut lines = Vec::new();
        for (section, (values, has_comment)) in sections.into_iter().enumerate() {
            lines.push(Line {
                section,
                key: Some(format!("{section}")),
                text: format!("s{section}:"),
            });
            if has_comment {
                lines.push(Line {
                    section,
                    key: None,
                    text: "  # as rendered".into(),
                });
            }
            lines.extend((0..values).map(|number| value(section, &format!("k{number}"), "v")));
        }
        lines
    })
}

/// What happens to a file between two renders, or under the operator's hands.
#[derive(Debug, Clone)]
enum Edit {
    Change(Index),
    Add(Index),
    Remove(Index),
    Comment(Index),
    Blank(Index),
    Move(Index, Index),
}

fn edits(reorders: bool) -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let same = prop_oneof![
        3 => at().prop_map(Edit::Change),
        2 => at().prop_map(Edit::Add),
        2 => at().prop_map(Edit::Remove),
        1 => at().prop_map(Edit::Comment),
        1 => at().prop_map(Edit::Blank),
    ];
    let with_moves = (any::<bool>(), same, at(), at()).prop_map(move |(moves, edit, from, to)| {
        if moves && reorders {
            Edit::Move(from, to)
        } else {
            edit
        }
    });
    prop::collection::vec(with_moves, 0..6)
}

/// Makes the edits, each with words of its own that begin with `who`. Stays YAML: a section that
/// is emptied keeps its line, which is then null.
fn edited(lines: &[Line], edits: &[Edit], who: &str) -> Vec<Line> {
    let mut lines = lines.to_vec();
    for (number, edit) in edits.iter().enumerate() {
        let values: Vec<usize> = (0..lines.len())
            .filter(|index| lines[*index].text.starts_with("  ") && lines[*index].key.is_some())
            .collect();
        match edit {
            Edit::Change(at) if !values.is_empty() => {
                let line = &mut lines[*at.get(&values)];
                let (key, _) = line.text.split_once(": ").unwrap();
                line.text = format!("{key}: {who}{number}");
            }
            Edit::Remove(at) if !values.is_empty() => {
                lines.remove(*at.get(&values));
            }
            Edit::Move(from, to) if !values.is_empty() => {
                // Within its section, as somebody who sorts the keys would.
                let from = *from.get(&values);
                let section = lines[from].section;
                let places: Vec<usize> = values
                    .into_iter()
                    .filter(|index| lines[*index].section == section)
                    .collect();
                let to = *to.get(&places);
                let line = lines.remove(from);
                lines.insert(to, line);
            }
            Edit::Add(at) | Edit::Comment(at) | Edit::Blank(at) => {
                let at = at.index(lines.len());
                let section = lines[at].section;
                let line = match edit {
                    Edit::Add(_) => value(section, &format!("{who}{number}"), "new"),
                    Edit::Comment(_) => Line {
                        section,
                        key: None,
                        text: format!("  # {who}{number}"),
                    },
                    _ => Line {
                        section,
                        key: None,
                        text: String::new(),
                    },
                };
                lines.insert(at + 1, line);
            }
            _ => {}
        }
    }
    lines
}

/// Whether `part` is in `whole`, in this order.
fn is_subsequence<'a>(part: impl Iterator<Item = &'a str>, whole: &[&str]) -> bool {
    let mut rest = whole.iter();
    part.into_iter()
        .all(|line| rest.any(|found| *found == line))
}

fn key_of<'a>(lines: &'a [Line], key: &str) -> Option<&'a str> {
    let mut found = lines.iter().filter(|line| line.key.as_deref() == Some(key));
    found.next().map(|line| line.text.as_str())
}

/// The keys of a written file with their lines, as `section/key`.
fn keys(text: &str) -> Vec<(String, &str)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().starts_with('#')) {
        match (line.strip_prefix("  "), line.split_once(':')) {
            (Some(value), _) => {
                let (key, _) = value.split_once(':').unwrap();
                found.push((format!("{section}/{key}"), line));
            }
            (None, Some((name, _))) => {
                name[1..].clone_into(&mut section);
                found.push((section.clone(), line));
            }
            (None, None) => {}
        }
    }
    found
}

fn check(base: &[Line], ours: &[Line], theirs: &[Line]) -> Result<(), TestCaseError> {
    let merged = merge(&written(base), &written(ours), &written(theirs));
    let result = text(&merged);
    let lines: Vec<&str> = result.lines().collect();
    // Every line that they added or changed is there, in their order, and so are their blank lines.
    let own = theirs
        .iter()
        .map(|line| line.text.as_str())
        .filter(|line| line.contains("op"));
    prop_assert!(is_subsequence(own, &lines), "an edit is lost");
    let blank = |lines: &[Line]| lines.iter().filter(|line| line.text.is_empty()).count();
    let kept = lines.iter().filter(|line| line.is_empty()).count();
    prop_assert!(kept >= blank(theirs), "a blank line is lost");
    let left_out = |line: &str| {
        merged.kept_whole
            || merged
                .left_out
                .iter()
                .any(|place| place.ours.iter().any(|ours| ours == line))
    };
    let keys = keys(result);
    for key in base.iter().filter_map(|line| line.key.as_deref()) {
        let of = |lines| key_of(lines, key);
        let found: Vec<&str> = keys
            .iter()
            .filter(|(found, _)| found == key)
            .map(|(_, line)| *line)
            .collect();
        match (of(base), of(ours), of(theirs)) {
            // What they took away stays away, whatever we did to it.
            (_, _, None) => prop_assert!(found.is_empty(), "{key} is back"),
            // What they changed is theirs; what we have instead is told.
            (base, ours, Some(theirs)) if base != Some(theirs) => {
                prop_assert_eq!(&found, &[theirs], "{} is not theirs", key);
                if let Some(ours) = ours.filter(|ours| Some(*ours) != base) {
                    prop_assert!(left_out(ours), "{key}: nothing told");
                }
            }
            // What they left alone is ours, or told.
            (_, Some(ours), Some(theirs)) => {
                prop_assert!(
                    found == [ours] || (found == [theirs] && left_out(ours)),
                    "{key}: {found:?}"
                );
            }
            (_, None, Some(theirs)) => {
                prop_assert!(found.is_empty() || found == [theirs], "{key}: {found:?}");
            }
        }
    }
    // What we added is there once, or told.
    for line in ours.iter().filter(|line| line.text.contains("new")) {
        let count = lines.iter().filter(|found| **found == line.text).count();
        prop_assert!(
            count == 1 || (count == 0 && left_out(&line.text)),
            "{}",
            line.text
        );
    }
    prop_assert!(is_yaml(result.as_bytes()), "no YAML any more");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_edit_survives_any_new_render(
        base in rendered(),
        ours in edits(false),
        theirs in edits(true),
    ) {
        check(&base, &edited(&base, &ours, "us"), &edited(&base, &theirs, "op"))?;
    }

    #[test]
    fn edits_survive_one_render_after_the_other(
        base in rendered(),
        theirs in edits(true),
        renders in prop::collection::vec(edits(false), 1..5),
    ) {
        let mut file = written(&edited(&base, &theirs, "op"));
        let wanted: Vec<String> = file
            .lines()
            .filter(|line| line.contains("op"))
            .map(str::to_owned)
            .collect();
        let mut last = base;
        for (number, render) in renders.iter().enumerate() {
            let next = edited(&last, render, &format!("us{number}x"));
            let merged = merge(&written(&last), &written(&next), &file);
            file = text(&merged).to_owned();
            last = next;
        }
        let lines: Vec<&str> = file.lines().collect();
        prop_assert!(is_subsequence(wanted.iter().map(String::as_str), &lines));
        prop_assert!(is_yaml(file.as_bytes()));
        // The same render once more changes nothing.
        let again = merge(&written(&last), &written(&last), &file);
        prop_assert_eq!(text(&again), file);
    }

    #[test]
    fn the_editor_of_windows_and_an_open_last_line_change_no_meaning(
        base in rendered(),
        ours in edits(false),
        theirs in edits(true),
        (windows, open) in any::<(bool, bool)>(),
    ) {
        let (ours, theirs) = (edited(&base, &ours, "us"), edited(&base, &theirs, "op"));
        let (base, ours, theirs) = (written(&base), written(&ours), written(&theirs));
        if theirs == base || ours == base || ours == theirs {
            return Ok(());
        }
        // Without its line break a blank line at the end would be no line.
        let open = open && !theirs.ends_with("\n\n");
        let style = |text: &str| {
            let text = text.strip_suffix('\n').filter(|_| open).unwrap_or(text);
            if windows { text.replace('\n', "\r\n") } else { text.to_owned() }
        };
        let merged = merge(&base, &ours, &theirs);
        let styled = merge(&base, &ours, &style(&theirs));
        prop_assert_eq!(text(&styled), style(text(&merged)));
        prop_assert_eq!(styled.left_out, merged.left_out);
    }

    #[test]
    fn a_file_left_alone_becomes_the_new_render(
        base in rendered(),
        ours in edits(true),
        windows in any::<bool>(),
    ) {
        let ours = written(&edited(&base, &ours, "us"));
        let base = written(&base);
        let style = |text: &str| if windows { text.replace('\n', "\r\n") } else { text.to_owned() };
        let merged = merge(&base, &ours, &style(&base));
        prop_assert_eq!(text(&merged), style(&ours));
        prop_assert_eq!(merged.left_out, []);
    }

    /// Lines without any meaning, most of them alike: theirs are never lost.
    #[test]
    fn no_line_of_the_operators_is_lost_among_lines_alike(
        base in prop::collection::vec("[ab]", 0..12),
        ours in prop::collection::vec("[abx]", 0..12),
        kept in any::<Index>(),
        added in prop::collection::vec((any::<Index>(), "op[0-9]"), 0..4),
    ) {
        let mut theirs: Vec<String> = base.clone();
        theirs.truncate(kept.index(base.len() + 1));
        for (at, line) in added {
            theirs.insert(at.index(theirs.len() + 1), line);
        }
        let join = |lines: &[String]| -> String {
            lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
        };
        let merged = merge(&join(&base), &join(&ours), &join(&theirs));
        let lines: Vec<&str> = text(&merged).lines().collect();
        let own = theirs.iter().map(String::as_str).filter(|line| line.starts_with("op"));
        prop_assert!(is_subsequence(own, &lines));
    }

    /// Whatever the bytes are, nothing breaks, and an edit of one side is taken as it is.
    #[test]
    fn any_bytes_can_be_merged(
        base in prop::collection::vec(any::<u8>(), 0..40),
        ours in prop::collection::vec(any::<u8>(), 0..40),
        theirs in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        merge_file(&base, &ours, &theirs, |_| true);
        let merged = merge_file(&base, &base, &theirs, |_| true);
        prop_assert_eq!(merged.content, theirs);
    }
}
