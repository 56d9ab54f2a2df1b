//! The form: questions with their answers, the operator's own edits, and where the focus is.
//!
//! A change shows at once and is looked into in the background; a newer one makes the older look
//! pointless, which the generation number tells.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;

use super::keymap::Action;
use super::model::Effect;
use super::picker::{Choice, Picked, Picker};
use super::widgets::editor::Editor;
use super::widgets::page::{Lines, Page};
use crate::engine::question::{Resolution, Resolved};
use crate::engine::{Answer, Answers, Kind, Origin, StepError};
use crate::ui::words::{self, Tone};

/// What the keys go to.
#[derive(Debug, Default)]
pub enum Mode {
    /// Moving over the rows.
    #[default]
    Browse,
    /// Typing, with what is wrong with the text so far.
    Edit(Editor, Option<String>),
    /// Picking from a list.
    Pick(Picker),
}

/// A line of the form; numbers are places of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormLine {
    /// An empty line between groups.
    Gap,
    /// The task that the rows below belong to.
    Heading(usize),
    /// A question.
    Row(usize),
    /// What is wrong with its answer.
    Problem(usize),
    /// The row that makes the plan.
    Plan,
}

/// The form.
#[derive(Debug, Default)]
pub struct Form {
    /// What is known.
    pub resolution: Resolution,
    /// The operator's own answers.
    pub edits: Answers,
    /// The row with the focus; the one after the last question makes the plan.
    pub focus: usize,
    /// What the keys go to.
    pub mode: Mode,
    /// The number of the last look.
    pub generation: u64,
    /// Whether that look is still going on.
    pub looking: bool,
    /// Whether a run begins as soon as it is over.
    pub queued: bool,
    /// Whether a run is being started.
    pub starting: bool,
    /// Why a run could not be started.
    pub failure: Option<StepError>,
    /// The lines, as they are shown.
    pub lines: Vec<FormLine>,
    /// The first visible line.
    pub top: usize,
    /// What there is to say about the focused row.
    pub help: Page,
}

impl Form {
    /// Returns a form that knows nothing yet, and the look that changes that.
    pub fn open() -> (Self, Effect) {
        let mut form = Self::default();
        let effect = form.look();
        (form, effect)
    }

    /// Takes in what a look found. The focus stays on its question.
    pub fn resolved(&mut self, generation: u64, resolution: Resolution) -> Vec<Effect> {
        if generation != self.generation {
            return Vec::new();
        }
        let first = self.resolution.rows.is_empty();
        let key = self.focused().map(|row| row.question.key);
        let at_plan = !first && key.is_none();
        self.resolution = resolution;
        self.looking = false;
        let rows = &self.resolution.rows;
        let place = rows.iter().position(|row| Some(row.question.key) == key);
        let problem = rows.iter().position(|row| row.problem.is_some());
        self.focus = match (first, at_plan) {
            (true, _) => problem.unwrap_or(rows.len()),
            (false, true) => rows.len(),
            (false, false) => place.unwrap_or(self.focus.min(rows.len())),
        };
        self.tell();
        if std::mem::take(&mut self.queued) {
            self.plan()
        } else {
            Vec::new()
        }
    }

    /// Takes in that a run could not be started.
    pub fn refused(&mut self, error: StepError) {
        self.starting = false;
        self.failure = Some(error);
        self.tell();
    }

    /// Returns the row with the focus, unless that is the last one, which makes the plan.
    pub fn focused(&self) -> Option<&Resolved> {
        self.resolution.rows.get(self.focus)
    }

    /// Returns how many answers are not good.
    pub fn problems(&self) -> usize {
        self.resolution
            .rows
            .iter()
            .filter(|row| row.problem.is_some())
            .count()
    }

    /// Whether the focused answer is the operator's own.
    pub fn can_forget(&self) -> bool {
        self.focused()
            .is_some_and(|row| self.edits.answer(row.question.key).is_some())
    }

    /// Whether the focused question has choices to walk through.
    pub fn has_choices(&self) -> bool {
        self.focused()
            .is_some_and(|row| matches!(row.question.kind, Kind::Choice(_) | Kind::YesNo))
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        match (&mut self.mode, action) {
            (Mode::Pick(picker), Action::Up) => picker.step(false),
            (Mode::Pick(picker), Action::Down) => picker.step(true),
            (Mode::Pick(picker), Action::First) => picker.jump(false),
            (Mode::Pick(picker), Action::Last) => picker.jump(true),
            (Mode::Pick(_), Action::Open) => return self.picked(),
            (Mode::Edit(editor, _), Action::Open) => {
                let value = editor.text().trim().to_owned();
                return self.answer(value);
            }
            (Mode::Pick(_) | Mode::Edit(..), Action::Back) => self.mode = Mode::Browse,
            (Mode::Browse, action) => return self.browse(action),
            _ => {}
        }
        self.tell();
        Vec::new()
    }

    /// Takes in a key that means nothing but text.
    pub fn key(&mut self, key: KeyEvent) {
        match &mut self.mode {
            Mode::Edit(editor, _) => {
                editor.key(key);
            }
            Mode::Pick(picker) => picker.key(key),
            Mode::Browse => {}
        }
        self.judge();
    }

    /// Takes in pasted text; on a row it begins to edit.
    pub fn paste(&mut self, text: &str) {
        if matches!(self.mode, Mode::Browse) && self.is_free() {
            self.mode = Mode::Edit(Editor::default(), None);
        }
        match &mut self.mode {
            Mode::Edit(editor, _) => editor.insert(text.trim()),
            Mode::Pick(picker) => picker.insert(text.trim()),
            Mode::Browse => {}
        }
        self.judge();
    }

    /// Brings lines and texts up to date for a place on the screen.
    pub fn prepare(&mut self, lines: (u16, u16), help: (u16, u16), airy: bool) {
        self.lines.clear();
        let rows = &self.resolution.rows;
        for (place, row) in rows.iter().enumerate() {
            if place == 0 || rows[place - 1].question.task != row.question.task {
                if place > 0 && airy {
                    self.lines.push(FormLine::Gap);
                }
                self.lines.push(FormLine::Heading(place));
            }
            self.lines.push(FormLine::Row(place));
            if row.problem.is_some() {
                self.lines.push(FormLine::Problem(place));
            }
        }
        if !rows.is_empty() {
            if airy {
                self.lines.push(FormLine::Gap);
            }
            self.lines.push(FormLine::Plan);
        }
        self.help.resize(help.0, help.1);
        if let Mode::Pick(picker) = &mut self.mode {
            picker.prepare(help.1);
        }
        self.keep_in_view(lines.1.into());
    }

    fn keep_in_view(&mut self, height: usize) {
        let is_focused = |line: &FormLine| match line {
            FormLine::Row(place) => *place == self.focus,
            FormLine::Plan => self.focus == self.resolution.rows.len(),
            _ => false,
        };
        let Some(place) = self.lines.iter().position(is_focused) else {
            return;
        };
        let below = usize::from(matches!(
            self.lines.get(place + 1),
            Some(FormLine::Problem(_))
        ));
        let last = place + below;
        if last >= self.top + height {
            self.top = (last + 1).saturating_sub(height);
        }
        if place < self.top {
            let heading = place > 0 && matches!(self.lines[place - 1], FormLine::Heading(_));
            self.top = place - usize::from(heading && height > 2);
        }
        self.top = self.top.min(self.lines.len().saturating_sub(height));
    }

    fn browse(&mut self, action: Action) -> Vec<Effect> {
        let last = self.resolution.rows.len();
        match action {
            Action::Up => self.focus = self.focus.saturating_sub(1),
            Action::Down => self.focus = (self.focus + 1).min(last),
            Action::First => self.focus = 0,
            Action::Last => self.focus = last,
            Action::NextMark => self.focus = self.problem_after(self.focus),
            Action::PreviousMark => self.focus = self.problem_before(),
            Action::ScrollUp => self.help.turn(false),
            Action::ScrollDown => self.help.turn(true),
            Action::Plan => return self.plan(),
            Action::Open if self.focus == last => return self.plan(),
            Action::Open => self.open_row(),
            Action::Next => return self.walk(true),
            Action::Previous => return self.walk(false),
            Action::Forget => return self.forget(),
            _ => {}
        }
        if !matches!(action, Action::ScrollUp | Action::ScrollDown) {
            self.tell();
        }
        Vec::new()
    }

    /// Starts a run, once everything is known and good.
    fn plan(&mut self) -> Vec<Effect> {
        if self.starting {
            return Vec::new();
        }
        if self.looking {
            self.queued = true;
            return Vec::new();
        }
        if !self.resolution.is_complete() {
            let rows = &self.resolution.rows;
            self.focus = rows
                .iter()
                .position(|row| row.problem.is_some())
                .unwrap_or_default();
            self.tell();
            return Vec::new();
        }
        self.starting = true;
        self.failure = None;
        vec![Effect::Start(self.resolution.answers.clone())]
    }

    /// Takes answers, and starts a run once it is known what follows from them.
    pub fn settle(&mut self, answers: BTreeMap<String, String>) -> Vec<Effect> {
        for (key, value) in answers {
            self.edits.set(key, value, Origin::Asked);
        }
        self.mode = Mode::Browse;
        self.failure = None;
        self.queued = true;
        vec![self.look()]
    }

    fn open_row(&mut self) {
        let Some(row) = self.focused() else { return };
        let value = row.answer.as_ref().map_or("", |answer| &answer.value);
        let choices: Vec<_> = match row.question.kind {
            Kind::Choice(choices) => choices
                .iter()
                .map(|each| Choice::new(each.0, each.1))
                .collect(),
            Kind::YesNo => vec![Choice::new("yes", ""), Choice::new("no", "")],
            Kind::Text | Kind::Path => row
                .candidates
                .iter()
                .map(|each| Choice::new(&each.value, &each.detail))
                .collect(),
        };
        self.mode = if choices.is_empty() {
            Mode::Edit(Editor::new(value), None)
        } else {
            Mode::Pick(Picker::new(choices, value, self.is_free()))
        };
    }

    fn picked(&mut self) -> Vec<Effect> {
        let Mode::Pick(picker) = &self.mode else {
            return Vec::new();
        };
        match picker.picked() {
            Picked::Value(value) => self.answer(value),
            Picked::Another => {
                let value = self.focused().and_then(|row| row.answer.as_ref());
                self.mode = Mode::Edit(Editor::new(value.map_or("", |answer| &answer.value)), None);
                Vec::new()
            }
            Picked::Nothing => Vec::new(),
        }
    }

    /// Takes the value, shows it at once, and looks what follows from it.
    fn answer(&mut self, value: String) -> Vec<Effect> {
        self.mode = Mode::Browse;
        self.queued = false;
        self.failure = None;
        let Some(row) = self.resolution.rows.get_mut(self.focus) else {
            return Vec::new();
        };
        if row
            .answer
            .as_ref()
            .is_some_and(|answer| answer.value == value)
        {
            self.tell();
            return Vec::new();
        }
        row.problem = row.question.check(&value, &self.resolution.answers).err();
        row.answer = Some(Answer {
            value: value.clone(),
            origin: Origin::Asked,
        });
        self.edits.set(row.question.key, value, Origin::Asked);
        self.tell();
        vec![self.look()]
    }

    fn forget(&mut self) -> Vec<Effect> {
        let Some(key) = self.focused().map(|row| row.question.key) else {
            return Vec::new();
        };
        if self.edits.answer(key).is_none() {
            return Vec::new();
        }
        self.edits.remove(key);
        vec![self.look()]
    }

    /// Takes the next of the choices, or the one before.
    fn walk(&mut self, forward: bool) -> Vec<Effect> {
        let Some(row) = self.focused() else {
            return Vec::new();
        };
        let choices: Vec<&str> = match row.question.kind {
            Kind::Choice(choices) => choices.iter().map(|(choice, _)| *choice).collect(),
            Kind::YesNo => vec!["yes", "no"],
            Kind::Text | Kind::Path => return Vec::new(),
        };
        let value = row
            .answer
            .as_ref()
            .map_or("", |answer| answer.value.as_str());
        let step = if forward { 1 } else { choices.len() - 1 };
        let next = match choices.iter().position(|choice| *choice == value) {
            Some(place) => (place + step) % choices.len(),
            None => 0,
        };
        self.answer(choices[next].to_owned())
    }

    fn look(&mut self) -> Effect {
        self.generation += 1;
        self.looking = true;
        Effect::Resolve {
            generation: self.generation,
            edits: self.edits.clone(),
        }
    }

    fn problem_after(&self, focus: usize) -> usize {
        let rows = &self.resolution.rows;
        let later = (focus + 1..rows.len()).chain(0..rows.len());
        later
            .into_iter()
            .find(|place| rows[*place].problem.is_some())
            .unwrap_or(rows.len())
    }

    fn problem_before(&self) -> usize {
        let rows = &self.resolution.rows;
        let mut earlier = (0..self.focus.min(rows.len())).rev();
        earlier
            .find(|place| rows[*place].problem.is_some())
            .unwrap_or(self.focus)
    }

    /// Whether the focused question takes any text.
    fn is_free(&self) -> bool {
        self.focused()
            .is_some_and(|row| matches!(row.question.kind, Kind::Text | Kind::Path))
    }

    /// Judges the text while it is typed.
    fn judge(&mut self) {
        let Some(question) = self.focused().map(|row| row.question) else {
            return;
        };
        if let Mode::Edit(editor, problem) = &mut self.mode {
            *problem = question
                .check(editor.text().trim(), &self.resolution.answers)
                .err();
        }
    }

    /// Writes what there is to say about the focused row.
    fn tell(&mut self) {
        let mut lines = Lines::default();
        if let Some(error) = &self.failure {
            lines.line(0, Tone::Bad, &format!("✗ {}", error.message));
            for hint in &error.hints {
                lines.marked(2, 6, Tone::Accent, &format!("hint: {hint}"));
            }
            lines.blank();
        }
        match self.focused() {
            Some(row) => about_row(&mut lines, row),
            None => about_plan(&mut lines, &self.resolution),
        }
        self.help.show(lines);
    }
}

fn about_row(lines: &mut Lines, row: &Resolved) {
    let question = &row.question;
    lines.line(0, Tone::Plain, question.title);
    lines.bold();
    if let Some(problem) = &row.problem {
        lines.marked(0, 2, Tone::Bad, &format!("! {problem}"));
        for hint in &row.hints {
            lines.marked(2, 6, Tone::Accent, &format!("hint: {hint}"));
        }
    }
    if let Some(notice) = &row.notice {
        lines.marked(0, 2, Tone::Warn, &format!("• {notice}"));
    }
    lines.line(0, Tone::Plain, question.help);
    if let Some(answer) = row
        .answer
        .as_ref()
        .filter(|answer| !answer.value.is_empty())
    {
        lines.marked(
            0,
            2,
            Tone::Plain,
            &format!("Now `{}`, from: {}", answer.value, answer.origin),
        );
    }
    if row.candidates.len() > 1 {
        let found = words::count(row.candidates.len(), "candidate", "candidates");
        lines.line(0, Tone::Plain, &format!("{found} found: Enter shows them"));
    }
    if let Kind::Choice(choices) = question.kind {
        for (choice, meaning) in choices {
            lines.marked(2, 2, Tone::Plain, &format!("{choice}: {meaning}"));
        }
    }
    lines.line(
        0,
        Tone::Dim,
        &format!(
            "Set beforehand with --set {}=… or {}",
            question.key,
            question.variable()
        ),
    );
}

fn about_plan(lines: &mut Lines, resolution: &Resolution) {
    lines.line(0, Tone::Plain, "Make the plan");
    lines.bold();
    let problems: Vec<_> = resolution
        .rows
        .iter()
        .filter(|row| row.problem.is_some())
        .collect();
    for row in &problems {
        let problem = row.problem.as_deref().unwrap_or_default();
        lines.marked(
            0,
            2,
            Tone::Bad,
            &format!("! {} {problem}", row.question.title),
        );
    }
    if problems.is_empty() {
        lines.line(
            0,
            Tone::Plain,
            "Looks at account, cluster and clone, and shows what would change. \
             Nothing is changed before you approve it.",
        );
    }
}
