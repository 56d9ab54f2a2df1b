//! Fitting text into columns.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::ui::harmless;

/// Returns the width on the screen.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        Span::raw(text).width()
    }
}

/// Returns the text, its end replaced by `…` when it is wider than `columns`.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut fitted = String::new();
    let mut used = 0;
    for letter in text.chars() {
        used += letter_width(letter);
        if used + 1 > columns {
            break;
        }
        fitted.push(letter);
    }
    if columns > 0 {
        fitted.push('…');
    }
    Cow::Owned(fitted)
}

/// Draws the text into at most `columns` columns and returns how many it took.
pub fn put(buffer: &mut Buffer, at: (u16, u16), columns: u16, text: &str, style: Style) -> u16 {
    let text = harmless::line(text);
    let fitted = fit(&text, columns.into());
    let (end, _) = buffer.set_stringn(at.0, at.1, fitted, columns.into(), style);
    end - at.0
}

/// Draws the text so that it ends before column `end`, and returns its width.
pub fn put_right(buffer: &mut Buffer, end: u16, y: u16, text: &str, style: Style) -> u16 {
    let columns = u16::try_from(width(text)).unwrap_or(end).min(end);
    put(buffer, (end - columns, y), columns, text, style)
}

/// Returns the pieces of a line, broken after spaces where it can be: the first at most `columns`
/// wide, later ones `hang` less.
pub fn wrap(text: &str, columns: usize, hang: usize) -> Vec<Range<usize>> {
    let mut columns = columns.max(1);
    let later = columns.saturating_sub(hang).max(1);
    let mut rows = Vec::new();
    let (mut start, mut used, mut chance, mut indented) = (0, 0, None, true);
    for (index, letter) in text.char_indices() {
        let wide = letter_width(letter);
        if used + wide > columns && letter != ' ' && index > start {
            // A word too long for a row of its own is cut where the row ends.
            let fits = |cut: &usize| width(&text[*cut..index]) + wide <= later;
            let cut = chance.filter(fits).unwrap_or(index);
            rows.push(start..cut);
            (start, used, chance) = (cut, width(&text[cut..index]), None);
            columns = later;
        }
        used += wide;
        if letter != ' ' {
            indented = false;
        } else if !indented {
            chance = Some(index + 1);
        }
    }
    rows.push(start..text.len());
    rows
}

/// Returns the pieces of a shell command, broken between its words, and whether the shell must be
/// told that it goes on: not where a word is too wide and had to be cut.
pub fn wrap_command(text: &str, columns: usize, hang: usize) -> Vec<(Range<usize>, bool)> {
    let text = text.trim_end();
    let room = |rows: usize| columns.saturating_sub(if rows > 1 { hang } else { 0 });
    let mut rows: Vec<(Range<usize>, bool)> = Vec::new();
    for word in command_words(text) {
        let goes_on = word.end < text.len();
        let taken = rows.len();
        if let Some((row, row_goes_on)) = rows.last_mut()
            && width(&text[row.start..word.end]) + usize::from(goes_on) <= room(taken)
        {
            (row.end, *row_goes_on) = (word.end, goes_on);
            continue;
        }
        let (first, later) = (room(taken + 1), room(taken + 2));
        let pieces = wrap(&text[word.clone()], first, first.saturating_sub(later));
        let end = pieces.len() - 1;
        let placed = pieces.into_iter().enumerate().map(|(place, piece)| {
            let range = piece.start + word.start..piece.end + word.start;
            (range, goes_on && place == end)
        });
        rows.extend(placed);
    }
    rows
}

/// Returns the words of a shell command, each with the spaces after it.
fn command_words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let (mut start, mut quote, mut before) = (0, None, ' ');
    for (index, letter) in text.char_indices() {
        if before == ' ' && letter != ' ' && quote.is_none() && index > start {
            words.push(start..index);
            start = index;
        }
        match quote {
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            Some(open) if open == letter => quote = None,
            _ => {}
        }
        before = letter;
    }
    words.push(start..text.len());
    words
}

fn letter_width(letter: char) -> usize {
    if letter.is_ascii() {
        1
    } else {
        width(letter.encode_utf8(&mut [0; 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_ends_in_an_ellipsis_within_its_columns() {
        assert_eq!(fit("rok-us-west-2", 8), "rok-us-…");
        assert_eq!(fit("rok", 3), "rok");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("rok", 0), "");
    }

    #[test]
    fn wrapping_breaks_after_spaces_keeps_indents_and_cuts_long_words() {
        let pieces = |text: &'static str, columns| -> Vec<&str> {
            wrap(text, columns, 0)
                .into_iter()
                .map(|range| &text[range])
                .collect()
        };
        assert_eq!(pieces("one two three", 7), ["one two ", "three"]);
        assert_eq!(pieces("      abcdef", 9), ["      abc", "def"]);
        assert_eq!(pieces("abcdefgh ij", 4), ["abcd", "efgh ", "ij"]);
        assert_eq!(pieces("", 4), [""]);
        assert_eq!(wrap("abcdefgh", 4, 2), [0..4, 4..6, 6..8]);
        assert_eq!(wrap("+ abcdefgh", 8, 4), [0..8, 8..10]);
    }

    #[test]
    fn a_command_is_broken_between_its_words_only() {
        let pieces = |text: &'static str, columns| -> Vec<(&str, bool)> {
            wrap_command(text, columns, 2)
                .into_iter()
                .map(|(range, goes_on)| (&text[range], goes_on))
                .collect()
        };
        assert_eq!(
            pieces("aws iam get-role --role-name rok", 18),
            [("aws iam get-role ", true), ("--role-name rok", false)]
        );
        assert_eq!(
            pieces("kubectl patch pod -p '{ \"a\": 1 }'", 20),
            [("kubectl patch pod ", true), ("-p '{ \"a\": 1 }'", false)]
        );
        assert_eq!(
            pieces("cat abcdefghijkl x", 8),
            [
                ("cat ", true),
                ("abcdef", false),
                ("ghijkl ", true),
                ("x", false)
            ]
        );
        assert_eq!(pieces("", 8), [("", false)]);
    }
}
