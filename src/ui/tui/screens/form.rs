//! The form: questions on one side, what there is to say about the focused one on the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::engine::question::Resolved;
use crate::ui::tui::form::{Form, FormLine, Mode};
use crate::ui::tui::picker::{Item, Picker};
use crate::ui::tui::theme::{FIELD, TITLE, Theme};
use crate::ui::tui::widgets::bars::{rule, spinner};
use crate::ui::tui::widgets::text::{put, put_right, width};
use crate::ui::words::Tone;

/// Where list and help stand.
#[derive(Debug, Clone, Copy)]
pub struct Panes {
    /// The questions.
    pub list: Rect,
    /// A line between them.
    pub rule: Option<Rect>,
    /// What there is to say, or to pick from.
    pub help: Rect,
}

/// Divides the body: side by side where it is wide, else one above the other.
pub fn panes(body: Rect, picking: bool) -> Panes {
    if body.width >= 110 {
        let help = (body.width / 3).min(64);
        return Panes {
            list: Rect {
                width: body.width - help - 3,
                ..body
            },
            rule: None,
            help: Rect {
                x: body.right() - help,
                width: help,
                ..body
            },
        };
    }
    let share = if picking {
        body.height * 3 / 5
    } else {
        body.height * 2 / 5
    };
    let help = share.max(3).min(body.height.saturating_sub(3));
    let line = u16::from(body.height >= 14);
    let top = body.bottom() - help;
    Panes {
        list: Rect {
            height: body.height - help - line,
            ..body
        },
        rule: (line > 0).then_some(Rect {
            y: top - 1,
            height: 1,
            ..body
        }),
        help: Rect {
            y: top,
            height: help,
            ..body
        },
    }
}

/// The screen.
#[derive(Debug)]
pub struct FormScreen<'a> {
    /// What it shows.
    pub form: &'a Form,
    /// How it looks.
    pub theme: Theme,
    /// Counts up while something goes on.
    pub ticks: usize,
}

/// Columns of the list.
#[derive(Debug, Clone, Copy)]
struct Columns {
    label: u16,
    value: u16,
    origin: u16,
}

impl FormScreen<'_> {
    /// Draws it and returns where the cursor belongs.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let picking = matches!(self.form.mode, Mode::Pick(_));
        let panes = panes(area, picking);
        if let Some(line) = panes.rule {
            rule(self.theme, line, buffer);
        }
        let mut cursor = None;
        let columns = self.columns(panes.list.width);
        let visible = self.form.lines.iter().skip(self.form.top);
        for (y, line) in (panes.list.y..panes.list.bottom()).zip(visible) {
            let row = Rect {
                y,
                height: 1,
                ..panes.list
            };
            cursor = self.line(*line, columns, row, buffer).or(cursor);
        }
        if self.form.resolution.rows.is_empty() {
            let text = format!("{} looks for what is known…", spinner(self.ticks));
            put(buffer, (area.x, area.y), area.width, &text, Style::new());
        }
        match &self.form.mode {
            Mode::Pick(picker) => Some(self.picker(picker, panes.help, buffer)),
            Mode::Edit(_, Some(problem)) => {
                let style = self.theme.tone(Tone::Bad);
                put(
                    buffer,
                    (panes.help.x, panes.help.y),
                    panes.help.width,
                    &format!("! {problem}"),
                    style,
                );
                let rest = Rect {
                    y: panes.help.y + 1,
                    height: panes.help.height.saturating_sub(1),
                    ..panes.help
                };
                self.form.help.draw(rest, buffer, self.theme);
                cursor
            }
            _ => {
                self.form.help.draw(panes.help, buffer, self.theme);
                cursor
            }
        }
    }

    fn columns(&self, width_of_list: u16) -> Columns {
        let rows = &self.form.resolution.rows;
        let longest = |measure: &dyn Fn(&Resolved) -> usize| {
            rows.iter()
                .map(measure)
                .max()
                .map_or(0, |columns| u16::try_from(columns).unwrap_or(u16::MAX))
        };
        let label = longest(&|row| width(row.question.title))
            .min(width_of_list / 3)
            .max(6);
        let origin = if width_of_list >= 64 {
            let origins = longest(&|row| {
                row.answer
                    .as_ref()
                    .map_or(0, |a| width(&a.origin.to_string()))
            });
            origins.min(width_of_list / 4)
        } else {
            0
        };
        let gap = if origin > 0 { 2 } else { 0 };
        Columns {
            label,
            origin,
            value: width_of_list.saturating_sub(2 + label + 2 + gap + origin),
        }
    }

    fn line(
        &self,
        line: FormLine,
        columns: Columns,
        area: Rect,
        buffer: &mut Buffer,
    ) -> Option<(u16, u16)> {
        let rows = &self.form.resolution.rows;
        match line {
            FormLine::Gap => None,
            FormLine::Heading(place) => {
                let task = rows[place].question.task;
                put(buffer, (area.x, area.y), area.width, task, TITLE);
                None
            }
            FormLine::Problem(place) => {
                let problem = rows[place].problem.as_deref().unwrap_or_default();
                let x = area.x + 2 + columns.label + 2;
                put(
                    buffer,
                    (x, area.y),
                    area.right() - x,
                    problem,
                    self.theme.tone(Tone::Bad),
                );
                None
            }
            FormLine::Plan => {
                let focused = self.form.focus == rows.len();
                let style = if focused {
                    self.theme.focus()
                } else {
                    Style::new()
                };
                let mark = if focused { "▸ " } else { "  " };
                put(
                    buffer,
                    (area.x, area.y),
                    area.width,
                    &format!("{mark}Make the plan "),
                    style,
                );
                None
            }
            FormLine::Row(place) => self.row(place, columns, area, buffer),
        }
    }

    fn row(
        &self,
        place: usize,
        columns: Columns,
        area: Rect,
        buffer: &mut Buffer,
    ) -> Option<(u16, u16)> {
        let row = &self.form.resolution.rows[place];
        let focused = self.form.focus == place;
        let (mark, tone) = match (focused, &row.problem) {
            (true, _) => ("▸", Tone::Accent),
            (false, Some(_)) => ("!", Tone::Bad),
            (false, None) => (" ", Tone::Plain),
        };
        put(buffer, (area.x, area.y), 1, mark, self.theme.tone(tone));
        let label = if focused {
            self.theme.focus()
        } else {
            Style::new()
        };
        let mut x = area.x + 2;
        put(
            buffer,
            (x, area.y),
            columns.label,
            row.question.title,
            label,
        );
        x += columns.label + 2;
        if let (true, Mode::Edit(editor, _)) = (focused, &self.form.mode) {
            let (text, cursor) = editor.view(columns.value.into());
            let field = Rect {
                x,
                width: columns.value,
                ..area
            };
            buffer.set_style(field, FIELD);
            buffer.set_stringn(x, area.y, text, columns.value.into(), FIELD);
            let cursor = u16::try_from(cursor).unwrap_or_default();
            return Some((x + cursor.min(columns.value.saturating_sub(1)), area.y));
        }
        let value = row
            .answer
            .as_ref()
            .map_or("", |answer| answer.value.as_str());
        let dim = self.theme.tone(Tone::Dim);
        match value {
            "" if row.question.optional => put(buffer, (x, area.y), columns.value, "none", dim),
            "" => put(buffer, (x, area.y), columns.value, "—", dim),
            value => {
                let style = if focused { TITLE } else { Style::new() };
                put(buffer, (x, area.y), columns.value, value, style)
            }
        };
        if let (true, Some(answer)) = (columns.origin > 0, &row.answer) {
            let x = x + columns.value + 2;
            put(
                buffer,
                (x, area.y),
                columns.origin,
                &answer.origin.to_string(),
                dim,
            );
        }
        None
    }

    fn picker(&self, picker: &Picker, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
        let title = self.form.focused().map_or("", |row| row.question.title);
        let mut x = area.x + put(buffer, (area.x, area.y), area.width, title, TITLE);
        let typed = picker.filter.text();
        let asks = if typed.is_empty() {
            ": type to narrow "
        } else {
            ": "
        };
        x += put(
            buffer,
            (x, area.y),
            area.right() - x,
            asks,
            self.theme.tone(Tone::Dim),
        );
        x += put(buffer, (x, area.y), area.right() - x, typed, Style::new());
        let cursor = (x.min(area.right().saturating_sub(1)), area.y);
        let items = picker.items();
        let widest = items.iter().map(|item| match item {
            Item::Choice(choice) => width(&choice.value),
            Item::Typed(_) | Item::Another => 0,
        });
        let value_columns = widest.max().unwrap_or_default();
        let value_columns = u16::try_from(value_columns)
            .unwrap_or(u16::MAX)
            .min(area.width / 2 + 8);
        if items.is_empty() && area.height > 1 {
            put(
                buffer,
                (area.x + 2, area.y + 1),
                area.width,
                "nothing matches",
                self.theme.tone(Tone::Warn),
            );
        }
        let visible = items.iter().enumerate().skip(picker.top);
        for (y, (place, item)) in (area.y + 1..area.bottom()).zip(visible) {
            let focused = place == picker.chosen;
            let style = if focused {
                self.theme.focus()
            } else {
                Style::new()
            };
            if focused {
                put(buffer, (area.x, y), 1, "▸", self.theme.tone(Tone::Accent));
            }
            let (x, columns) = (area.x + 2, area.width - 2);
            match item {
                Item::Choice(choice) => {
                    put(buffer, (x, y), value_columns, &choice.value, style);
                    let x = x + value_columns + 2;
                    let columns = area.right().saturating_sub(x);
                    put(
                        buffer,
                        (x, y),
                        columns,
                        &choice.detail,
                        self.theme.tone(Tone::Dim),
                    );
                }
                Item::Typed(typed) => {
                    put(buffer, (x, y), columns, &format!("use `{typed}`"), style);
                }
                Item::Another => {
                    put(buffer, (x, y), columns, "another value…", style);
                }
            }
        }
        let below = items
            .len()
            .saturating_sub(picker.top + usize::from(area.height) - 1);
        if below > 0 {
            put_right(
                buffer,
                area.right(),
                area.bottom() - 1,
                &format!("▼ {below}"),
                self.theme.tone(Tone::Accent),
            );
        }
        cursor
    }
}
