//! The chain of a proof as a picture: a line for each link, and a sentence about the whole.
//!
//! The line on its left holds as far as the chain does and is dotted from there on, so that the
//! place to look at is seen without colour.

use super::words::{self, Tone};
use crate::engine::{Chain, LinkFound, LinkState};

/// The columns of a picture where nobody tells how wide the terminal is.
pub const COLUMNS: usize = 80;

/// The least columns for names and notes side by side.
const SIDE_BY_SIDE: usize = 60;

/// The columns of the narrowest screen.
const NARROWEST: usize = 40;

/// A row of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Repeats what the head says.
    pub tone: Tone,
    /// Mark, name and word.
    pub head: String,
    /// What was seen.
    pub note: String,
}

impl Row {
    fn new(tone: Tone, head: &str, note: String) -> Self {
        let head = if note.is_empty() {
            head.trim_end()
        } else {
            head
        };
        Self {
            tone,
            head: head.into(),
            note,
        }
    }

    fn bare(tone: Tone, head: &str) -> Self {
        Self::new(tone, head, String::new())
    }

    /// Returns the row as one text.
    pub fn text(&self) -> String {
        format!("{}{}", self.head, self.note)
    }
}

/// Returns the picture: each link with its note, and a closing sentence. A note stands beside its
/// link, and below it where a word of it would not fit; no word is broken.
pub fn picture(chain: &Chain, columns: usize) -> Vec<Row> {
    let holding = holding(chain);
    let mut rows = Vec::new();
    let mut before: Option<&LinkFound> = None;
    for (place, found) in chain.links.iter().enumerate() {
        let (first, later) = if place >= holding {
            ("┆", "┆")
        } else if place + 1 == chain.links.len() {
            ("└", " ")
        } else {
            (if place == 0 { "┌" } else { "├" }, "│")
        };
        // What is not known for one reason is explained once.
        let repeated = before.is_some_and(|before| {
            (before.state, &before.note) == (found.state, &found.note)
                && found.state == LinkState::Unknown
        });
        let note = if repeated { "" } else { &found.note };
        before = Some(found);
        link(&mut rows, chain, found, note, (first, later), columns);
    }
    rows.push(Row::bare(tone(chain), &verdict(chain)));
    rows
}

/// Returns the columns of a picture without notes: mark, name and word of each link, and a margin.
pub fn compact_columns(chain: &Chain) -> usize {
    name_columns(chain) + 13
}

/// Returns the picture for a narrow place: each link on one line without its note. Where there is
/// room, the closing sentence follows, and what was seen of the weakest link.
pub fn compact(chain: &Chain, rows: usize) -> Vec<Row> {
    let weakest = chain.weakest();
    let mut lines: Vec<_> = chain
        .links
        .iter()
        .map(|found| {
            let label = words::link(found.state);
            let is_told = found.state == LinkState::Broken || weakest == Some(found);
            let word = if is_told { label.word } else { "" };
            let head = format!("{} {}  {word}", label.symbol, found.link);
            Row::bare(tone_of(chain, found), &head)
        })
        .collect();
    if rows > lines.len() + 3 {
        lines.push(Row::bare(Tone::Plain, ""));
        lines.push(Row::bare(tone(chain), &verdict(chain)));
        if let Some(found) = weakest.filter(|found| !found.note.is_empty()) {
            lines.push(Row::bare(Tone::Plain, ""));
            let note = found_beside_expected(&words::clean(&found.note));
            lines.extend(note.lines().map(|note| Row::bare(Tone::Plain, note)));
        }
    }
    lines
}

/// Returns the picture for a single line: `chain ✓✓✓✗·····  trust BROKEN`.
pub fn strip(chain: &Chain) -> Row {
    let marks: String = chain
        .links
        .iter()
        .map(|found| words::link(found.state).symbol)
        .collect();
    let end = match chain.weakest() {
        None => "proven".to_owned(),
        Some(found) if found.state == LinkState::Unknown && holding(chain) == 0 => {
            "nothing proven".to_owned()
        }
        Some(found) => format!("{} {}", found.link, words::link(found.state).word),
    };
    let short = format!("{marks}  {end}");
    let strip = format!("chain {short}");
    let fits = strip.chars().count() < NARROWEST;
    Row::bare(tone(chain), if fits { &strip } else { &short })
}

/// Returns what stands above a picture: `From service account to bucket`.
pub fn heading(chain: &Chain) -> String {
    format!("From {}", ends(chain))
}

/// Returns one sentence about the chain.
pub fn verdict(chain: &Chain) -> String {
    let unknown: Vec<_> = chain
        .links
        .iter()
        .filter(|found| found.state == LinkState::Unknown)
        .map(|found| found.link.name())
        .collect();
    let (all, holding) = (chain.links.len(), holding(chain));
    match chain.weakest() {
        _ if unknown.len() == all => "not proven: nothing is known of the chain".into(),
        None => format!("the chain is proven from {}", ends(chain)),
        Some(found) if found.state == LinkState::Broken => {
            format!("the chain breaks at the {}", found.link)
        }
        Some(found) if unknown.len() == all - holding => {
            format!("not proven: from the {} on nothing is known", found.link)
        }
        Some(_) => format!("not proven: nothing is known of the {}", unknown.join(", ")),
    }
}

/// Returns where a chain begins and where it ends.
fn ends(chain: &Chain) -> String {
    let ends = [chain.links.first(), chain.links.last()];
    let names: Vec<_> = ends
        .into_iter()
        .flatten()
        .map(|found| found.link.name())
        .collect();
    names.join(" to ")
}

/// Returns the width of the longest name of a link.
fn name_columns(chain: &Chain) -> usize {
    let widths = chain.links.iter().map(|found| found.link.name().len());
    widths.max().unwrap_or(0)
}

/// Returns how many links hold, from the first on.
fn holding(chain: &Chain) -> usize {
    let holds = |found: &&LinkFound| found.state == LinkState::Proven;
    chain.links.iter().take_while(holds).count()
}

/// Returns the tone of the chain as a whole.
fn tone(chain: &Chain) -> Tone {
    chain
        .weakest()
        .map_or(Tone::Good, |found| tone_of(chain, found))
}

fn tone_of(chain: &Chain, found: &LinkFound) -> Tone {
    match found.state {
        LinkState::Unknown if chain.weakest() == Some(found) => Tone::Warn,
        state => words::link(state).tone,
    }
}

fn link(
    rows: &mut Vec<Row>,
    chain: &Chain,
    found: &LinkFound,
    note: &str,
    (first, later): (&str, &str),
    columns: usize,
) {
    let label = words::link(found.state);
    let word = match (found.state, note.is_empty()) {
        (LinkState::Proven, _) => String::new(),
        (_, true) => label.word.to_owned(),
        (_, false) => format!("{}: ", label.word),
    };
    let broken = found.state == LinkState::Broken;
    let note = words::clean(note).replace('\t', " ");
    let note = if broken {
        found_beside_expected(&note)
    } else {
        note
    };
    let name = found.link.name();
    let width = name_columns(chain);
    let beside = 2 + 2 + width + 2 + word.len();
    let widest = note.split_whitespace().map(|word| word.chars().count());
    let side_by_side = columns >= SIDE_BY_SIDE && beside + widest.max().unwrap_or(0) <= columns;
    let (head, indent) = if side_by_side {
        let head = format!("{first} {} {name:width$}  {word}", label.symbol);
        (head, beside)
    } else {
        let word = word.trim_end_matches(": ");
        (format!("{first} {} {name}  {word}", label.symbol), 4)
    };
    let tone = tone_of(chain, found);
    let mut notes = broken_up(&note, columns.saturating_sub(indent)).into_iter();
    let opening = if side_by_side { notes.next() } else { None };
    rows.push(Row::new(tone, &head, opening.unwrap_or_default()));
    rows.extend(notes.map(|note| Row::new(tone, &format!("{later:indent$}"), note)));
}

/// Puts what was expected below what was found, so that they can be compared.
fn found_beside_expected(note: &str) -> String {
    note.replace("; expected ", "\nexpected ")
        .replace(", expected ", "\nexpected ")
}

/// Returns the lines of a text, broken at spaces and nowhere else: a name is read and copied whole.
fn broken_up(text: &str, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut row = String::new();
        for word in line.split_whitespace() {
            let width = |text: &str| text.chars().count();
            if !row.is_empty() && width(&row) + 1 + width(word) > columns {
                rows.push(std::mem::take(&mut row));
            }
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ChainKind, Link};
    use crate::ui::samples::{self, azure};

    fn drawn(rows: Vec<Row>) -> String {
        let lines: Vec<_> = rows.iter().map(Row::text).collect();
        lines.join("\n")
    }

    fn at(columns: usize) -> String {
        let chains = [samples::proven(), samples::broken(), samples::unknown()];
        pictures(&chains, columns)
    }

    fn pictures(chains: &[Chain], columns: usize) -> String {
        let pictures = chains.iter().map(|chain| drawn(picture(chain, columns)));
        pictures.collect::<Vec<_>>().join("\n\n")
    }

    /// Proven, broken and unknown, of every kind.
    fn every_chain() -> Vec<Chain> {
        let azure = [ChainKind::WorkloadIdentity, ChainKind::PodIdentity].into_iter();
        [samples::proven(), samples::broken(), samples::unknown()]
            .into_iter()
            .chain(azure.flat_map(|kind| {
                [
                    azure::proven(kind),
                    azure::broken(kind),
                    azure::unknown(kind),
                ]
            }))
            .collect()
    }

    #[test]
    fn pictures_beside_and_below_the_names() {
        insta::assert_snapshot!("wide", at(COLUMNS));
        insta::assert_snapshot!("narrow", at(39));
        let azure = &every_chain()[3..];
        insta::assert_snapshot!("azure_wide", pictures(azure, COLUMNS));
        insta::assert_snapshot!("azure_narrow", pictures(azure, 39));
    }

    #[test]
    fn one_line_each_and_one_line_for_all() {
        let chains = || [samples::proven(), samples::broken(), samples::unknown()];
        let short = chains().map(|chain| drawn(compact(&chain, 9)));
        let long = chains().map(|chain| drawn(compact(&chain, 19)));
        assert!(short.iter().all(|text| text.lines().count() == 9));
        insta::assert_snapshot!("compact", long.join("\n\n"));
        let strips = chains().map(|chain| strip(&chain).text());
        assert_eq!(
            strips,
            [
                "chain ✓✓✓✓✓✓✓✓✓  proven",
                "chain ✓✓✓✓✗····  trust BROKEN",
                "chain ✓········  token unknown",
            ]
        );
    }

    #[test]
    fn no_strip_is_wider_than_the_narrowest_screen() {
        for state in [LinkState::Broken, LinkState::Unknown] {
            for chain in every_chain() {
                for found in &chain.links {
                    let mut chain = chain.clone();
                    chain.set(found.link, state, "");
                    let width = strip(&chain).text().chars().count();
                    assert!(width < NARROWEST, "{}: {width}", found.link);
                }
            }
        }
    }

    #[test]
    fn names_fit_their_column_and_are_never_cut() {
        for chain in every_chain() {
            let columns = compact_columns(&chain);
            for row in compact(&chain, chain.links.len()) {
                let width = row.text().chars().count();
                assert!(width < columns, "{}: {width}", row.text());
            }
        }
        let bucket = "`rok-123451234512-us-west-2-arrikto-cluster-probe`";
        for columns in [20, 40, 78] {
            assert!(at(columns).contains(bucket), "{columns}");
        }
    }

    #[test]
    fn the_sentence_says_what_is_not_known() {
        assert_eq!(
            verdict(&Chain::unknown(ChainKind::IamRole, "")),
            "not proven: nothing is known of the chain"
        );
        let mut chain = samples::proven();
        for link in [Link::Provider, Link::Policy] {
            chain.set(link, LinkState::Unknown, "user `ops` may not look");
        }
        assert_eq!(
            verdict(&chain),
            "not proven: nothing is known of the IAM provider, policy"
        );
    }

    #[test]
    fn a_note_cannot_move_the_cursor() {
        let mut chain = samples::proven();
        chain.set(Link::Trust, LinkState::Broken, "found \u{1b}[2J");
        assert!(!drawn(picture(&chain, COLUMNS)).contains('\u{1b}'));
        assert!(!drawn(compact(&chain, 30)).contains('\u{1b}'));
    }
}
