//! The screens. Each draws what the model holds and decides nothing.

pub mod form;
pub mod start;
pub mod steps;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::model::{Model, Place};
use super::widgets::{bars, timeline};

/// The smallest terminal that is of use.
pub const SMALLEST: (u16, u16) = (40, 12);

/// The places that every screen has.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// What this is.
    pub header: Rect,
    /// Below it, where there is room for decoration.
    pub rule: Option<Rect>,
    /// The screen itself.
    pub body: Rect,
    /// The way of a recording, where there is a row for it.
    pub timeline: Option<Rect>,
    /// What goes on.
    pub status: Rect,
    /// What keys do.
    pub footer: Rect,
}

/// Divides a terminal. Small ones lose their margins and rules first.
pub fn frame(area: Rect) -> Places {
    let margin = u16::from(area.width >= 60);
    let inner = Rect {
        x: area.x + margin,
        width: area.width.saturating_sub(2 * margin),
        ..area
    };
    let row = |y: u16| Rect {
        y: area.y + y.min(area.height.saturating_sub(1)),
        height: 1,
        ..inner
    };
    let has_rule = area.height >= 18;
    let above = if has_rule { 2 } else { 1 };
    let below = if has_rule { 3 } else { 2 };
    Places {
        header: row(0),
        rule: has_rule.then(|| row(1)),
        body: Rect {
            y: area.y + above,
            height: area.height.saturating_sub(above + below),
            ..inner
        },
        timeline: has_rule.then(|| row(area.height.saturating_sub(3))),
        status: row(area.height.saturating_sub(2)),
        footer: row(area.height.saturating_sub(1)),
    }
}

/// Draws everything.
pub fn draw(model: &Model, target: &mut Frame) {
    let area = target.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(area, target);
    }
    let places = frame(area);
    let buffer = target.buffer_mut();
    bars::header(model, places.header, buffer);
    if let Some(rule) = places.rule {
        bars::rule(model.theme, rule, buffer);
    }
    let mut cursor = None;
    if let Some(player) = &model.player {
        if let Some(area) = places.timeline {
            timeline::draw(player, model.theme, area, buffer);
        }
        if let Some(prompt) = &player.prompt {
            cursor = Some(bars::prompt(prompt, model.theme, places.status, buffer));
        }
    }
    if cursor.is_none() {
        bars::status(model, places.status, buffer);
    }
    bars::footer(model, places.footer, buffer);
    if let Some(help) = &model.help {
        return help.draw(places.body, buffer, model.theme);
    }
    match model.place {
        Place::Start => {
            if let Some(start) = &model.start {
                start::StartScreen {
                    start,
                    theme: model.theme,
                }
                .render(places.body, buffer);
            }
        }
        Place::Form => {
            if let Some(form) = &model.form {
                let screen = form::FormScreen {
                    form,
                    theme: model.theme,
                    ticks: model.ticks,
                };
                cursor = screen.draw(places.body, buffer);
            }
        }
        Place::Run | Place::Player => {
            if let Some(session) = model.shown() {
                let (theme, now, ticks) = (model.theme, model.time(), model.ticks);
                steps::StepsScreen {
                    session,
                    theme,
                    now,
                    ticks,
                }
                .render(places.body, buffer);
            }
        }
    }
    if let Some((x, y)) = cursor {
        target.set_cursor_position(Position::new(x, y));
    }
}

fn too_small(area: Rect, target: &mut Frame) {
    let text = format!(
        "terminal too small: {}×{}, needs {}×{}",
        area.width, area.height, SMALLEST.0, SMALLEST.1
    );
    target.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}
