//! A run on the screen: what the events told, which step is chosen, what is scrolled where.

use std::collections::{BTreeMap, VecDeque};

use ratatui::layout::Rect;

use super::keymap::Action;
use super::widgets::page::{Lines, Page};
use super::{log, pages};
use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Event, EventKind, RunState, Scope, StepStatus};
use crate::ui::words::{Tone, will_change};

/// How many lines the log keeps.
const LOG: usize = 500;

/// What the screens need to know of the events.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    /// The run.
    pub state: RunState,
    /// The steps that an approval is asked for.
    pub asked: Vec<String>,
    /// When settling steps give up, in milliseconds.
    pub limits: BTreeMap<String, u64>,
}

impl Fold {
    /// Takes in an event.
    pub fn update(&mut self, event: &Event) {
        self.state.update(event);
        match &event.event {
            EventKind::ApprovalNeeded { steps, .. } => self.asked.clone_from(steps),
            EventKind::StepSettling { step, limit_ms, .. } => {
                self.limits.insert(step.clone(), *limit_ms);
            }
            EventKind::StepDone { step, .. } | EventKind::StepFailed { step, .. } => {
                self.limits.remove(step);
            }
            _ => {}
        }
    }
}

/// What of the run is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The plan, waiting for approval.
    Review,
    /// Steps and log.
    Live,
    /// How it ended.
    Result,
    /// The steps of a run that has ended.
    Steps,
}

/// A row of the list of steps; numbers are places of task and step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// The plan as a whole, or the log.
    Overview,
    /// An empty row between tasks.
    Gap,
    /// A task's heading.
    Task(usize),
    /// A step.
    Step(usize, usize),
    /// What a step is about just now, or what is wrong.
    Note(usize, usize),
}

impl Row {
    fn can_be_chosen(self) -> bool {
        matches!(self, Self::Overview | Self::Step(..))
    }
}

/// A run on the screen.
#[derive(Debug, Default)]
pub struct Session {
    /// What the events told.
    pub fold: Fold,
    /// The rows of the list.
    pub rows: Vec<Row>,
    /// The row that is chosen.
    pub chosen: usize,
    /// The first visible row.
    pub top: usize,
    /// The text beside the list.
    pub page: Page,
    /// Whether the text has the whole screen.
    pub opened: bool,
    /// How often Ctrl-C was pressed.
    pub stops: u8,
    /// Whether a run that has ended shows its steps instead of its result.
    pub inspecting: bool,
    log: VecDeque<(Tone, String)>,
    seen: Option<View>,
    stale: bool,
    area: Rect,
}

impl Session {
    /// Takes in an event.
    pub fn event(&mut self, event: &Event) {
        self.fold.update(event);
        self.note(event);
        self.stale = true;
    }

    /// Shows another moment of a recorded run; `recent` are the events before it.
    pub fn jump(&mut self, fold: Fold, recent: &[Event]) {
        self.fold = fold;
        self.log.clear();
        for event in recent {
            self.note(event);
        }
        self.stale = true;
    }

    /// Returns what is on the screen.
    pub fn view(&self) -> View {
        let state = &self.fold.state;
        match (&state.finished, &state.awaiting) {
            (Some(_), _) if self.inspecting => View::Steps,
            (Some(_), _) => View::Result,
            (None, Some(_)) => View::Review,
            (None, None) => View::Live,
        }
    }

    /// Whether the run has neither ended nor been left.
    pub fn is_active(&self) -> bool {
        self.fold.state.finished.is_none()
    }

    /// Whether something on the screen changes by itself.
    pub fn moves(&self) -> bool {
        self.is_active() && self.fold.state.awaiting.is_none()
    }

    /// Returns the chosen step.
    pub fn chosen_step(&self) -> Option<&StepView> {
        match self.rows.get(self.chosen)? {
            Row::Step(task, step) => self.step(*task, *step),
            _ => None,
        }
    }

    /// Returns the step in that place.
    pub fn step(&self, task: usize, step: usize) -> Option<&StepView> {
        self.fold.state.tasks.get(task)?.steps.get(step)
    }

    /// Moves, scrolls, opens and closes.
    pub fn act(&mut self, action: Action) {
        let page_only = self.view() == View::Result || self.opened;
        match action {
            Action::Up if page_only => self.page.scroll(-1),
            Action::Down if page_only => self.page.scroll(1),
            Action::First if page_only => self.page.go(false),
            Action::Last if page_only => self.page.go(true),
            Action::Up => self.choose((0..self.chosen).rev(), |_, row| row.can_be_chosen()),
            Action::Down => self.choose(self.chosen + 1.., |_, row| row.can_be_chosen()),
            Action::First => self.choose(0.., |_, row| row.can_be_chosen()),
            Action::Last => self.choose((0..self.rows.len()).rev(), |_, row| row.can_be_chosen()),
            Action::NextMark => self.choose(self.chosen + 1.., Self::is_marked),
            Action::PreviousMark => self.choose((0..self.chosen).rev(), Self::is_marked),
            Action::ScrollUp => self.page.turn(false),
            Action::ScrollDown => self.page.turn(true),
            Action::Open => self.opened = true,
            Action::Back => self.opened = false,
            Action::Switch => {
                self.inspecting = !self.inspecting;
                self.opened = false;
                self.stale = true;
            }
            _ => {}
        }
    }

    /// Brings rows and text up to date for a place on the screen.
    pub fn prepare(&mut self, list: Rect, page: Rect) {
        let view = self.view();
        let turned = self.seen != Some(view);
        if self.stale || turned {
            self.list_rows(turned);
        }
        if turned {
            self.opened = false;
        }
        self.page.resize(page.width, page.height);
        if self.stale || turned {
            self.write_page(turned);
            (self.stale, self.seen) = (false, Some(view));
        }
        self.area = list;
        self.keep_in_view();
    }

    fn choose(&mut self, places: impl Iterator<Item = usize>, wanted: impl Fn(&Self, Row) -> bool) {
        let rows = self.rows.len();
        let mut places = places.take_while(|place| *place < rows);
        if let Some(place) = places.find(|place| wanted(self, self.rows[*place])) {
            self.chosen = place;
            self.page.go(false);
            self.write_page(true);
        }
    }

    fn is_marked(&self, row: Row) -> bool {
        let Row::Step(task, step) = row else {
            return row == Row::Overview;
        };
        self.step(task, step).is_some_and(|step| {
            will_change(step)
                || matches!(
                    step.status,
                    StepStatus::Failed | StepStatus::Observed(FindingKind::Conflict)
                )
        })
    }

    fn list_rows(&mut self, turned: bool) {
        let view = self.view();
        let before = self.rows.get(self.chosen).copied();
        let part = match &self.fold.state.awaiting {
            Some((Scope::Plan, _)) | None => None,
            Some(_) => Some(&self.fold.asked),
        };
        let mut rows = vec![Row::Overview];
        for (task_place, task) in self.fold.state.tasks.iter().enumerate() {
            let included = |step: &StepView| part.is_none_or(|asked| asked.contains(&step.id));
            if !task.steps.iter().any(included) {
                continue;
            }
            rows.extend([Row::Gap, Row::Task(task_place)]);
            for (place, step) in task.steps.iter().enumerate() {
                if !included(step) {
                    continue;
                }
                rows.push(Row::Step(task_place, place));
                let noted = match step.status {
                    StepStatus::Settling => !step.note.is_empty(),
                    StepStatus::Failed | StepStatus::Observed(FindingKind::Conflict) => true,
                    _ => false,
                };
                if noted {
                    rows.push(Row::Note(task_place, place));
                }
            }
        }
        self.rows = rows;
        let keeps = !turned || view == View::Steps;
        let place = before
            .filter(|_| keeps)
            .and_then(|row| self.rows.iter().position(|r| *r == row));
        self.chosen = place.unwrap_or_default();
    }

    /// Writes the text of what is chosen; a log stays at its end when it was there.
    fn write_page(&mut self, fresh: bool) {
        let view = self.view();
        if view == View::Result {
            return self.set_page(pages::result(&self.fold), fresh);
        }
        if let Some(step) = self.chosen_step() {
            return self.set_page(pages::step(step), fresh);
        }
        if view == View::Review {
            return self.set_page(pages::plan(&self.fold), fresh);
        }
        let follows = fresh || self.page.is_at_end();
        let mut lines = Lines::default();
        for (tone, text) in &self.log {
            lines.marked(0, 10, *tone, text);
        }
        self.page.replace(lines);
        if follows {
            self.page.go(true);
        }
    }

    fn set_page(&mut self, lines: Lines, fresh: bool) {
        if fresh {
            self.page.show(lines);
        } else {
            self.page.replace(lines);
        }
    }

    /// Scrolls the list so that the chosen row is visible, or the step at work while the log is
    /// chosen.
    fn keep_in_view(&mut self) {
        let height = usize::from(self.area.height);
        let at_work = |row: &Row| match row {
            Row::Step(task, step) => self.step(*task, *step).is_some_and(|step| {
                matches!(
                    step.status,
                    StepStatus::Observing | StepStatus::Acting | StepStatus::Settling
                )
            }),
            _ => false,
        };
        let chosen = match self.chosen {
            0 if self.view() == View::Live => {
                self.rows.iter().position(at_work).unwrap_or(self.top)
            }
            chosen => chosen,
        };
        let after = usize::from(matches!(self.rows.get(chosen + 1), Some(Row::Note(..))));
        if chosen + after >= self.top + height {
            self.top = chosen + after + 1 - height.min(chosen + after + 1);
        }
        if chosen < self.top {
            let heading = matches!(self.rows.get(chosen.wrapping_sub(1)), Some(Row::Task(_)));
            self.top = chosen - usize::from(heading && height > 3);
        }
        if chosen <= 2 {
            self.top = 0;
        }
        self.top = self.top.min(self.rows.len().saturating_sub(height));
    }

    fn note(&mut self, event: &Event) {
        if let Some(entry) = log::entry(event) {
            if self.log.len() == LOG {
                self.log.pop_front();
            }
            self.log.push_back(entry);
        }
    }
}
