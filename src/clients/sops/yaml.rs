//! Documents of YAML, as SOPS walks them: every scalar that is no key, in order, under the names of the
//! mappings it is in. Lists add nothing to a path.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Parser, Placement, ScalarStyle, Span, StructureStyle, Tag};

use super::cipher::is_encrypted;
use super::error::Trouble;
use super::metadata::Tree;
use super::parts::{Leaf, Parts, Style};
use super::scalar::{Clear, Kind, resolve};

/// The key of the metadata.
const METADATA: &str = "sops";

/// How deep a document may be.
const DEEPEST: usize = 100;

/// Takes documents apart.
pub(super) fn parse(text: &str) -> Result<Parts, Trouble> {
    let mut walk = Walk {
        text,
        ..Walk::default()
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Trouble::Syntax {
            line: error.marker().line(),
            what: "found something that is no YAML".into(),
        })?;
        walk.event(event, span)?;
    }
    walk.expect_order()?;
    let metadata = match walk.cut.first() {
        Some(place) if walk.is_in_first => Some(tree(&text[place.clone()])?),
        _ => None,
    };
    Ok(Parts {
        leaves: walk.leaves,
        metadata,
        cut: walk.cut,
    })
}

/// Reads the metadata; it stands alone, so nothing else is parsed with it.
fn tree(block: &str) -> Result<Tree, Trouble> {
    let shape = |found: &str| Trouble::Metadata {
        field: METADATA.into(),
        found: found.into(),
        expected: "a mapping".into(),
    };
    crate::clients::yaml::within_bounds(block.as_bytes()).map_err(|_| shape("no YAML"))?;
    let mut block: Tree = serde_yaml::from_str(block).map_err(|_| shape("something else"))?;
    match block.remove(METADATA) {
        Some(serde_yaml::Value::Mapping(tree)) => Ok(tree),
        _ => Err(shape("something else")),
    }
}

/// What the parser is in.
struct Frame {
    /// Whether a mapping has a key whose value is still to come; a list never has.
    has_key: bool,
    is_list: bool,
    column: usize,
}

#[derive(Default)]
struct Walk<'a> {
    text: &'a str,
    leaves: Vec<Leaf>,
    frames: Vec<Frame>,
    path: Vec<String>,
    brackets: usize,
    /// Comments of which it is not known yet what they stand in, with their columns.
    comments: Vec<(usize, usize)>,
    /// Where the last node ended.
    end: usize,
    documents: usize,
    /// How many frames are inside of the metadata, once it has begun, and where that was.
    metadata: Option<(usize, usize)>,
    cut: Vec<Range<usize>>,
    is_in_first: bool,
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Trouble> {
        let place = span.byte_range().unwrap_or_default();
        match event {
            Event::DocumentStart(..) => self.documents += 1,
            Event::DocumentEnd if !place.is_empty() => {
                return Err(Trouble::unsupported("`...` at the end of a document"));
            }
            Event::Comment(text, placement) => {
                let is_beside = placement == Placement::Right;
                let column = (!is_beside).then(|| span.start.col());
                self.comment(&text, column, place.start + 1..place.end);
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                return Err(Trouble::unsupported(format!(
                    "an alias (`*name`) in line {}",
                    span.start.line()
                )));
            }
            Event::Scalar(text, style, anchor, tag) => {
                no_anchor(anchor, &span)?;
                self.scalar(&text, style, tag.as_deref(), place)?;
            }
            Event::MappingStart(style, anchor, _) => {
                no_anchor(anchor, &span)?;
                if self.frames.is_empty() && style == StructureStyle::Flow {
                    return Err(Trouble::unsupported("a document in braces"));
                }
                self.begin(false, style, &span)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                no_anchor(anchor, &span)?;
                if self.frames.is_empty() {
                    return Err(Trouble::unsupported("a document that is a list"));
                }
                self.begin(true, style, &span)?;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.brackets = self.brackets.saturating_sub(1);
                if let Some(frame) = self.frames.pop() {
                    // What stands further left belongs to what comes next.
                    self.comments.retain(|(_, column)| *column < frame.column);
                }
                if !place.is_empty() {
                    self.end = place.end;
                }
                self.node_ends();
            }
            _ => {}
        }
        Ok(())
    }

    /// Expects that values and comments stand one after the other, in the order in which they are told,
    /// and apart from the metadata. Of empty values and blocks with comments the parser tells other
    /// places: in `a: !tag` with a comment below, that of the comment lies within the value.
    fn expect_order(&self) -> Result<(), Trouble> {
        let first_mixed = |places: &[&Range<usize>]| {
            let mut pairs = places.windows(2);
            let mixed = pairs.find(|pair| pair[0].end > pair[1].start)?;
            Some(mixed[1].start)
        };
        let mut places: Vec<_> = self.leaves.iter().map(|leaf| &leaf.place).collect();
        let mixed = first_mixed(&places).or_else(|| {
            places.extend(&self.cut);
            places.sort_by_key(|place| place.start);
            first_mixed(&places)
        });
        let Some(place) = mixed else {
            return Ok(());
        };
        let line = self.text[..place].matches('\n').count() + 1;
        Err(Trouble::unsupported(format!(
            "a comment near line {line} that may belong to more than one value"
        )))
    }

    fn begin(&mut self, is_list: bool, style: StructureStyle, span: &Span) -> Result<(), Trouble> {
        if self.frames.len() >= DEEPEST {
            return Err(Trouble::unsupported(format!("more than {DEEPEST} levels")));
        }
        if self.wants_key() {
            return Err(Trouble::unsupported(format!(
                "a key that is no text in line {}",
                span.start.line()
            )));
        }
        self.settle_comments(self.path.len());
        if self.brackets > 0 || style == StructureStyle::Flow {
            self.brackets += 1;
        }
        self.frames.push(Frame {
            has_key: false,
            is_list,
            column: span.start.col(),
        });
        Ok(())
    }

    fn wants_key(&self) -> bool {
        let frame = self.frames.last();
        frame.is_some_and(|frame| !frame.is_list && !frame.has_key)
    }

    /// How much of the path leads to what the next node, or a comment beside the last one, stands in.
    fn outer(&self) -> usize {
        let has_key = self.frames.last().is_some_and(|frame| frame.has_key);
        self.path.len() - usize::from(has_key)
    }

    /// The comments before a node stand in what it stands in, or begins.
    fn settle_comments(&mut self, length: usize) {
        for (index, _) in self.comments.drain(..) {
            self.leaves[index].path = self.path[..length].to_vec();
        }
    }

    /// Takes a comment; one beside a value has no column.
    fn comment(&mut self, text: &str, column: Option<usize>, place: Range<usize>) {
        if self
            .metadata
            .is_some_and(|(frames, _)| self.frames.len() >= frames)
        {
            return;
        }
        // Behind the `|` of a block, which is told before it, it goes with the block.
        let last = self.leaves.last();
        if last.is_some_and(|last| last.style == Style::Block && place.start < last.place.end) {
            return;
        }
        self.comments
            .extend(column.map(|column| (self.leaves.len(), column)));
        self.leaves.push(Leaf {
            place,
            path: self.path[..self.outer()].to_vec(),
            clear: Clear::new(Kind::Comment, text),
            style: Style::Comment,
        });
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        place: Range<usize>,
    ) -> Result<(), Trouble> {
        let value = value_of(text, style, tag).map_err(|why| {
            let mut path = self.path.clone();
            if self.wants_key() {
                path.push(text.to_owned());
            }
            Trouble::unsupported(format!("{why} (`{}`)", path.join(".")))
        })?;
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let place = if is_block { self.block(&place) } else { place };
        if self.frames.is_empty() {
            // A document without anything, except perhaps comments.
            return match value {
                None => Ok(()),
                Some(_) => Err(Trouble::unsupported("a document that is a single value")),
            };
        }
        if self.wants_key() {
            self.key(value, place)?;
            return Ok(());
        }
        self.settle_comments(self.outer());
        self.end = self.end.max(place.end);
        let style = match style {
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
            ScalarStyle::Plain => Style::Plain {
                in_brackets: self.brackets > 0,
            },
        };
        if let (Some(clear), None) = (value, self.metadata) {
            self.leaves.push(Leaf {
                place,
                path: self.path.clone(),
                clear,
                style,
            });
        }
        self.node_ends();
        Ok(())
    }

    fn key(&mut self, value: Option<Clear>, place: Range<usize>) -> Result<(), Trouble> {
        let Some(clear) = value.filter(|clear| clear.kind == Kind::Text) else {
            return Err(Trouble::unsupported(format!(
                "a key that is no text in `{}`",
                self.path.join(".")
            )));
        };
        self.settle_comments(self.path.len());
        self.end = place.end;
        if self.frames.len() == 1 && clear.text.as_str() == METADATA {
            self.metadata = Some((self.frames.len(), place.start));
        }
        self.path.push(clear.text.to_string());
        if let Some(frame) = self.frames.last_mut() {
            frame.has_key = true;
        }
        Ok(())
    }

    /// A value is over: its key is used up.
    fn node_ends(&mut self) {
        let frame = self.frames.last_mut();
        if !frame.is_some_and(|frame| std::mem::take(&mut frame.has_key)) {
            return;
        }
        self.path.pop();
        if let Some((frames, start)) = self.metadata
            && self.frames.len() == frames
        {
            let rest = &self.text[self.end..];
            let end = rest
                .find('\n')
                .map_or(self.text.len(), |at| self.end + at + 1);
            self.cut.push(start..end);
            self.is_in_first |= self.documents == 1;
            self.metadata = None;
        }
    }

    /// Returns where a block is, with its `|` or `>` and without the lines after it.
    fn block(&self, content: &Range<usize>) -> Range<usize> {
        let head = &self.text[self.end..content.start];
        let start = sign(head).map_or(content.start, |at| self.end + at);
        let end = self.text[..content.end].trim_end().len();
        start..end.max(start + 1)
    }
}

/// Returns where the `|` or `>` of a block is in what leads to it: neither in a comment nor in a tag.
fn sign(head: &str) -> Option<usize> {
    let mut at = 0;
    let mut before = ' ';
    while let Some(letter) = head[at..].chars().next() {
        let begins = before.is_whitespace();
        let skipped = match letter {
            '|' | '>' => return Some(at),
            '#' if begins => head[at..].find('\n')?,
            '!' if begins => head[at..].find(char::is_whitespace)?,
            _ => letter.len_utf8(),
        };
        at += skipped;
        before = letter;
    }
    None
}

fn no_anchor(anchor: usize, span: &Span) -> Result<(), Trouble> {
    if anchor == 0 {
        return Ok(());
    }
    Err(Trouble::unsupported(format!(
        "an anchor (`&name`) in line {}",
        span.start.line()
    )))
}

/// Returns the value of a scalar, `None` for null.
fn value_of(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Option<Clear>, String> {
    match tag.map(|tag| (tag.core_suffix(), tag.suffix())) {
        Some((Some("str"), _)) => Ok(Some(Clear::new(Kind::Text, text))),
        Some((_, "binary")) => Err("a value tagged as `!!binary`".into()),
        Some((None, _)) => Ok(Some(Clear::new(Kind::Text, text))),
        _ if style != ScalarStyle::Plain => Ok(Some(Clear::new(Kind::Text, text))),
        _ => resolve(text),
    }
}

/// Returns a value as it is written in that style, or in double quotes where it cannot be.
pub(super) fn written(clear: &Clear, style: Style) -> String {
    if clear.kind != Kind::Text {
        return clear.plain();
    }
    let text = clear.text.as_str();
    let is_plain = match style {
        Style::Plain { in_brackets } => {
            is_safe(text) || (is_encrypted(text) && !in_brackets && !text.contains('\n'))
        }
        Style::Block => is_encrypted(text),
        _ => false,
    };
    let fits_single = || {
        text.chars()
            .all(|letter| letter == ' ' || is_printable(letter))
    };
    match style {
        _ if is_plain => text.to_owned(),
        Style::Single if fits_single() => format!("'{}'", text.replace('\'', "''")),
        _ => quoted(text),
    }
}

/// Whether a text is itself as a plain scalar, to every parser.
fn is_safe(text: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-./+=@".contains(letter);
    let others = ["y", "n", "yes", "no", "on", "off"];
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
        && text.chars().all(is_word)
        && !others.contains(&text.to_ascii_lowercase().as_str())
        && matches!(resolve(text), Ok(Some(clear)) if clear.kind == Kind::Text)
}

fn is_printable(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Returns a text in double quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut result = String::from('"');
    for letter in text.chars() {
        let escape: Cow<'_, str> = match letter {
            '"' => "\\\"".into(),
            '\\' => "\\\\".into(),
            '\n' => "\\n".into(),
            '\r' => "\\r".into(),
            '\t' => "\\t".into(),
            letter if is_printable(letter) => {
                result.push(letter);
                continue;
            }
            letter if u32::from(letter) < 0x100 => format!("\\x{:02x}", u32::from(letter)).into(),
            letter if u32::from(letter) < 0x1_0000 => {
                format!("\\u{:04x}", u32::from(letter)).into()
            }
            letter => format!("\\U{:08x}", u32::from(letter)).into(),
        };
        result.push_str(&escape);
    }
    result.push('"');
    result
}
