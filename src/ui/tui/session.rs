//! A run on the screen: what the events told, which step is chosen, what is scrolled where.

use std::collections::VecDeque;
use std::ops::Range;

use super::fold::Fold;
use super::keymap::Action;
use super::moment::Moment;
use super::screens::steps::Panes;
use super::ways::Ways;
use super::widgets::page::{Lines, Page};
use super::widgets::text;
use super::{log, pages, ways};
use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Chain, Event, Scope, StepStatus};
use crate::ui::words::{self, Tone, will_change};

/// How many lines the log keeps.
const LOG: usize = 500;

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

/// What the text is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Subject {
    /// What is chosen: a step, the plan, the log.
    #[default]
    Chosen,
    /// The chain.
    Chain,
    /// The moment of a recorded run.
    Moment,
    /// The wire log around it.
    Wire,
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
    /// What a step is about just now, or what is wrong; the last number is the place of the text.
    Note(usize, usize, usize),
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
    /// The texts of [`Row::Note`], a row each.
    pub notes: Vec<String>,
    /// The row that is chosen.
    pub chosen: usize,
    /// The first visible row.
    pub top: usize,
    /// The text beside the list.
    pub page: Page,
    /// The chain beside them.
    pub chain: Page,
    /// The moment beside them, of a recorded run.
    pub moment_page: Page,
    /// The moment of a recorded run.
    pub(super) moment: Option<Moment>,
    /// Whether the moment is shown beside the steps.
    pub watched: bool,
    /// Whether the text has the whole screen.
    pub opened: bool,
    /// What the text is about while it has the whole screen.
    subject: Subject,
    /// What the text was about when it was written.
    written: Subject,
    /// How often Ctrl-C was pressed.
    pub stops: u8,
    /// Which ways out of conflicts are chosen, where the run can be planned again.
    pub ways: Option<Ways>,
    /// Whether a run that has ended shows its steps instead of its result.
    pub inspecting: bool,
    log: VecDeque<(Tone, String)>,
    seen: Option<View>,
    stale: bool,
    places: Panes,
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

    /// Returns the chain that the screen is about: as the chosen step found it, else as it was
    /// found last.
    pub fn shown_chain(&self) -> Option<&Chain> {
        self.own_chain().or(self.fold.chain())
    }

    /// Returns the chain of the chosen step.
    pub fn own_chain(&self) -> Option<&Chain> {
        let step = self.chosen_step().filter(|_| self.view() != View::Result)?;
        self.fold.chains.get(&step.id)
    }

    /// Whether ways out of conflicts can be chosen on what is shown.
    pub fn offers_ways(&self) -> bool {
        self.view() == View::Result
            && !self.opened
            && self.ways.is_some()
            && ways::offered(&self.fold.state).next().is_some()
    }

    /// Chooses the way out of that number.
    pub fn choose_way(&mut self, number: usize) {
        if let Some(ways) = &mut self.ways {
            ways.choose(&self.fold.state, number);
            self.stale = true;
        }
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
            Action::Back => self.close(),
            Action::Chain => self.open(Subject::Chain),
            Action::Wire => self.open(Subject::Wire),
            Action::Moment => self.turn_moment(),
            Action::Switch => {
                self.inspecting = !self.inspecting;
                self.close();
                self.stale = true;
            }
            _ => {}
        }
    }

    /// Opens that text on the whole screen, or closes it.
    fn open(&mut self, subject: Subject) {
        let closes = self.subject == subject;
        self.subject = if closes { Subject::Chosen } else { subject };
        self.opened = !closes;
        self.write_page(true);
    }

    fn close(&mut self) {
        self.opened = false;
        if std::mem::take(&mut self.subject) != Subject::Chosen {
            self.write_page(true);
        }
    }

    /// Shows the moment beside the steps, then on the whole screen, then not at all. Where nothing
    /// is beside the steps, on the whole screen or not.
    fn turn_moment(&mut self) {
        let has_place = self.places.moment.is_some() || self.places.page.height > 0;
        let is_beside = has_place && self.view() != View::Result;
        match (self.subject == Subject::Moment, self.watched) {
            (true, _) => {
                self.watched = !is_beside;
                self.open(Subject::Moment);
            }
            (false, false) if is_beside && !self.opened => {
                self.watched = true;
                self.write_page(true);
            }
            (false, _) => self.open(Subject::Moment),
        }
    }

    /// Whether the moment has a place of its own, where there is room.
    pub fn shows_moment(&self) -> bool {
        self.watched && self.moment.is_some() && !self.opened && self.view() != View::Result
    }

    /// Returns what the text is about. Where the moment has no place of its own, it stands in for
    /// the log.
    fn subject(&self) -> Subject {
        let stands_in = self.shows_moment()
            && self.places.moment.is_none()
            && self.chosen_step().is_none()
            && self.view() != View::Review;
        match self.subject {
            Subject::Chosen if stands_in => Subject::Moment,
            subject => subject,
        }
    }

    /// Brings rows and texts up to date for their places on the screen.
    pub fn prepare(&mut self, places: Panes) {
        let view = self.view();
        let turned = self.seen != Some(view);
        let stale = self.stale || turned;
        let before = std::mem::replace(&mut self.places, places);
        if stale || before.list != places.list {
            self.list_rows(turned);
        }
        if turned && matches!(self.subject, Subject::Chosen | Subject::Chain) {
            (self.opened, self.subject) = (false, Subject::Chosen);
        }
        let follows = self.shows_log() && self.page.is_at_end();
        self.page.resize(places.page.width, places.page.height);
        if follows {
            self.page.go(true);
        }
        let moved = before.chain != places.chain || before.moment != places.moment;
        let resized = before.page.width != places.page.width;
        if stale || moved || resized || self.written != self.subject() {
            // Another moment is read from its beginning, at every width.
            let is_moment = matches!(self.subject(), Subject::Moment | Subject::Wire);
            self.write_page(turned || (is_moment && (stale || resized)));
        }
        if stale || moved {
            self.write_chain();
            self.write_moment();
        }
        (self.stale, self.seen) = (false, Some(view));
        self.keep_in_view();
    }

    /// Whether the text is the log.
    fn shows_log(&self) -> bool {
        matches!(self.view(), View::Live | View::Steps)
            && self.subject() == Subject::Chosen
            && self.chosen_step().is_none()
    }

    fn choose(&mut self, places: impl Iterator<Item = usize>, wanted: impl Fn(&Self, Row) -> bool) {
        let rows = self.rows.len();
        let mut places = places.take_while(|place| *place < rows);
        if let Some(place) = places.find(|place| wanted(self, self.rows[*place])) {
            self.chosen = place;
            self.page.go(false);
            self.write_page(true);
            self.write_chain();
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
        let (mut rows, mut notes) = (vec![Row::Overview], Vec::new());
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
                let is_noted = match step.status {
                    StepStatus::Settling => !step.note.is_empty(),
                    StepStatus::Failed
                    | StepStatus::Paused
                    | StepStatus::Observed(FindingKind::Conflict) => true,
                    _ => false,
                };
                if is_noted {
                    let first = notes.len();
                    notes.extend(self.note_rows(step));
                    rows.extend((first..notes.len()).map(|row| Row::Note(task_place, place, row)));
                }
            }
        }
        (self.rows, self.notes) = (rows, notes);
        let keeps = !turned || view == View::Steps;
        let place = before
            .filter(|_| keeps)
            .and_then(|row| self.rows.iter().position(|r| *r == row));
        self.chosen = place.unwrap_or_default();
        if turned && view == View::Steps && self.chosen == 0 {
            // What failed is what somebody wants to see who looks at the steps.
            let failed = |row: &Row| {
                matches!(row, Row::Step(task, step)
                if self.step(*task, *step).is_some_and(|step| step.error.is_some()))
            };
            self.chosen = self.rows.iter().position(failed).unwrap_or_default();
        }
    }

    /// Returns what is said below a step, in as many rows as a list of that height can spare.
    fn note_rows(&self, step: &StepView) -> Vec<String> {
        let columns = usize::from(self.places.list.width.saturating_sub(4));
        let most = usize::from(self.places.list.height / 2).clamp(1, 3);
        // What has to be done is worth more than what a service said.
        let advice = step
            .hints
            .first()
            .filter(|_| step.status == StepStatus::Paused);
        let note = words::clean(advice.unwrap_or(&step.note)).replace('\n', " ");
        let limited = self.fold.limits.get(&step.id).map(|limit| {
            let limit = words::duration(*limit);
            format!("at most {limit}: {note}")
        });
        let fits = |text: &String| text::wrap(text, columns, 0).len() <= most;
        // Where not all can be said, the reason is worth more than the limit.
        let text = limited.filter(fits).unwrap_or(note);
        let pieces = text::wrap(&text, columns, 0);
        let kept = pieces.iter().take(most).enumerate();
        let row = |(place, piece): (usize, &Range<usize>)| {
            let rest = if place + 1 == most {
                &text[piece.start..]
            } else {
                &text[piece.clone()]
            };
            text::fit(rest, columns).into_owned()
        };
        kept.map(row).collect()
    }

    /// Writes the text of what is chosen; a log stays at its end when it was there.
    fn write_page(&mut self, fresh: bool) {
        let view = self.view();
        let columns = self.page.columns();
        let subject = self.subject();
        let fresh = std::mem::replace(&mut self.written, subject) != subject || fresh;
        match (subject, &self.moment, self.shown_chain()) {
            (Subject::Chain, _, Some(chain)) => {
                return self.set_page(pages::chain(chain, columns), fresh);
            }
            (Subject::Moment, Some(moment), _) => {
                let (lines, sought) = moment.page(&self.fold.state);
                self.set_page(lines, fresh);
                if let Some(line) = sought.filter(|_| fresh) {
                    self.page.reveal_line(line);
                }
                return;
            }
            (Subject::Wire, Some(moment), _) => {
                let (lines, here) = moment.wire_page();
                self.set_page(lines, fresh);
                if fresh {
                    self.page.show_line(here);
                }
                return;
            }
            _ => {}
        }
        if view == View::Result {
            return self.set_page(pages::result(&self.fold, self.ways.as_ref()), fresh);
        }
        if let Some(step) = self.chosen_step() {
            let chain = self.own_chain().filter(|_| self.places.chain.is_none());
            let lines = pages::step(step, chain, columns);
            return self.set_page(lines, fresh);
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

    /// Writes the chain in the shape that its place has room for.
    fn write_chain(&mut self) {
        let (Some(area), Some(chain)) = (self.places.chain, self.shown_chain()) else {
            return;
        };
        let columns = area.width.saturating_sub(1).into();
        let lines = pages::chain_beside(chain, columns, area.height.into());
        self.chain.resize(area.width, area.height);
        self.chain.show(lines);
    }

    /// Writes the moment into its own place.
    fn write_moment(&mut self) {
        if let (Some(area), Some(moment)) = (self.places.moment, &self.moment) {
            let (lines, sought) = moment.page(&self.fold.state);
            self.moment_page.resize(area.width, area.height);
            self.moment_page.show(lines);
            if let Some(line) = sought {
                self.moment_page.reveal_line(line);
            }
        }
    }

    /// Scrolls the list so that the chosen row is visible, or the step at work while the log is
    /// chosen.
    fn keep_in_view(&mut self) {
        let height = usize::from(self.places.list.height);
        let at_work = |row: &Row| match row {
            Row::Step(task, step) => self.step(*task, *step).is_some_and(|step| {
                matches!(
                    step.status,
                    StepStatus::Observing
                        | StepStatus::Acting
                        | StepStatus::Settling
                        | StepStatus::Paused
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
        let below = self.rows.iter().skip(chosen + 1);
        let after = below.take_while(|row| matches!(row, Row::Note(..))).count();
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
