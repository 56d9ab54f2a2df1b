//! Go on with an unfinished run, or start anew.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use crate::ui::tui::start::Start;
use crate::ui::tui::theme::{TITLE, Theme};
use crate::ui::tui::widgets::text::put;
use crate::ui::words::Tone;

/// The screen.
#[derive(Debug)]
pub struct StartScreen<'a> {
    /// What it shows.
    pub start: &'a Start,
    /// How it looks.
    pub theme: Theme,
}

impl Widget for StartScreen<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let unfinished = &self.start.unfinished;
        let started = unfinished.started.strftime("%Y-%m-%d %H:%M");
        let choices = [
            (
                true,
                "Go on with it",
                "looks at the world again and continues where it stands",
            ),
            (
                false,
                "Start anew",
                "asks the questions; the unfinished run stays as it is",
            ),
        ];
        let dim = self.theme.tone(Tone::Dim);
        let mut lines = Lines {
            area,
            buffer,
            y: area.y,
        };
        lines.put(0, "An earlier run is unfinished.", TITLE);
        lines.skip();
        lines.put(
            0,
            &format!("{}  {}", unfinished.recipe, unfinished.run),
            Style::new(),
        );
        lines.put(
            0,
            &format!("begun {started} UTC, {}", unfinished.standing),
            Style::new(),
        );
        lines.skip();
        for (goes_on, title, meaning) in choices {
            let focused = self.start.goes_on == goes_on;
            let style = if focused {
                self.theme.focus()
            } else {
                Style::new()
            };
            let mark = if focused { "▸" } else { " " };
            lines.put(0, &format!("{mark} {title}"), style);
            lines.put(4, meaning, dim);
        }
        if let Some(failure) = &self.start.failure {
            lines.skip();
            lines.put(
                0,
                &format!("✗ {}", failure.message),
                self.theme.tone(Tone::Bad),
            );
            for hint in &failure.hints {
                lines.put(2, &format!("hint: {hint}"), self.theme.tone(Tone::Accent));
            }
        }
    }
}

struct Lines<'a> {
    area: Rect,
    buffer: &'a mut Buffer,
    y: u16,
}

impl Lines<'_> {
    fn put(&mut self, indent: u16, text: &str, style: Style) {
        if self.y < self.area.bottom() {
            let columns = self.area.width.saturating_sub(indent);
            put(
                self.buffer,
                (self.area.x + indent, self.y),
                columns,
                text,
                style,
            );
        }
        self.y += 1;
    }

    fn skip(&mut self) {
        self.y += u16::from(self.area.height >= 14);
    }
}
