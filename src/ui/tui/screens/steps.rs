//! The steps of a run: a list on one side, what there is to say about the chosen one on the other.
//! The plan, the run at work and the steps of a run that has ended are this one screen.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use crate::engine::state::{StepView, TaskView};
use crate::engine::{Chain, StepStatus, TaskMode};
use crate::ui::chain::{compact_columns, picture};
use crate::ui::tui::session::{Row, Session, View};
use crate::ui::tui::theme::{TITLE, Theme};
use crate::ui::tui::widgets::bars::{rule, spinner};
use crate::ui::tui::widgets::text::{put, put_right};
use crate::ui::words::{self, Tone};

/// Where list, text and chain stand.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Panes {
    /// The steps.
    pub list: Rect,
    /// A line between them.
    pub rule: Option<Rect>,
    /// What there is to say.
    pub page: Rect,
    /// How far the chain holds.
    pub chain: Option<Rect>,
    /// A line between text and chain.
    pub chain_rule: Option<Rect>,
    /// The moment of a recorded run.
    pub moment: Option<Rect>,
    /// A line between text and moment.
    pub moment_rule: Option<Rect>,
}

/// The least height of a text below the chain.
const LOG: u16 = 12;

/// The height of a text that has room for the chain with its notes.
const HIGH: u16 = 24;

/// The least height of a text that has room for a moment below it.
const MOMENT: u16 = 20;

/// Whether list and text take turns in a body of that size.
pub fn is_single(body: Rect) -> bool {
    body.width < 58 || body.height < 13
}

/// Divides the body: side by side where it is wide, one above the other where it is high, else
/// one of them. An opened text has all of it. The chain takes its place from the text, so that the
/// step at work stays where it is; a high text about a step tells of its chain itself.
pub fn panes(body: Rect, session: &Session) -> Panes {
    let mut panes = list_and_page(body, session);
    if session.shows_moment() && body.width >= 110 && panes.page.height >= MOMENT {
        panes = with_moment(panes);
    }
    let chain = session.shown_chain().filter(|_| !session.opened);
    let Some(chain) = chain else {
        return panes;
    };
    if panes.page.height == 0 {
        let (list, chain) = off_bottom(panes.list);
        return Panes {
            list,
            chain: Some(chain),
            ..panes
        };
    }
    if panes.page.height >= HIGH && session.own_chain().is_some() {
        return panes;
    }
    with_chain(panes, chain)
}

/// Gives the moment of a recorded run the greater part of the text's place, below it.
fn with_moment(panes: Panes) -> Panes {
    let page = panes.page;
    let above = page.height * 2 / 5;
    let below = |from: u16, height| Rect {
        y: page.y + from,
        height,
        ..page
    };
    Panes {
        page: below(0, above),
        moment_rule: Some(below(above, 1)),
        moment: Some(below(above + 1, page.height - above - 1)),
        ..panes
    }
}

/// Gives the chain a part of the text's place: the right half of a wide one, the upper part of a
/// high one, names alone at the right of others, one line at the bottom of small ones.
fn with_chain(panes: Panes, chain: &Chain) -> Panes {
    let page = panes.page;
    let links = u16::try_from(chain.links.len()).unwrap_or(u16::MAX);
    if page.width >= 60 && page.width < 110 && page.height >= HIGH {
        let rows = picture(chain, usize::from(page.width) - 1).len();
        let height = u16::try_from(rows)
            .unwrap_or(u16::MAX)
            .min(page.height - LOG);
        let below = |from: u16, height| Rect {
            y: page.y + from,
            height,
            ..page
        };
        return Panes {
            chain: Some(below(0, height)),
            chain_rule: Some(below(height, 1)),
            page: below(height + 1, page.height - height - 1),
            ..panes
        };
    }
    if page.width < 60 || page.height < links {
        let (page, chain) = off_bottom(page);
        return Panes {
            page,
            chain: Some(chain),
            ..panes
        };
    }
    let width = if page.width >= 110 {
        page.width / 2
    } else {
        u16::try_from(compact_columns(chain)).unwrap_or(page.width / 2)
    };
    let right = |from: u16, width| Rect {
        x: page.right() - from,
        width,
        ..page
    };
    Panes {
        page: Rect {
            width: page.width - width - 2,
            ..page
        },
        chain_rule: Some(right(width + 2, 1)),
        chain: Some(right(width, width)),
        ..panes
    }
}

fn off_bottom(area: Rect) -> (Rect, Rect) {
    let height = area.height.saturating_sub(1);
    let line = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    (Rect { height, ..area }, line)
}

fn list_and_page(body: Rect, session: &Session) -> Panes {
    let nothing = Rect { height: 0, ..body };
    if session.view() == View::Result || session.opened {
        return Panes {
            list: nothing,
            page: body,
            ..Panes::default()
        };
    }
    if is_single(body) {
        return Panes {
            list: body,
            page: nothing,
            ..Panes::default()
        };
    }
    if body.width >= 110 {
        let list = (body.width * 9 / 20).min(72);
        return Panes {
            list: Rect {
                width: list,
                ..body
            },
            page: Rect {
                x: body.x + list + 3,
                width: body.width - list - 3,
                ..body
            },
            ..Panes::default()
        };
    }
    // A plan is read in the text, a run is watched in the list.
    let share = if session.view() == View::Live { 5 } else { 4 };
    let list = (body.height * share / 10).max(6);
    Panes {
        list: Rect {
            height: list,
            ..body
        },
        rule: Some(Rect {
            y: body.y + list,
            height: 1,
            ..body
        }),
        page: Rect {
            y: body.y + list + 1,
            height: body.height - list - 1,
            ..body
        },
        ..Panes::default()
    }
}

/// The screen.
#[derive(Debug)]
pub struct StepsScreen<'a> {
    /// What it shows.
    pub session: &'a Session,
    /// How it looks.
    pub theme: Theme,
    /// The time.
    pub now: Timestamp,
    /// Counts up while something goes on.
    pub ticks: usize,
}

impl Widget for StepsScreen<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let panes = panes(area, self.session);
        let rules = [panes.rule, panes.chain_rule, panes.moment_rule];
        for line in rules.into_iter().flatten() {
            rule(self.theme, line, buffer);
        }
        let rows = self.session.rows.iter().enumerate().skip(self.session.top);
        for (y, (place, row)) in (panes.list.y..panes.list.bottom()).zip(rows) {
            let area = Rect {
                y,
                height: 1,
                ..panes.list
            };
            self.row(*row, place == self.session.chosen, area, buffer);
        }
        if panes.page.height > 0 {
            self.session.page.draw(panes.page, buffer, self.theme);
        }
        if let Some(area) = panes.moment {
            self.session.moment_page.draw(area, buffer, self.theme);
        }
        if let Some(area) = panes.chain {
            self.session.chain.draw(area, buffer, self.theme);
        }
    }
}

impl StepsScreen<'_> {
    fn row(&self, row: Row, chosen: bool, area: Rect, buffer: &mut Buffer) {
        let tasks = &self.session.fold.state.tasks;
        if chosen {
            put(
                buffer,
                (area.x, area.y),
                1,
                "▸",
                self.theme.tone(Tone::Accent),
            );
        }
        match row {
            Row::Gap => {}
            Row::Overview => self.overview(chosen, area, buffer),
            Row::Task(place) => self.task(&tasks[place], area, buffer),
            Row::Step(task, step) => self.step(&tasks[task].steps[step], chosen, area, buffer),
            Row::Note(task, step, text) => {
                let text = &self.session.notes[text];
                self.note(&tasks[task].steps[step], text, area, buffer);
            }
        }
    }

    fn note(&self, step: &StepView, text: &str, area: Rect, buffer: &mut Buffer) {
        let tone = match words::label(step).tone {
            Tone::Bad => Tone::Bad,
            _ => Tone::Dim,
        };
        put(
            buffer,
            (area.x + 4, area.y),
            area.width.saturating_sub(4),
            text,
            self.theme.tone(tone),
        );
    }

    fn overview(&self, chosen: bool, area: Rect, buffer: &mut Buffer) {
        let style = if chosen { self.theme.focus() } else { TITLE };
        let text = match self.session.view() {
            View::Review => "The plan",
            View::Live if self.session.fold.state.plan.is_none() => "Looks at the world",
            View::Live => "What happens",
            View::Result | View::Steps => "What happened",
        };
        put(buffer, (area.x + 2, area.y), area.width - 2, text, style);
    }

    fn task(&self, task: &TaskView, area: Rect, buffer: &mut Buffer) {
        let mode = match (task.finished, task.mode) {
            (true, _) => "done",
            (false, TaskMode::FastForward) => "fast-forward",
            (false, TaskMode::Run) => "",
        };
        let dim = self.theme.tone(Tone::Dim);
        let end = area.right() - put_right(buffer, area.right(), area.y, mode, dim);
        let room = (end - area.x).saturating_sub(1);
        let used = put(buffer, (area.x, area.y), room, &task.title, TITLE);
        if area.width >= 60 {
            let x = area.x + used + 2;
            put(
                buffer,
                (x, area.y),
                end.saturating_sub(x + 1),
                &task.name,
                dim,
            );
        }
    }

    fn step(&self, step: &StepView, chosen: bool, area: Rect, buffer: &mut Buffer) {
        let label = words::label(step);
        let tone = self.theme.tone(label.tone);
        let is_busy = matches!(
            step.status,
            StepStatus::Observing | StepStatus::Acting | StepStatus::Settling
        ) && self.session.moves();
        let symbol = if is_busy {
            spinner(self.ticks)
        } else {
            label.symbol
        };
        put(buffer, (area.x + 2, area.y), 1, symbol, tone);
        let mut x = area.x + 4;
        let right = self.aside(step, is_busy, area.width);
        let mut end = area.right();
        if !right.is_empty() {
            end -= put_right(buffer, end, area.y, &right, self.theme.tone(Tone::Dim)) + 2;
        }
        let has_words = area.width >= 44;
        if has_words {
            put(buffer, (x, area.y), 11, label.word, tone);
            x += 13;
        }
        let style = if chosen {
            self.theme.focus()
        } else {
            Style::new()
        };
        put(
            buffer,
            (x, area.y),
            end.saturating_sub(x),
            &step.title,
            style,
        );
    }

    /// Returns what stands at the end of a step's row: a time, or how much it would change where
    /// there is room to say it.
    fn aside(&self, step: &StepView, is_busy: bool, columns: u16) -> String {
        if is_busy {
            let started = step.started.unwrap_or(self.now);
            return words::duration(words::between(started, self.now));
        }
        if words::will_change(step) && step.changes.len() > 1 && columns >= 60 {
            return words::count(step.changes.len(), "change", "changes");
        }
        words::took(step).map_or_else(String::new, words::duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_and_text_share_the_body_without_overlap() {
        for (width, height) in [(198, 55), (118, 35), (78, 19)] {
            let body = Rect::new(1, 2, width, height);
            let panes = panes(body, &Session::default());
            assert!(!panes.list.intersects(panes.page), "{width}×{height}");
            assert_eq!(panes.list.union(panes.page), body, "{width}×{height}");
        }
    }

    #[test]
    fn the_longest_status_word_fits_its_column() {
        assert_eq!(words::WORD, 11);
        assert!("not checked".len() <= words::WORD);
    }
}
