//! Merges our new render into a file that the operator owns and may have edited.
//!
//! The result is the operator's file, in which we replace only what they left alone: each place
//! that differs between the last render and the new one is taken over where the operator has its
//! lines as we rendered them, one after the other and below the same keys. Everywhere else their lines stay, and what of
//! ours was left out is told. So every line that they added, changed or took away stays so, in
//! their order.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// A three-way merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The merged file; where both sides changed the same lines it has the operator's.
    pub content: Vec<u8>,
    /// Places where both sides changed the same.
    pub left_out: Vec<LeftOut>,
    /// Whether nothing of ours went in, because the merge would be no sound file.
    pub kept_whole: bool,
}

/// A place where the operator's lines were kept although ours are new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The line of the merged file, counted from 1.
    pub line: usize,
    /// What the operator has there; nothing where they took it away.
    pub theirs: Vec<String>,
    /// What we would have there; nothing where we would take it away.
    pub ours: Vec<String>,
}

impl Merged {
    fn clean(content: &[u8]) -> Self {
        Self {
            content: content.to_vec(),
            left_out: Vec::new(),
            kept_whole: false,
        }
    }
}

/// Merges `ours` (the new render) and `theirs` (the operator's file), both made from `base` (the last
/// render). The operator's side wins conflicts.
///
/// Two sound files can be merged by lines into one that is not, with a key twice for example: where
/// only the merge is not `sound`, the operator's file stays as it is.
pub fn merge_file(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    sound: impl Fn(&[u8]) -> bool,
) -> Merged {
    if ours == theirs || ours == base {
        return Merged::clean(theirs);
    }
    if theirs == base {
        return Merged::clean(ours);
    }
    let merged = merge(base, ours, theirs);
    if sound(&merged.content) || !sound(ours) || !sound(theirs) {
        return merged;
    }
    Merged {
        content: theirs.to_vec(),
        kept_whole: true,
        ..merged
    }
}

/// How a file ends its lines, which is a matter of the editor and no change of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    windows: bool,
    last: bool,
}

impl Ends {
    fn of(content: &[u8]) -> Self {
        let lines = content.split_inclusive(|byte| *byte == b'\n');
        let ended = || lines.clone().filter(|line| line.ends_with(b"\n"));
        Self {
            windows: ended().next().is_some() && ended().all(|line| line.ends_with(b"\r\n")),
            last: content.is_empty() || content.ends_with(b"\n"),
        }
    }

    /// Takes over what the operator changed, else what we changed.
    fn merged(base: Self, ours: Self, theirs: Self) -> Self {
        let choose = |base, ours, theirs| if theirs == base { ours } else { theirs };
        Self {
            windows: choose(base.windows, ours.windows, theirs.windows),
            last: choose(base.last, ours.last, theirs.last),
        }
    }

    fn lines(self, content: &[u8]) -> Vec<&[u8]> {
        if content.is_empty() {
            return Vec::new();
        }
        content
            .strip_suffix(b"\n")
            .unwrap_or(content)
            .split(|byte| *byte == b'\n')
            .map(|line| match line {
                [line @ .., b'\r'] if self.windows => line,
                line => line,
            })
            .collect()
    }

    fn join(self, lines: &[&Line<'_>]) -> Vec<u8> {
        let end: &[u8] = if self.windows { b"\r\n" } else { b"\n" };
        let texts: Vec<&[u8]> = lines.iter().map(|line| line.text).collect();
        let mut content = texts.join(end);
        if self.last && !lines.is_empty() {
            content.extend(end);
        }
        content
    }
}

/// A line, and the keys that it stands below: the same words in another section are another line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Line<'a> {
    below: Vec<&'a [u8]>,
    text: &'a [u8],
}

impl<'a> Line<'a> {
    fn all(lines: Vec<&'a [u8]>) -> Vec<Self> {
        let mut open: Vec<(usize, &[u8])> = Vec::new();
        let mut placed = Vec::with_capacity(lines.len());
        for text in lines {
            let words = text.trim_ascii_start();
            let is_empty = words.is_empty();
            // An item stands below the key before it, also where it is not indented more.
            let depth = (text.len() - words.len()) * 2 + usize::from(words.starts_with(b"-"));
            if !is_empty {
                while open.last().is_some_and(|(outer, _)| *outer >= depth) {
                    open.pop();
                }
            }
            placed.push(Self {
                below: open.iter().map(|(_, key)| *key).collect(),
                text,
            });
            if !is_empty && !words.starts_with(b"#") {
                open.push((depth, key(text).unwrap_or(text)));
            }
        }
        placed
    }
}

fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Merged {
    let (base_ends, our_ends, their_ends) = (Ends::of(base), Ends::of(ours), Ends::of(theirs));
    let base = Line::all(base_ends.lines(base));
    let ours = Line::all(our_ends.lines(ours));
    let theirs = Line::all(their_ends.lines(theirs));
    let places = Places::new(&base, &theirs);
    let mut result: Vec<&Line<'_>> = Vec::with_capacity(theirs.len() + ours.len());
    let mut left_out = Vec::new();
    let mut copied = 0;
    for hunk in hunks(&base, &ours) {
        if let Some(place) = places.untouched(&hunk.old) {
            result.extend(&theirs[copied..place.start]);
            result.extend(&ours[hunk.new]);
            copied = place.end;
            continue;
        }
        let place = places.around(&hunk.old);
        if has(&theirs[place.clone()], &ours[hunk.new.clone()]) {
            continue;
        }
        result.extend(&theirs[copied..place.start]);
        copied = place.start;
        left_out.push(LeftOut {
            line: result.len() + 1,
            theirs: texts(&theirs[place]),
            ours: texts(&ours[hunk.new]),
        });
    }
    result.extend(&theirs[copied..]);
    Merged {
        content: Ends::merged(base_ends, our_ends, their_ends).join(&result),
        left_out,
        kept_whole: false,
    }
}

fn texts(lines: &[Line<'_>]) -> Vec<String> {
    let text = |line: &Line<'_>| String::from_utf8_lossy(line.text).into_owned();
    lines.iter().map(text).collect()
}

/// Whether the operator has done the same as we, between the lines that they left alone.
fn has(theirs: &[Line<'_>], ours: &[Line<'_>]) -> bool {
    if ours.is_empty() {
        return theirs.is_empty();
    }
    theirs.windows(ours.len()).any(|lines| lines == ours)
}

/// A place where the new render differs from the last one.
struct Hunk {
    old: Range<usize>,
    new: Range<usize>,
}

fn hunks(base: &[Line<'_>], ours: &[Line<'_>]) -> Vec<Hunk> {
    let mut hunks = Vec::new();
    for part in capture_diff_slices(Algorithm::Myers, base, ours) {
        let (old, new) = (part.old_range(), part.new_range());
        if matches!(part, DiffOp::Equal { .. }) {
            continue;
        }
        // These files are a handful of values next to each other: an edit of the line beside it
        // must not keep a new role out. Lines that stay what they are, a value of the same key,
        // are places of their own.
        let pairs = || base[old.clone()].iter().zip(&ours[new.clone()]);
        if old.len() == new.len() && pairs().all(|(old, new)| is_same_value(old, new)) {
            hunks.extend(old.zip(new).map(|(old, new)| Hunk {
                old: old..old + 1,
                new: new..new + 1,
            }));
        } else {
            hunks.push(Hunk { old, new });
        }
    }
    hunks
}

/// Whether two lines give a value to the same key of a mapping, or to the same variable.
fn is_same_value(old: &Line<'_>, new: &Line<'_>) -> bool {
    let is_plain = !matches!(old.text.trim_ascii_start().first(), Some(b'-' | b'#'));
    is_plain
        && old.below == new.below
        && key(old.text).is_some_and(|old| key(new.text) == Some(old))
}

/// Returns what a line says before its value, with its indentation.
fn key(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| matches!(byte, b':' | b'='))?;
    Some(&line[..end])
}

/// Where the operator has the lines of the last render.
struct Places {
    kept: Vec<Option<usize>>,
    length: usize,
}

impl Places {
    fn new(base: &[Line<'_>], theirs: &[Line<'_>]) -> Self {
        let mut kept = vec![None; base.len()];
        for part in capture_diff_slices(Algorithm::Myers, base, theirs) {
            if let DiffOp::Equal {
                old_index,
                new_index,
                len,
            } = part
            {
                for offset in 0..len {
                    kept[old_index + offset] = Some(new_index + offset);
                }
            }
        }
        Self {
            kept,
            length: theirs.len(),
        }
    }

    /// Returns where lines of the last render are, one after the other; for none of them the gap
    /// between their neighbours, as long as the operator has nothing in it.
    fn untouched(&self, old: &Range<usize>) -> Option<Range<usize>> {
        if old.is_empty() {
            let start = self.after(old.start)?;
            return (self.at(old.start) == Some(start)).then_some(start..start);
        }
        let start = self.kept[old.start]?;
        let places = self.kept[old.clone()].iter().zip(start..);
        let is_whole = places
            .into_iter()
            .all(|(kept, expected)| *kept == Some(expected));
        is_whole.then(|| start..start + old.len())
    }

    /// Returns what the operator has between the nearest lines that they left alone.
    fn around(&self, old: &Range<usize>) -> Range<usize> {
        let before = self.kept[..old.start].iter().rev().flatten().next();
        let behind = self.kept[old.end..].iter().flatten().next();
        before.map_or(0, |place| place + 1)..behind.copied().unwrap_or(self.length)
    }

    /// Returns the place behind the line before this one.
    fn after(&self, line: usize) -> Option<usize> {
        match line.checked_sub(1) {
            None => Some(0),
            Some(before) => self.kept[before].map(|place| place + 1),
        }
    }

    fn at(&self, line: usize) -> Option<usize> {
        match self.kept.get(line) {
            None => Some(self.length),
            Some(place) => *place,
        }
    }
}
