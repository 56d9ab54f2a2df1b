//! The way of a recording from its first event to its last, with what happened on it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::put;
use crate::ui::tui::player::Player;
use crate::ui::tui::seek::{Bound, Mark, Severity};
use crate::ui::tui::theme::Theme;
use crate::ui::words::Tone;

/// Draws the way: where it was gone, where tasks begin and end, what was worth a look, what failed.
/// What is worse hides what is not.
pub fn draw(player: &Player, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let (position, all) = player.progress();
    if columns == 0 || all == 0 {
        return;
    }
    let cell = |place: usize| (place * columns / all).min(columns - 1);
    let here = cell(position.saturating_sub(1));
    let mut worst: Vec<Option<Mark>> = vec![None; columns];
    for mark in player.marks() {
        let rank = |mark: &Mark| (mark.severity, mark.bound == Bound::Task);
        let shown = &mut worst[cell(mark.place)];
        if shown.is_none_or(|shown| rank(&shown) < rank(mark)) {
            *shown = Some(*mark);
        }
    }
    for ((place, mark), x) in worst.iter().enumerate().zip(area.x..) {
        let gone = place <= here;
        let severity = mark.map_or(Severity::Fine, |mark| mark.severity);
        let is_task = mark.is_some_and(|mark| mark.bound == Bound::Task);
        let (symbol, tone) = match (severity, is_task) {
            _ if place == here => ("●", Tone::Accent),
            (Severity::Failure, _) => ("✗", Tone::Bad),
            (Severity::Warning, _) => ("!", Tone::Warn),
            (Severity::Fine, true) => ("┃", Tone::Plain),
            (Severity::Fine, false) if gone => ("━", Tone::Accent),
            (Severity::Fine, false) => ("┄", Tone::Dim),
        };
        put(buffer, (x, area.y), 1, symbol, theme.tone(tone));
    }
}
