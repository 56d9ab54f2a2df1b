//! Everything on the screen as one value, and what a message does to it.
//!
//! [`Model::update`] touches nothing outside: what is to happen there comes back as [`Effect`]s.

use crossterm::event::{KeyCode, KeyEvent};
use jiff::Timestamp;
use ratatui::layout::{Rect, Size};

use super::form::{Form, Mode};
use super::keymap::{self, Action, Context};
use super::player::Player;
use super::screens;
use super::seek::{Bound, Prompt, Severity, Wanted};
use super::session::{Session, View};
use super::start::Start;
use super::theme::Theme;
use super::ways::Ways;
use super::widgets::page::{Lines, Page};
use super::{Options, Recording, Unfinished};
use crate::engine::question::Resolution;
use crate::engine::{Answers, Command, Event, Outcome, Scope, Signal, StepError};
use crate::ui::words::Tone;

/// What happened.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time passed.
    Tick(Timestamp),
    /// A look at the answers is over; the number is that of the effect.
    Resolved(u64, Resolution),
    /// A run began, or could not.
    Started(Result<(), StepError>),
    /// The run said something.
    Event(Event),
    /// Somebody wants the process to end.
    Terminate,
}

/// What is to be done outside.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Look what is known, given these answers. A newer one makes an older one pointless.
    Resolve {
        /// Counts up.
        generation: u64,
        /// The operator's own answers.
        edits: Answers,
    },
    /// Start a run with these answers.
    Start(Answers),
    /// Go on with that run.
    Resume(String),
    /// Tell the run.
    Send(Command),
}

/// Where the operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Choosing between an unfinished run and a new one.
    Start,
    /// Answering questions.
    Form,
    /// At a run.
    Run,
    /// Watching a recorded run.
    Player,
}

/// What happens once a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    ShowResult,
    BackToForm,
    Leave,
}

/// Everything on the screen.
#[derive(Debug)]
pub struct Model {
    /// What was asked for.
    pub options: Options,
    /// How things look.
    pub theme: Theme,
    /// Where the operator is.
    pub place: Place,
    /// The choice at the start, when there is an unfinished run.
    pub start: Option<Start>,
    /// The questions, unless the run was started elsewhere.
    pub form: Option<Form>,
    /// The run.
    pub session: Session,
    /// The recorded run.
    pub player: Option<Player>,
    /// The help, while it is shown.
    pub help: Option<Page>,
    /// Whether leaving waits for a yes.
    pub confirming: bool,
    /// The size of the terminal.
    pub size: Size,
    /// The time.
    pub now: Timestamp,
    /// Counts ticks, for what turns.
    pub ticks: usize,
    /// How the last run ended.
    pub outcome: Option<Outcome>,
    /// Whether the screen is to be left.
    pub over: bool,
    then: Then,
}

/// Fits the run's lists and texts to their places. What is shown can change where it stands, so
/// the places are looked up again.
fn fit(session: &mut Session, body: Rect) {
    let places = screens::steps::panes(body, session);
    session.prepare(places);
    let settled = screens::steps::panes(body, session);
    if settled != places {
        session.prepare(settled);
    }
}

impl Model {
    /// Returns the wizard and its first effects.
    pub fn wizard(options: Options, unfinished: Option<Unfinished>) -> (Self, Vec<Effect>) {
        let mut model = Self::new(options, Place::Form);
        if let Some(unfinished) = unfinished {
            model.start = Some(Start::new(unfinished));
            model.place = Place::Start;
            return (model, Vec::new());
        }
        let effects = model.open_form();
        (model, effects)
    }

    /// Returns the screens of a run, without the form before it.
    #[cfg(test)]
    pub fn follower(options: Options) -> Self {
        Self::new(options, Place::Run)
    }

    /// Returns the player of a recorded run.
    pub fn player(options: Options, recording: impl Into<Recording>) -> Self {
        let mut model = Self::new(options, Place::Player);
        model.player = Some(Player::new(recording.into()));
        model
    }

    fn new(options: Options, place: Place) -> Self {
        Self {
            theme: Theme {
                color: options.color,
            },
            options,
            place,
            start: None,
            form: None,
            session: Session::default(),
            player: None,
            help: None,
            confirming: false,
            size: Size::new(80, 24),
            now: Timestamp::UNIX_EPOCH,
            ticks: 0,
            outcome: None,
            over: false,
            then: Then::ShowResult,
        }
    }

    /// Takes in what happened and returns what is to be done.
    pub fn update(&mut self, message: Msg) -> Vec<Effect> {
        match message {
            Msg::Key(key) => return self.key(key),
            Msg::Paste(text) => {
                if let (Place::Form, None, Some(form)) = (self.place, &self.help, &mut self.form) {
                    form.paste(&text);
                }
                if let Some(prompt) = self.prompt() {
                    prompt.editor.insert(&text);
                }
            }
            Msg::Resize(width, height) => self.size = Size::new(width, height),
            Msg::Tick(now) => {
                self.now = now;
                self.ticks = self.ticks.wrapping_add(1);
                if let Some(player) = &mut self.player {
                    player.tick(now);
                }
            }
            Msg::Resolved(generation, resolution) => {
                if let Some(form) = &mut self.form {
                    return form.resolved(generation, resolution);
                }
            }
            Msg::Started(result) => self.started(result),
            Msg::Event(event) => self.event(&event),
            Msg::Terminate => return self.terminate(),
        }
        Vec::new()
    }

    /// Brings what depends on the size of the terminal up to date. Called before drawing.
    pub fn prepare(&mut self) {
        let frame = self.places();
        if let Some(help) = &mut self.help {
            help.resize(frame.body.width, frame.body.height);
        }
        match self.place {
            Place::Start => {}
            Place::Form => {
                if let Some(form) = &mut self.form {
                    let picking = matches!(form.mode, Mode::Pick(_));
                    let panes = screens::form::panes(frame.body, picking);
                    let airy = frame.body.height >= 16;
                    let size = |area: Rect| (area.width, area.height);
                    form.prepare(size(panes.list), size(panes.help), airy);
                }
            }
            Place::Run => {
                fit(&mut self.session, frame.body);
            }
            Place::Player => {
                if let Some(player) = &mut self.player {
                    fit(&mut player.session, frame.body);
                }
            }
        }
    }

    /// Whether something on the screen changes by itself.
    pub fn moves(&self) -> bool {
        match self.place {
            Place::Start => self.start.as_ref().is_some_and(|start| start.starting),
            Place::Form => self
                .form
                .as_ref()
                .is_some_and(|form| form.looking || form.starting),
            Place::Run => self.session.moves(),
            Place::Player => self.player.as_ref().is_some_and(|player| player.playing),
        }
    }

    /// Returns the run on the screen, live or recorded.
    pub fn shown(&self) -> Option<&Session> {
        match self.place {
            Place::Run => Some(&self.session),
            Place::Player => self.player.as_ref().map(|player| &player.session),
            Place::Start | Place::Form => None,
        }
    }

    /// Returns the time that the screen is about.
    pub fn time(&self) -> Timestamp {
        self.player
            .as_ref()
            .and_then(Player::now)
            .unwrap_or(self.now)
    }

    /// Returns where keys go.
    pub fn context(&self) -> Context {
        if self.help.is_some() {
            return Context::Help;
        }
        if self.confirming {
            return Context::Confirm;
        }
        match self.place {
            Place::Start => Context::Start,
            Place::Form => match self.form.as_ref().map(|form| &form.mode) {
                Some(Mode::Edit(..)) => Context::Edit,
                Some(Mode::Pick(_)) => Context::Pick,
                Some(Mode::Browse) | None => Context::Form,
            },
            Place::Run => match self.session.view() {
                View::Review => Context::Review,
                View::Live => Context::Live,
                View::Result | View::Steps => Context::Done,
            },
            Place::Player => match &self.player {
                Some(player) if player.prompt.is_some() => Context::Seek,
                _ => Context::Player,
            },
        }
    }

    /// Whether the key makes sense just now; what makes none is not offered.
    pub fn offers(&self, action: Action) -> bool {
        let session = self.shown().unwrap_or(&self.session);
        let steps = self.place == Place::Run || self.place == Place::Player;
        let form = self
            .form
            .as_ref()
            .filter(|_| self.context() == Context::Form);
        match action {
            Action::ApproveAll => {
                !matches!(session.fold.state.awaiting, Some((Scope::Plan, _)) | None)
            }
            Action::Open if self.place == Place::Run => {
                !session.opened && session.view() != View::Result
            }
            Action::Choose => session.offers_ways(),
            Action::Plan if self.place == Place::Run => {
                session.offers_ways() && session.ways.as_ref().is_some_and(Ways::has_any)
            }
            Action::Plan => form.is_some_and(|form| !form.resolution.rows.is_empty()),
            Action::Switch => session.fold.state.finished.is_some(),
            Action::Chain => session.fold.chain().is_some(),
            Action::Wire => self.player.as_ref().is_some_and(Player::has_wire),
            Action::NextMatch | Action::PreviousMatch => self
                .player
                .as_ref()
                .is_some_and(|player| player.found().is_some()),
            Action::Back => match self.context() {
                Context::Form => self.start.is_some(),
                Context::Review => session.opened || self.can_return(),
                Context::Live | Context::Done => {
                    session.opened || session.view() == View::Steps || self.can_return()
                }
                Context::Player => session.opened,
                _ => true,
            },
            Action::Forget => form.is_some_and(Form::can_forget),
            Action::Next | Action::Previous => form.is_some_and(Form::has_choices),
            Action::ScrollUp | Action::ScrollDown if steps => {
                !self.is_single() || session.opened || session.view() == View::Result
            }
            Action::NextMark | Action::PreviousMark if !steps => {
                form.is_some_and(|form| form.problems() > 0)
            }
            _ => true,
        }
    }

    /// Whether a terminal is so narrow that list and text take turns.
    fn is_single(&self) -> bool {
        screens::steps::is_single(self.places().body)
    }

    fn places(&self) -> screens::Places {
        screens::frame(Rect::new(0, 0, self.size.width, self.size.height))
    }

    /// Whether the operator can go back from the run to the questions: nothing was changed, or the
    /// run has ended without success.
    fn can_return(&self) -> bool {
        let state = &self.session.fold.state;
        let ended = match &state.finished {
            Some((outcome, ..)) => outcome.is_unfinished(),
            None => state.awaiting.is_some() && state.acted.is_empty(),
        };
        ended && self.form.is_some()
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let context = self.context();
        let found = keymap::lookup(context, key).filter(|action| self.offers(*action));
        match (found, &mut self.form) {
            (Some(Action::Stop), _) => self.stop(),
            (Some(Action::Choose), _) => {
                if let KeyCode::Char(digit) = key.code {
                    let number = digit.to_digit(10).unwrap_or_default();
                    self.session.choose_way(number as usize);
                }
                Vec::new()
            }
            (Some(action), _) => self.act(context, action),
            (None, Some(form)) if matches!(context, Context::Edit | Context::Pick) => {
                form.key(key);
                Vec::new()
            }
            (None, None) if context == Context::Seek => {
                if let Some(prompt) = self.prompt() {
                    prompt.editor.key(key);
                }
                Vec::new()
            }
            (None, _) => Vec::new(),
        }
    }

    fn act(&mut self, context: Context, action: Action) -> Vec<Effect> {
        match (context, action) {
            (Context::Help, Action::Back) => self.help = None,
            (Context::Help, action) => self.scroll_help(action),
            (Context::Confirm, Action::Yes) => return self.leave_run(),
            (Context::Confirm, _) => self.confirming = false,
            (_, Action::Help) => self.show_help(context),
            (Context::Start, action) => return self.at_start(action),
            (Context::Form, Action::Back) => self.place = Place::Start,
            (_, Action::Quit) => self.quit(),
            (Context::Form | Context::Edit | Context::Pick, action) => {
                if let Some(form) = &mut self.form {
                    return form.act(action);
                }
            }
            (Context::Player | Context::Seek, action) => self.at_player(action),
            (_, action) => return self.at_run(action),
        }
        Vec::new()
    }

    fn at_start(&mut self, action: Action) -> Vec<Effect> {
        let Some(start) = &mut self.start else {
            return Vec::new();
        };
        match action {
            Action::Quit => self.over = true,
            Action::Open if start.starting => {}
            Action::Open if start.goes_on => {
                start.starting = true;
                start.failure = None;
                return vec![Effect::Resume(start.unfinished.run.clone())];
            }
            Action::Open => {
                self.place = Place::Form;
                if self.form.is_none() {
                    return self.open_form();
                }
            }
            Action::Up | Action::First => start.goes_on = true,
            Action::Down | Action::Last => start.goes_on = false,
            _ => {}
        }
        Vec::new()
    }

    fn at_run(&mut self, action: Action) -> Vec<Effect> {
        let awaiting = self
            .session
            .fold
            .state
            .awaiting
            .as_ref()
            .map(|(scope, _)| scope.clone());
        match (action, awaiting) {
            (Action::Approve, Some(scope)) => return vec![Effect::Send(Command::Approve(scope))],
            (Action::ApproveAll, Some(_)) => return vec![Effect::Send(Command::ApproveAll)],
            (Action::Decline, Some(_)) => return vec![Effect::Send(Command::Decline)],
            (Action::Back, _) if self.session.opened => self.session.act(action),
            (Action::Back, _) if self.session.view() == View::Steps => {
                self.session.act(Action::Switch);
            }
            (Action::Back, Some(_)) => {
                self.then = Then::BackToForm;
                return vec![Effect::Send(Command::Decline)];
            }
            (Action::Back, None) => self.back_to_form(),
            (Action::Plan, None) => return self.plan_again(),
            (action, _) => self.session.act(action),
        }
        Vec::new()
    }

    /// Goes back to the answers with what was chosen about conflicts, and on to the next plan.
    fn plan_again(&mut self) -> Vec<Effect> {
        let state = &self.session.fold.state;
        let ways = self.session.ways.as_ref();
        let answers = ways.map(|ways| ways.answers(state)).unwrap_or_default();
        self.back_to_form();
        let form = self.form.as_mut();
        form.map_or_else(Vec::new, |form| form.settle(answers))
    }

    /// Returns the line that is typed to find a moment.
    fn prompt(&mut self) -> Option<&mut Prompt> {
        self.player.as_mut()?.prompt.as_mut()
    }

    fn at_player(&mut self, action: Action) {
        let Some(player) = &mut self.player else {
            return;
        };
        match action {
            Action::Play => player.play(),
            Action::Advance => player.advance(),
            Action::Rewind => player.rewind(),
            Action::Begin => player.jump(false),
            Action::End => player.jump(true),
            Action::Faster => player.change_speed(true),
            Action::Slower => player.change_speed(false),
            Action::Open if player.prompt.is_some() => player.answer(),
            Action::Open => player.go_to_chosen(),
            Action::Back if player.prompt.is_some() => player.prompt = None,
            Action::NextStep => player.go_to_mark(true, |mark| mark.bound == Bound::Step),
            Action::PreviousStep => player.go_to_mark(false, |mark| mark.bound == Bound::Step),
            Action::NextTask => player.go_to_mark(true, |mark| mark.bound == Bound::Task),
            Action::PreviousTask => player.go_to_mark(false, |mark| mark.bound == Bound::Task),
            Action::NextProblem => player.go_to_mark(true, |mark| mark.severity > Severity::Fine),
            Action::PreviousProblem => {
                player.go_to_mark(false, |mark| mark.severity > Severity::Fine);
            }
            Action::Find => player.ask(Wanted::Text),
            Action::GoTo => player.ask(Wanted::Place),
            Action::NextMatch => player.go_to_match(true),
            Action::PreviousMatch => player.go_to_match(false),
            action => player.session.act(action),
        }
    }

    /// Leaves, or asks first while a run is active.
    fn quit(&mut self) {
        if self.place == Place::Run && self.session.is_active() {
            self.confirming = true;
        } else {
            self.over = true;
        }
    }

    /// Does what the confirmed wish to leave means: a plan is declined, a run is stopped.
    fn leave_run(&mut self) -> Vec<Effect> {
        self.confirming = false;
        self.then = Then::Leave;
        if !self.session.is_active() {
            self.over = true;
            return Vec::new();
        }
        if self.session.fold.state.awaiting.is_some() {
            return vec![Effect::Send(Command::Decline)];
        }
        self.stop()
    }

    /// The first stops before the next change, the second at once, the third leaves.
    fn stop(&mut self) -> Vec<Effect> {
        if self.place != Place::Run || !self.session.is_active() {
            self.over = true;
            return Vec::new();
        }
        self.session.stops += 1;
        if self.session.stops > 2 {
            self.outcome = Some(Outcome::Interrupted);
            self.over = true;
            return Vec::new();
        }
        vec![Effect::Send(Command::Cancel(Signal::Interrupt))]
    }

    fn terminate(&mut self) -> Vec<Effect> {
        if self.place != Place::Run || !self.session.is_active() {
            self.over = true;
            return Vec::new();
        }
        self.then = Then::Leave;
        self.session.stops += 1;
        vec![Effect::Send(Command::Cancel(Signal::Terminate))]
    }

    fn started(&mut self, result: Result<(), StepError>) {
        if let Some(start) = &mut self.start {
            start.starting = false;
        }
        if let Some(form) = &mut self.form {
            form.starting = false;
        }
        match (result, self.place) {
            (Ok(()), _) => {
                self.session = Session::default();
                self.session.ways = self.form.is_some().then(Ways::default);
                self.then = Then::ShowResult;
                self.place = Place::Run;
            }
            (Err(error), Place::Start) => {
                if let Some(start) = &mut self.start {
                    start.failure = Some(error);
                }
            }
            (Err(error), _) => {
                if let Some(form) = &mut self.form {
                    form.refused(error);
                }
            }
        }
    }

    fn event(&mut self, event: &Event) {
        self.session.event(event);
        let Some((outcome, ..)) = &self.session.fold.state.finished else {
            return;
        };
        self.outcome = Some(*outcome);
        self.confirming = false;
        match self.then {
            Then::ShowResult => {}
            Then::BackToForm => self.back_to_form(),
            Then::Leave => self.over = true,
        }
    }

    fn open_form(&mut self) -> Vec<Effect> {
        let (form, effect) = Form::open();
        self.form = Some(form);
        vec![effect]
    }

    fn back_to_form(&mut self) {
        self.place = Place::Form;
        self.then = Then::ShowResult;
    }

    fn show_help(&mut self, context: Context) {
        let mut lines = Lines::default();
        lines.heading("Keys");
        for binding in keymap::bindings(context) {
            let text = format!("{:<10} {}", binding.shown, binding.long);
            lines.marked(2, 11, Tone::Plain, &text);
        }
        let mut page = Page::default();
        page.show(lines);
        self.help = Some(page);
    }

    fn scroll_help(&mut self, action: Action) {
        let Some(help) = &mut self.help else { return };
        match action {
            Action::Up => help.scroll(-1),
            Action::Down => help.scroll(1),
            Action::ScrollUp => help.turn(false),
            Action::ScrollDown => help.turn(true),
            Action::First => help.go(false),
            Action::Last => help.go(true),
            _ => {}
        }
    }
}
