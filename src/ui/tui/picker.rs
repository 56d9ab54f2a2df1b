//! A list to pick an answer from. Typing narrows it.

use crossterm::event::{KeyCode, KeyEvent};

use super::widgets::editor::Editor;

/// Something to pick.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// What helps to choose.
    pub detail: String,
}

impl Choice {
    /// Returns a choice.
    pub fn new(value: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            detail: detail.into(),
        }
    }
}

/// What was picked.
#[derive(Debug, PartialEq, Eq)]
pub enum Picked {
    /// A value.
    Value(String),
    /// A value that is not in the list and is to be typed.
    Another,
    /// Nothing, since nothing matches.
    Nothing,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A choice that matches what was typed.
    Choice(&'a Choice),
    /// What was typed, as a value of its own.
    Typed(&'a str),
    /// A way to type a value.
    Another,
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Choice {}

/// A list to pick from.
#[derive(Debug, Default)]
pub struct Picker {
    choices: Vec<Choice>,
    /// What was typed.
    pub filter: Editor,
    /// Whether values that are not in the list are fine.
    free: bool,
    /// The item that is chosen.
    pub chosen: usize,
    /// The first visible item.
    pub top: usize,
}

impl Picker {
    /// Returns a list where `value` is chosen.
    pub fn new(choices: Vec<Choice>, value: &str, free: bool) -> Self {
        let chosen = choices
            .iter()
            .position(|choice| choice.value == value)
            .unwrap_or_default();
        Self {
            choices,
            free,
            chosen,
            ..Self::default()
        }
    }

    /// Returns the items that match what was typed.
    pub fn items(&self) -> Vec<Item<'_>> {
        let typed = self.filter.text().trim();
        let wanted = typed.to_lowercase();
        let matches = |choice: &&Choice| {
            choice.value.to_lowercase().contains(&wanted)
                || choice.detail.to_lowercase().contains(&wanted)
        };
        let mut items: Vec<_> = self
            .choices
            .iter()
            .filter(matches)
            .map(Item::Choice)
            .collect();
        if self.free {
            items.push(if typed.is_empty() {
                Item::Another
            } else {
                Item::Typed(typed)
            });
        }
        items
    }

    /// Returns what is chosen.
    pub fn picked(&self) -> Picked {
        match self.items().get(self.chosen) {
            Some(Item::Choice(choice)) => Picked::Value(choice.value.clone()),
            Some(Item::Typed(typed)) => Picked::Value((*typed).to_owned()),
            Some(Item::Another) => Picked::Another,
            None => Picked::Nothing,
        }
    }

    /// Chooses the item after or before.
    pub fn step(&mut self, forward: bool) {
        let last = self.items().len().saturating_sub(1);
        self.chosen = if forward {
            (self.chosen + 1).min(last)
        } else {
            self.chosen.saturating_sub(1)
        };
    }

    /// Chooses the first or the last item.
    pub fn jump(&mut self, to_end: bool) {
        self.chosen = if to_end {
            self.items().len().saturating_sub(1)
        } else {
            0
        };
    }

    /// Takes in a key that narrows the list.
    pub fn key(&mut self, key: KeyEvent) {
        if !matches!(key.code, KeyCode::Left | KeyCode::Right) && self.filter.key(key) {
            self.chosen = 0;
        }
    }

    /// Takes in pasted text.
    pub fn insert(&mut self, text: &str) {
        self.filter.insert(text);
        self.chosen = 0;
    }

    /// Scrolls so that the chosen item is visible below the line with the typed text.
    pub fn prepare(&mut self, height: u16) {
        let height = usize::from(height).saturating_sub(1).max(1);
        self.top = self
            .top
            .clamp((self.chosen + 1).saturating_sub(height), self.chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(free: bool) -> Picker {
        let names = ["arrikto-cluster", "backup", "staging"];
        Picker::new(
            names.map(|name| Choice::new(name, "us-west-2")).to_vec(),
            "backup",
            free,
        )
    }

    fn type_in(picker: &mut Picker, text: &str) {
        for letter in text.chars() {
            picker.key(KeyCode::Char(letter).into());
        }
    }

    #[test]
    fn typing_narrows_and_picks_the_first_match() {
        let mut picker = clusters(false);
        assert_eq!(picker.picked(), Picked::Value("backup".into()));
        type_in(&mut picker, "Stag");
        assert_eq!(picker.picked(), Picked::Value("staging".into()));
        type_in(&mut picker, "x");
        assert_eq!(picker.picked(), Picked::Nothing);
    }

    #[test]
    fn a_value_that_is_not_in_the_list_can_be_typed() {
        let mut picker = clusters(true);
        picker.jump(true);
        assert_eq!(picker.picked(), Picked::Another);
        type_in(&mut picker, "other");
        assert_eq!(picker.picked(), Picked::Value("other".into()));
    }

    #[test]
    fn the_chosen_item_stays_in_view() {
        let mut picker = clusters(true);
        picker.jump(true);
        picker.prepare(3);
        assert_eq!((picker.chosen, picker.top), (3, 2));
        picker.jump(false);
        picker.prepare(3);
        assert_eq!(picker.top, 0);
    }
}
