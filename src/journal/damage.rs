//! Says what was done to a journal, as exactly as its chain of hashes can tell.
//!
//! A line proves the one before it. So an edit shows one line late, a dropped line leaves a gap in
//! the numbers, and a moved line still names the line it once followed.

use super::format::Line;

/// A line of a journal after its header, by itself: nothing about it was compared yet.
#[derive(Debug)]
pub(super) struct Read {
    /// The SHA-256 of the line.
    pub(super) hash: String,
    /// The line, when it can be understood.
    pub(super) line: serde_json::Result<Line>,
}

impl Read {
    fn follows(&self, hash: &str) -> bool {
        self.line.as_ref().is_ok_and(|line| line.prev == hash)
    }
}

/// What is wrong, and what is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// The line of the file, from 1.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) reason: String,
    /// How many events before it can be trusted.
    pub(super) sound: usize,
}

/// Returns what is wrong with the first line that does not fit where it stands; `header` is the
/// hash of the first line of the file.
pub(super) fn find(lines: &[Read], header: &str) -> Option<Damage> {
    let mut before = header;
    for (place, read) in lines.iter().enumerate() {
        let fits = read
            .line
            .as_ref()
            .is_ok_and(|line| line.prev == before && line.seq == place as u64 + 1);
        if !fits {
            return Some(diagnose(lines, header, place));
        }
        before = &read.hash;
    }
    None
}

fn diagnose(lines: &[Read], header: &str, place: usize) -> Damage {
    let damage = |line: usize, sound: usize, reason: String| Damage {
        line,
        reason,
        sound,
    };
    // The header is line 1 of the file.
    let number = |place: usize| place + 2;
    let here = number(place);
    let read = &lines[place];
    let next = lines.get(place + 1);
    let line = match &read.line {
        Ok(line) => line,
        // The line after it says whether it was written so.
        Err(error) if next.is_some_and(|next| next.follows(&read.hash)) => {
            return damage(here, place, format!("cannot be understood: {error}"));
        }
        Err(error) => {
            let reason = format!("was edited; it cannot be understood: {error}");
            return damage(here, place, reason);
        }
    };
    if let Some(first) = lines[..place].iter().position(|one| one.hash == read.hash) {
        let reason = format!("was added; it repeats line {}", number(first));
        return damage(here, place, reason);
    }
    // Where the line stands that this one was written after, when it is still in the file.
    let origin = if line.prev == header {
        Some(1)
    } else {
        let found = lines.iter().position(|one| one.hash == line.prev);
        found.map(number)
    };
    let expected = place as u64 + 1;
    match origin {
        Some(origin) if origin > here => damage(
            here,
            place,
            format!("was moved; it was written after what is now line {origin}"),
        ),
        Some(origin) if origin + 1 < here => {
            let reason = format!("was added; line {here} was written right after line {origin}");
            damage(origin + 1, origin - 1, reason)
        }
        Some(_) => {
            let reason = format!("has event {}, expected event {expected}", line.seq);
            damage(here, place, reason)
        }
        None if line.seq > expected => {
            let missing = match line.seq - 1 {
                last if last == expected => format!("event {expected} was dropped"),
                last => format!("events {expected} to {last} were dropped"),
            };
            damage(here, place, format!("does not follow; {missing} before it"))
        }
        None if line.seq < expected => {
            let reason = format!(
                "was added; it has event {}, expected event {expected}",
                line.seq
            );
            damage(here, place, reason)
        }
        None if next.is_some_and(|next| next.follows(&read.hash)) => {
            let reason = format!("was edited; line {here} was written after another text of it");
            damage(here - 1, place.saturating_sub(1), reason)
        }
        None => {
            let before = here - 1;
            let reason = format!("was edited, or line {before} before it was");
            damage(here, place.saturating_sub(1), reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Event, EventKind};
    use crate::journal::format::hash;

    const HEADER: &str = "header";

    /// A journal of six events; its lines, without the header.
    fn written() -> Vec<String> {
        let mut prev = hash(HEADER.as_bytes());
        let mut lines = Vec::new();
        for seq in 1..=6 {
            let text = format!("event {seq}");
            let event = Event {
                seq,
                at: jiff::Timestamp::UNIX_EPOCH,
                event: EventKind::Warning { text },
            };
            let line = serde_json::to_string(&Line::of(&event, prev)).unwrap();
            prev = hash(line.as_bytes());
            lines.push(line);
        }
        lines
    }

    fn told(lines: &[String], header: &str) -> Option<String> {
        let reads: Vec<_> = lines
            .iter()
            .map(|line| Read {
                hash: hash(line.as_bytes()),
                line: serde_json::from_str(line),
            })
            .collect();
        let found = find(&reads, &hash(header.as_bytes()))?;
        Some(format!(
            "{} events, then line {}: {}",
            found.sound, found.line, found.reason
        ))
    }

    fn after(change: impl FnOnce(&mut Vec<String>)) -> String {
        let mut lines = written();
        change(&mut lines);
        told(&lines, HEADER).expect("it was touched")
    }

    #[test]
    fn an_untouched_journal_is_sound() {
        assert_eq!(told(&written(), HEADER), None);
        assert_eq!(told(&[], HEADER), None);
    }

    #[test]
    fn the_line_and_what_was_done_to_it_are_told() {
        let edit = |lines: &mut Vec<String>, place: usize| {
            lines[place] = lines[place].replace("event ", "Event ");
        };
        insta::assert_snapshot!(
            [
                after(|lines| edit(lines, 2)),
                after(|lines| edit(lines, 4)),
                after(|lines| lines[3].truncate(40)),
                after(|lines| lines[3] = lines[3].replacen("\"prev\":\"", "\"prev\":\"0", 1)),
                after(|lines| drop(lines.remove(2))),
                after(|lines| drop(lines.drain(1..4))),
                after(|lines| lines.swap(2, 3)),
                after(|lines| lines.rotate_left(1)),
                after(|lines| {
                    let last = lines.pop().unwrap();
                    lines.insert(1, last);
                }),
                after(|lines| lines.insert(3, lines[1].clone())),
                after(|lines| {
                    let added = lines[3].replace("event 4", "event 40");
                    lines.insert(3, added);
                }),
                told(&written(), "Header").unwrap(),
            ]
            .join("\n"),
            @"
        2 events, then line 4: was edited; line 5 was written after another text of it
        4 events, then line 7: was edited, or line 6 before it was
        3 events, then line 5: was edited; it cannot be understood: EOF while parsing a string at line 1 column 40
        2 events, then line 5: was edited, or line 4 before it was
        2 events, then line 4: does not follow; event 3 was dropped before it
        1 events, then line 3: does not follow; events 2 to 4 were dropped before it
        2 events, then line 4: was moved; it was written after what is now line 5
        0 events, then line 2: was moved; it was written after what is now line 7
        1 events, then line 3: was moved; it was written after what is now line 7
        3 events, then line 5: was added; it repeats line 3
        3 events, then line 5: was added; line 6 was written right after line 4
        0 events, then line 1: was edited; line 2 was written after another text of it
        "
        );
    }
}
