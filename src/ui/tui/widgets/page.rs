//! A text that scrolls. It is broken into rows when it or its place changes, never while drawing.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::text::{put, wrap, wrap_command};
use crate::ui::tui::theme::Theme;
use crate::ui::words::{Tone, clean};

/// A line of a page.
#[derive(Debug, Clone)]
pub struct PageLine {
    tone: Tone,
    bold: bool,
    /// A command is broken so that a shell takes its rows as one.
    command: bool,
    indent: u16,
    /// Added to the indent of rows after the first.
    hang: u16,
    text: String,
}

/// Lines, broken into rows, and how far they are scrolled.
#[derive(Debug, Default)]
pub struct Page {
    lines: Vec<PageLine>,
    rows: Vec<Piece>,
    size: (u16, u16),
    top: usize,
}

/// A row: a part of a line, and whether a command goes on after it.
#[derive(Debug)]
struct Piece {
    line: usize,
    range: Range<usize>,
    goes_on: bool,
}

/// Collects the lines of a page.
#[derive(Debug, Default)]
pub struct Lines(Vec<PageLine>);

impl Lines {
    /// Adds a heading, with an empty line before it unless it is the first.
    pub fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.blank();
        }
        self.push(0, 0, Tone::Plain, text);
        self.bold();
    }

    /// Adds a line.
    pub fn line(&mut self, indent: u16, tone: Tone, text: &str) {
        self.push(indent, 2, tone, text);
    }

    /// Adds a line whose later rows stand below its text, after a mark of that width.
    pub fn marked(&mut self, indent: u16, hang: u16, tone: Tone, text: &str) {
        self.push(indent, hang, tone, text);
    }

    /// Adds a command that can be copied as it is: rows that go on end as a shell expects it.
    pub fn command(&mut self, indent: u16, text: &str) {
        self.push(indent, 2, Tone::Plain, text);
        if let Some(line) = self.0.last_mut() {
            line.command = true;
        }
    }

    /// Makes the last line bold.
    pub fn bold(&mut self) {
        if let Some(line) = self.0.last_mut() {
            line.bold = true;
        }
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.push(0, 0, Tone::Plain, "");
    }

    /// Returns how many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, indent: u16, hang: u16, tone: Tone, text: &str) {
        for text in clean(text).split('\n') {
            let text = text.replace('\t', "    ");
            self.0.push(PageLine {
                tone,
                bold: false,
                command: false,
                indent,
                hang,
                text,
            });
        }
    }
}

impl Page {
    /// Shows other lines, from the first one.
    pub fn show(&mut self, lines: Lines) {
        self.replace(lines);
        self.top = 0;
    }

    /// Replaces the lines and stays where it is.
    pub fn replace(&mut self, lines: Lines) {
        self.lines = lines.0;
        self.break_lines();
    }

    /// Takes in the size of its place.
    pub fn resize(&mut self, width: u16, height: u16) {
        let wider = self.size.0 != width;
        self.size = (width, height);
        if wider {
            self.break_lines();
        }
        self.top = self.top.min(self.last_top());
    }

    /// Returns how wide a row can be: the last column stays free for the marks.
    pub fn columns(&self) -> usize {
        self.size.0.saturating_sub(1).into()
    }

    /// Scrolls by so many rows.
    pub fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows).min(self.last_top());
    }

    /// Scrolls by about a screenful.
    pub fn turn(&mut self, forward: bool) {
        let rows = isize::try_from(self.size.1.saturating_sub(2).max(1)).unwrap_or(1);
        self.scroll(if forward { rows } else { -rows });
    }

    /// Scrolls to the first or to the last row.
    pub fn go(&mut self, to_end: bool) {
        self.top = if to_end { self.last_top() } else { 0 };
    }

    /// Scrolls so that the line is visible, with a third of the place above it.
    pub fn show_line(&mut self, line: usize) {
        let row = self.rows.partition_point(|row| row.line < line);
        let above = usize::from(self.size.1) / 3;
        self.top = row.saturating_sub(above).min(self.last_top());
    }

    /// Scrolls to the line unless all of it is visible.
    pub fn reveal_line(&mut self, line: usize) {
        let first = self.rows.partition_point(|row| row.line < line);
        let end = self.rows.partition_point(|row| row.line <= line);
        if first < self.top || end > self.top + usize::from(self.size.1) {
            self.show_line(line);
        }
    }

    /// Whether the last row is visible.
    pub fn is_at_end(&self) -> bool {
        self.top >= self.last_top()
    }

    /// Draws the visible rows; marks in the last column say that there is more.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: Theme) {
        let visible = self.rows.iter().skip(self.top).take(area.height.into());
        for (y, row) in (area.y..).zip(visible) {
            let line = &self.lines[row.line];
            let hang = if row.range.start > 0 { line.hang } else { 0 };
            let indent = (line.indent + hang).min(area.width);
            let mut style = theme.tone(line.tone);
            if line.bold {
                style = style.add_modifier(Modifier::BOLD);
            }
            let (place, room) = ((area.x + indent, y), area.width - indent);
            let used = put(buffer, place, room, &line.text[row.range.clone()], style);
            if row.goes_on && used < room {
                put(buffer, (place.0 + used, y), 1, "\\", style);
            }
        }
        let dim = theme.tone(Tone::Accent);
        if self.top > 0 && area.height > 0 {
            put(
                buffer,
                (area.right().saturating_sub(1), area.y),
                1,
                "▲",
                dim,
            );
        }
        if self.top + usize::from(area.height) < self.rows.len() && area.height > 0 {
            put(
                buffer,
                (area.right().saturating_sub(1), area.bottom() - 1),
                1,
                "▼",
                dim,
            );
        }
    }

    fn last_top(&self) -> usize {
        self.rows.len().saturating_sub(self.size.1.into())
    }

    /// Breaks lines so that the last column stays free for the marks.
    fn break_lines(&mut self) {
        self.rows.clear();
        for (index, line) in self.lines.iter().enumerate() {
            let columns = self.size.0.saturating_sub(line.indent + 1);
            let (columns, hang) = (columns.into(), line.hang.into());
            let pieces = if line.command {
                wrap_command(&line.text, columns, hang)
            } else {
                let whole = |range| (range, false);
                let pieces = wrap(&line.text, columns, hang).into_iter();
                pieces.map(whole).collect()
            };
            let rows = pieces.into_iter().map(|(range, goes_on)| Piece {
                line: index,
                range,
                goes_on,
            });
            self.rows.extend(rows);
        }
    }
}
