//! The rule about what may reach a terminal of what clouds, clusters, Git servers and files say.
//!
//! A name, a tag, an error or a recording may hold escape sequences, or letters that nobody sees and
//! that turn a line around. Each such letter is shown as `�`, which tells that something was there.
//! Line breaks and tabs stay, and our own colours where colour is wanted.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// What stands in the place of a letter that does something else than being read.
const SHOWN: &str = "\u{fffd}";

/// The colours that [`Harmless`] lets pass: those that plain lines are painted in.
const COLORS: [&str; 6] = [
    "\u{1b}[0m",
    "\u{1b}[2m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[36m",
    "\u{1b}[1;31m",
];

/// Whether a letter does something else than being read: it controls the terminal, turns the
/// direction of what follows, or is not seen at all.
fn is_harmful(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => letter.is_control(),
    }
}

/// Whether nothing in the text needs a second look.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

/// Returns the text without letters that do something else than being read.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.contains(is_harmful) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.replace(is_harmful, SHOWN))
    }
}

/// Returns the same on a single line.
pub fn line(text: &str) -> Cow<'_, str> {
    match clean(text) {
        text if text.contains(['\n', '\t']) => Cow::Owned(text.replace(['\n', '\t'], " ")),
        text => text,
    }
}

/// Returns the same with every line after the first moved in, so that none of them can pass for a
/// line of ours.
pub fn block(text: &str) -> Cow<'_, str> {
    match clean(text) {
        text if text.contains('\n') => Cow::Owned(text.replace('\n', "\n  ")),
        text => text,
    }
}

/// Returns lines that were painted or not, harmless all the same.
pub fn painted(text: &str, color: bool) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\u{1b}') {
        let (before, after) = rest.split_at(place);
        harmless.push_str(&clean(before));
        let ours = COLORS
            .iter()
            .find(|code| color && after.starts_with(**code));
        harmless.push_str(ours.unwrap_or(&SHOWN));
        rest = &after[ours.map_or(1, |code| code.len())..];
    }
    harmless.push_str(&clean(rest));
    harmless
}

/// Returns a JSON text that means the same: JSON itself escapes only some of the letters.
pub fn escaped(json: String) -> String {
    if is_plain(&json) || !json.contains(is_harmful) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_harmful(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a string takes everything");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// A writer whose lines are harmless.
#[derive(Debug)]
pub struct Harmless<W> {
    inner: W,
    color: bool,
    /// The begin of a letter whose end is still to come.
    begun: Vec<u8>,
}

impl<W: Write> Harmless<W> {
    /// Returns a writer to `inner`; with `color`, our own colours pass.
    pub fn new(inner: W, color: bool) -> Self {
        Self {
            inner,
            color,
            begun: Vec::new(),
        }
    }

    /// Writes what `write!` and `writeln!` are given, which call this instead of the trait's method:
    /// a line with all that belongs to it. Line breaks inside of it come from others, so what follows
    /// them is moved in and passes for no line of ours.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        let text = line.to_string();
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (&*text, ""),
        };
        self.write_all(line.replace('\n', "\n  ").as_bytes())?;
        self.write_all(end.as_bytes())
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let end = self.begun.utf8_chunks().last().map(|chunk| chunk.invalid());
        let is_begun =
            |end: &&[u8]| str::from_utf8(end).is_err_and(|error| error.error_len().is_none());
        let begun = end.filter(is_begun).map_or(0, <[u8]>::len);
        let whole = self.begun.len() - begun;
        let rest = self.begun.split_off(whole);
        let text = std::mem::replace(&mut self.begun, rest);
        let text = String::from_utf8_lossy(&text);
        self.inner
            .write_all(painted(&text, self.color).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Texts as a hostile name, tag, error or file may hold them, for tests of all that is shown.
#[cfg(test)]
pub(crate) const HOSTILE: [&str; 22] = [
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}]0;a title\u{7}",
    "\u{1b}]8;;http://evil.example\u{1b}\\a link\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}P+q544e\u{1b}\\",
    "\u{1b}[8mhidden\u{1b}[31mred",
    "\u{1b}[1;31mour own red",
    "\u{1b}c\u{1b}7\u{1b}[?1049h",
    "done\rFAILED",
    "bell\u{7}\u{8}\u{8}back",
    "\u{9b}2J\u{9d}0;title\u{9c}",
    "\u{7f}\u{0}\u{b}\u{c}",
    "txt.\u{202e}exe\u{202c}",
    "\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
    "zero\u{200b}width\u{200d}\u{2060}\u{feff}\u{ad}",
    "\u{e0041}\u{e007f}tag",
    "line\u{2028}and\u{2029}paragraph",
    "two\nlines\r\nand\ttabs\n",
    "日本語\u{1f9d1}\u{200d}\u{1f4bb}ａ",
    "e\u{301}\u{301}\u{301}\u{301}",
    "\u{1b}",
    "\u{1b}[",
];

/// The letters of a text that may not be shown.
#[cfg(test)]
pub(crate) fn harm_in(text: &str) -> String {
    text.chars().filter(|letter| is_harmful(*letter)).collect()
}

#[cfg(test)]
mod tests;
