//! Styles. Few colours, named ones only, so that the terminal's own palette decides how they look.

use ratatui::style::{Color, Modifier, Style};

use crate::ui::words::Tone;

/// The style of headings.
pub const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);

/// The style of a field that is being edited.
pub const FIELD: Style = Style::new().add_modifier(Modifier::UNDERLINED);

/// How things look; without colour, only by bold, dim and reverse.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// Whether colours are wanted.
    pub color: bool,
}

impl Theme {
    /// Returns the style of a tone.
    pub fn tone(self, tone: Tone) -> Style {
        let plain = Style::new();
        match tone {
            Tone::Plain => plain,
            Tone::Good => self.fg(Color::Green),
            Tone::Warn => self.fg(Color::Yellow),
            Tone::Bad if self.color => plain.fg(Color::Red),
            Tone::Bad => plain.add_modifier(Modifier::BOLD),
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Accent => self.fg(Color::Cyan),
        }
    }

    /// Returns what the focused row adds: bold, and reversed where no colour can say it.
    pub fn focus(self) -> Style {
        let bold = self.fg(Color::Cyan).add_modifier(Modifier::BOLD);
        if self.color {
            bold
        } else {
            bold.add_modifier(Modifier::REVERSED)
        }
    }

    /// Returns the style of a word that must not be overlooked.
    pub fn badge(self) -> Style {
        self.fg(Color::Yellow)
            .add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    fn fg(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}
