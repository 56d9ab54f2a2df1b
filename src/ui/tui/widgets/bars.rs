//! The lines above and below every screen: what this is, what goes on, what keys do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{put, put_right, width};
use crate::engine::{Scope, StepStatus};
use crate::ui::tui::form::Form;
use crate::ui::tui::keymap::{self, Action, Context};
use crate::ui::tui::model::{Model, Place};
use crate::ui::tui::player::Player;
use crate::ui::tui::seek::{Prompt, Wanted};
use crate::ui::tui::session::{Session, View};
use crate::ui::tui::theme::{FIELD, TITLE, Theme};
use crate::ui::words::{self, Tone};

/// Returns the picture of something that goes on.
pub fn spinner(ticks: usize) -> &'static str {
    const PICTURES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    PICTURES[ticks % PICTURES.len()]
}

/// Draws a thin line, down where the place is a column.
pub fn rule(theme: Theme, area: Rect, buffer: &mut Buffer) {
    let line = if area.width == 1 { "│" } else { "─" };
    for at in area.positions() {
        put(buffer, (at.x, at.y), 1, line, theme.tone(Tone::Dim));
    }
}

/// Draws name, recipe, run and PRACTICE.
pub fn header(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let state = model.shown().map(|session| &session.fold.state);
    let mut end = area.right();
    if model.options.practice || state.is_some_and(|state| state.practice) {
        end -= put_right(buffer, end, area.y, " PRACTICE ", theme.badge()) + 1;
    }
    let problems = model
        .player
        .as_ref()
        .map_or(0, |player| player.problems.len());
    if problems > 0 {
        end -= put_right(buffer, end, area.y, " DAMAGED ", theme.badge()) + 1;
    }
    if area.width >= 100 {
        end = stages(model, end, area.y, buffer);
    }
    let recipe = match (state, &model.form) {
        (Some(state), _) => state.recipe.clone(),
        (None, Some(form)) => form.resolution.answers.text("recipe"),
        (None, None) => String::new(),
    };
    let run = state.map_or("", |state| state.run.as_str());
    let version = if area.width >= 70 {
        model.options.version.as_str()
    } else {
        ""
    };
    let parts = [
        ("rok-deploy", TITLE),
        (version, theme.tone(Tone::Dim)),
        (recipe.as_str(), theme.tone(Tone::Accent)),
        (run, Style::new()),
    ];
    let mut x = area.x;
    for (text, style) in parts {
        if !text.is_empty() && x < end {
            x += put(buffer, (x, area.y), end - x, text, style) + 2;
        }
    }
}

/// Draws the way from answers to result, with the place on it, and returns where it begins.
fn stages(model: &Model, end: u16, y: u16, buffer: &mut Buffer) -> u16 {
    let view = model.shown().map(Session::view);
    let now = match (model.place, view) {
        (Place::Start | Place::Form, _) | (_, None) => 0,
        (_, Some(View::Review)) => 1,
        (_, Some(View::Live)) => {
            if model.shown().is_some_and(|s| s.fold.state.plan.is_none()) {
                1
            } else {
                2
            }
        }
        (_, Some(View::Result | View::Steps)) => 3,
    };
    let mut x = end;
    for (place, name) in ["Answers", "Plan", "Run", "Result"]
        .into_iter()
        .enumerate()
        .rev()
    {
        let style = if place == now {
            TITLE
        } else {
            model.theme.tone(Tone::Dim)
        };
        x -= put_right(buffer, x, y, name, style);
        if place > 0 {
            x -= put_right(buffer, x, y, " › ", model.theme.tone(Tone::Dim));
        }
    }
    x - 2
}

/// Draws what goes on and what is expected of the operator.
pub fn status(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let (tone, text) = said(model, area.width >= 76);
    let style = if model.confirming {
        theme.badge()
    } else {
        theme.tone(tone)
    };
    let mut x = area.x;
    if model.moves() && !model.confirming && model.place != Place::Player {
        x += put(
            buffer,
            (x, area.y),
            1,
            spinner(model.ticks),
            theme.tone(Tone::Accent),
        ) + 1;
    }
    put(buffer, (x, area.y), area.right() - x, &text, style);
}

/// Returns the words and their tone; on a narrow terminal fewer of them.
fn said(model: &Model, wide: bool) -> (Tone, String) {
    if model.confirming {
        let awaits = model.session.fold.state.awaiting.is_some();
        let acted = !model.session.fold.state.acted.is_empty();
        let text = match (awaits && !acted, wide) {
            (true, _) => "Leave? Nothing was changed. (y/n)",
            (false, true) => {
                "Stop before the next change and leave? `rok-deploy resume` goes on. (y/n)"
            }
            (false, false) => "Stop the run and leave? (y/n)",
        };
        return (Tone::Warn, text.into());
    }
    match model.place {
        Place::Start => match &model.start {
            Some(start) if start.starting => (Tone::Plain, "opens the run…".into()),
            _ => (Tone::Plain, String::new()),
        },
        Place::Form => model
            .form
            .as_ref()
            .map_or((Tone::Plain, String::new()), form),
        Place::Run => run(&model.session, model, wide),
        Place::Player => model
            .player
            .as_ref()
            .map_or((Tone::Plain, String::new()), |each| {
                player(each, wide, model.size.height < 18)
            }),
    }
}

fn form(form: &Form) -> (Tone, String) {
    let problems = form.problems();
    if form.starting {
        (Tone::Plain, "starts to look…".into())
    } else if form.failure.is_some() {
        (Tone::Bad, "✗ could not start".into())
    } else if form.looking && form.queued {
        (Tone::Plain, "looks, then makes the plan…".into())
    } else if form.looking {
        (Tone::Plain, "looks for what is known…".into())
    } else if problems > 0 {
        let answers = words::count(problems, "answer needs", "answers need");
        (Tone::Warn, format!("! {answers} you first"))
    } else {
        (Tone::Good, "✓ every question has an answer".into())
    }
}

fn run(session: &Session, model: &Model, wide: bool) -> (Tone, String) {
    let state = &session.fold.state;
    let text = match (session.view(), session.stops, wide) {
        (View::Result | View::Steps, ..) => return (Tone::Plain, String::new()),
        (_, 0, _) => {
            return match session.view() {
                View::Review => review(session, wide),
                _ => live(session, model, wide),
            };
        }
        (_, 1, true) => {
            "Stops before the next change. Ctrl-C stops at once, leaving steps in doubt"
        }
        (_, 1, false) => "Stops soon; Ctrl-C stops at once",
        (..) if state.in_doubt().next().is_some() && wide => {
            "Stops at once, a step is in doubt. Ctrl-C leaves the program"
        }
        (..) => "Stops at once; Ctrl-C leaves",
    };
    (Tone::Warn, text.into())
}

fn review(session: &Session, wide: bool) -> (Tone, String) {
    let state = &session.fold.state;
    let text = match &state.awaiting {
        Some((_, Some(reason))) => return (Tone::Warn, format!("! asked again: {reason}")),
        Some((Scope::Plan, None)) if wide && state.acted.is_empty() => {
            "Nothing has been changed yet. `a` approves the whole plan".into()
        }
        Some((Scope::Task { task }, None)) if wide => {
            format!("`a` approves task {task}, `A` this and all that follow")
        }
        Some((Scope::Step { step }, None)) if wide => {
            format!("`a` approves step {step}, `A` this and all that follow")
        }
        Some((Scope::Plan, None)) | None => "`a` approves all, Enter shows details".into(),
        Some((Scope::Task { .. }, None)) => "`a` approves this task, Enter: details".into(),
        Some((Scope::Step { .. }, None)) => "`a` approves this step, Enter: details".into(),
    };
    (Tone::Accent, text)
}

fn live(session: &Session, model: &Model, wide: bool) -> (Tone, String) {
    let state = &session.fold.state;
    let is_planning = state.plan.is_none();
    let counted = state.steps().filter(|step| match step.status {
        StepStatus::Done(_) | StepStatus::NotChecked | StepStatus::Failed => true,
        StepStatus::Observed(_) => is_planning,
        _ => false,
    });
    let (done, all) = (counted.count(), state.steps().count());
    let elapsed = state
        .span
        .map_or(0, |(first, _)| words::between(first, model.time()));
    let verb = if is_planning { "looked at" } else { "done" };
    let stop = if wide {
        " · Ctrl-C stops before the next change"
    } else {
        ""
    };
    let elapsed = words::duration(elapsed);
    (
        Tone::Plain,
        format!("{done} of {all} steps {verb} · {elapsed}{stop}"),
    )
}

/// Returns where the recording stands; on a low terminal, which has no timeline, with a short one.
fn player(player: &Player, wide: bool, low: bool) -> (Tone, String) {
    if let Some(missed) = player.missed() {
        return (Tone::Warn, format!("! {missed}"));
    }
    let (position, all) = player.progress();
    if let Some(problem) = player.problems.first().filter(|_| position == all) {
        return (Tone::Bad, format!("✗ the record ends here: {problem}"));
    }
    let mark = if player.playing { "▶" } else { "‖" };
    let time = player
        .now()
        .map_or_else(String::new, |now| now.strftime("%H:%M:%S").to_string());
    let bar = if low {
        bar(position, all, if wide { 20 } else { 8 })
    } else {
        String::new()
    };
    let speed = player.speed();
    let speed = if speed.is_multiple_of(100) {
        format!("×{}", speed / 100)
    } else {
        format!("×1/{}", 100 / speed)
    };
    let found = match player.found() {
        Some((text, Some(number), all)) => format!(" · match {number} of {all} of `{text}`"),
        Some((text, None, all)) => {
            format!(" · {} of `{text}`", words::count(all, "match", "matches"))
        }
        None => String::new(),
    };
    let text = if wide {
        format!("{mark} {bar}event {position} of {all} · {time} UTC · {speed}{found}")
    } else {
        format!("{mark} {bar}{position}/{all} {time} {speed}{found}")
    };
    (Tone::Plain, text)
}

fn bar(position: usize, all: usize, columns: usize) -> String {
    let filled = (position * columns).checked_div(all).unwrap_or_default();
    let cell = |place: usize| if place < filled { '━' } else { '┄' };
    (0..columns).map(cell).chain([' ']).collect()
}

/// Draws the line on which a text or a place is asked for, and returns where the cursor stands.
pub fn prompt(prompt: &Prompt, theme: Theme, area: Rect, buffer: &mut Buffer) -> (u16, u16) {
    let label = match prompt.wanted {
        Wanted::Text => "Find: ",
        Wanted::Place if area.width >= 76 => "Go to an event's number, a time, a step or a task: ",
        Wanted::Place => "Go to: ",
    };
    let used = put(
        buffer,
        (area.x, area.y),
        area.width,
        label,
        theme.tone(Tone::Accent),
    );
    let room = area.width.saturating_sub(used);
    let (text, column) = prompt.editor.view(room.into());
    put(buffer, (area.x + used, area.y), room, text, FIELD);
    let column = u16::try_from(column)
        .unwrap_or(room)
        .min(room.saturating_sub(1));
    (area.x + used + column, area.y)
}

/// Draws what keys do, as many as fit; help and the way out always do.
pub fn footer(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let context = model.context();
    let is_last = |action| matches!(action, Action::Help | Action::Quit);
    let shown =
        |binding: &&keymap::Binding| !binding.short.is_empty() && model.offers(binding.action);
    let room = |binding: &keymap::Binding| width(binding.shown) + 1 + width(binding.short) + 2;
    let last: Vec<_> = keymap::bindings(context)
        .filter(shown)
        .filter(|each| is_last(each.action))
        .collect();
    let reserved: usize = last.iter().map(|each| room(each)).sum();
    let mut left = usize::from(area.width + 2).saturating_sub(reserved);
    let mut x = area.x;
    let moves = matches!(
        context,
        Context::Form | Context::Review | Context::Live | Context::Start
    );
    if moves && area.width >= 60 && left > 9 {
        x += put(buffer, (x, area.y), 3, "↑ ↓", TITLE) + 1;
        x += put(buffer, (x, area.y), 4, "move", theme.tone(Tone::Dim)) + 2;
        left -= 10;
    }
    let first = keymap::bindings(context)
        .filter(shown)
        .filter(|each| !is_last(each.action));
    let fitting = first.take_while(|each| {
        let fits = room(each) <= left;
        left = left.saturating_sub(room(each));
        fits
    });
    for binding in fitting.chain(last) {
        x += put(buffer, (x, area.y), area.right() - x, binding.shown, TITLE) + 1;
        x += put(
            buffer,
            (x, area.y),
            area.right().saturating_sub(x),
            binding.short,
            theme.tone(Tone::Dim),
        ) + 2;
        x = x.min(area.right());
    }
}
