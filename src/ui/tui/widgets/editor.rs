//! A line that can be edited.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::text;

/// A line of text and a cursor between two of its characters.
#[derive(Debug, Clone, Default)]
pub struct Editor {
    text: String,
    /// A byte index on a character boundary.
    cursor: usize,
}

impl Editor {
    /// Returns an editor of the text with the cursor at its end.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            cursor: text.len(),
            text,
        }
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Inserts text; a line break or another control character would be none of a line's business.
    pub fn insert(&mut self, text: &str) {
        let kept: String = text.chars().filter(|letter| !letter.is_control()).collect();
        self.text.insert_str(self.cursor, &kept);
        self.cursor += kept.len();
    }

    /// Takes in a key, and says whether it was one for editing.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, control) {
            (KeyCode::Left, false) => self.cursor = self.before(),
            (KeyCode::Right, false) => self.cursor = self.after(),
            (KeyCode::Left, true) => self.cursor = self.word_before(),
            (KeyCode::Right, true) => self.cursor = self.word_after(),
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => self.cursor = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => self.cursor = self.text.len(),
            (KeyCode::Backspace, _) => self.remove(self.before(), self.cursor),
            (KeyCode::Delete, _) => self.remove(self.cursor, self.after()),
            (KeyCode::Char('u'), true) => self.remove(0, self.cursor),
            (KeyCode::Char('k'), true) => self.remove(self.cursor, self.text.len()),
            (KeyCode::Char('w'), true) => self.remove(self.word_before(), self.cursor),
            (KeyCode::Char(letter), false) => self.insert(letter.encode_utf8(&mut [0; 4])),
            _ => return false,
        }
        true
    }

    /// Returns what is visible in that many columns, and the cursor's column in it. One column is
    /// kept for a cursor behind the last character.
    pub fn view(&self, columns: usize) -> (&str, usize) {
        let mut start = 0;
        while text::width(&self.text[start..self.cursor]) >= columns.max(1) {
            start += self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
        (
            &self.text[start..],
            text::width(&self.text[start..self.cursor]),
        )
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn before(&self) -> usize {
        self.text[..self.cursor]
            .char_indices()
            .next_back()
            .map_or(0, |(index, _)| index)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].chars().next();
        self.cursor + next.map_or(0, char::len_utf8)
    }

    fn word_before(&self) -> usize {
        let head = self.text[..self.cursor].trim_end_matches(is_gap);
        head.rfind(is_gap).map_or(0, |index| index + 1)
    }

    fn word_after(&self) -> usize {
        let tail = &self.text[self.cursor..];
        let word = tail.len() - tail.trim_start_matches(is_gap).len();
        tail[word..]
            .find(is_gap)
            .map_or(self.text.len(), |index| self.cursor + word + index)
    }
}

/// What stands between words of names and paths. All are one byte long.
fn is_gap(letter: char) -> bool {
    matches!(letter, ' ' | '-' | '/' | '.' | ':' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(editor: &mut Editor, code: KeyCode) {
        assert!(editor.key(code.into()));
    }

    fn control(editor: &mut Editor, letter: char) {
        assert!(editor.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    #[test]
    fn characters_of_several_bytes_are_edited_whole() {
        let mut editor = Editor::new("größe");
        press(&mut editor, KeyCode::Left);
        press(&mut editor, KeyCode::Backspace);
        press(&mut editor, KeyCode::Left);
        press(&mut editor, KeyCode::Delete);
        assert_eq!(editor.text(), "gre");
        press(&mut editor, KeyCode::Char('ü'));
        assert_eq!(editor.text(), "grüe");
    }

    #[test]
    fn words_end_at_the_marks_of_names_and_paths() {
        let mut editor = Editor::new("~/ops/deployments");
        control(&mut editor, 'w');
        assert_eq!(editor.text(), "~/ops/");
        control(&mut editor, 'w');
        assert_eq!(editor.text(), "~/");
        control(&mut editor, 'u');
        assert_eq!(editor.text(), "");
    }

    #[test]
    fn a_paste_stays_one_line() {
        let mut editor = Editor::new("");
        editor.insert("rok\r\n-eks\u{1b}");
        assert_eq!(editor.text(), "rok-eks");
    }

    #[test]
    fn the_cursor_stays_in_view() {
        let mut editor = Editor::new("abcdefgh");
        assert_eq!(editor.view(4), ("fgh", 3));
        press(&mut editor, KeyCode::Home);
        assert_eq!(editor.view(4), ("abcdefgh", 0));
    }
}
