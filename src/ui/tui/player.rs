//! A recorded run, played: any moment is the fold of the events before it.
//!
//! Folds are kept every so many events, so that a jump folds a bounded number of them however long
//! the recording is.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Recording;
use super::fold::Fold;
use super::moment::{Before, Moment};
use super::seek::{self, Found, Mark, Prompt, Wanted};
use super::session::Session;
use super::widgets::editor::Editor;
use crate::engine::{Event, EventKind};
use crate::ui::wire::{self, Request};

/// Events between two kept folds.
const STRIDE: usize = 4_000;

/// How many events before a moment its log is made of.
const LOG: usize = 300;

/// A pause of the recording longer than this is played as this long.
const LONGEST_PAUSE_MS: u64 = 2_000;

/// The speeds, in percent.
const SPEEDS: [u64; 8] = [25, 50, 100, 200, 400, 800, 3_200, 100_000];

/// A recording and a moment in it.
#[derive(Debug)]
pub struct Player {
    /// What it looks like.
    pub session: Session,
    /// Whether it plays.
    pub playing: bool,
    /// What is being typed to find a moment.
    pub prompt: Option<Prompt>,
    /// What somebody did to the record, a sentence each.
    pub problems: Vec<String>,
    events: Vec<Event>,
    requests: Arc<Vec<Request>>,
    /// Where the requests of each event end.
    ends: Vec<usize>,
    marks: Vec<Mark>,
    kept: Vec<Fold>,
    found: Option<Found>,
    /// What was asked for in vain.
    missed: Option<String>,
    position: usize,
    speed: usize,
    /// Played time since the last event, in milliseconds.
    pause: u64,
    last_tick: Option<Timestamp>,
}

impl Player {
    /// Opens a recording at its first event.
    pub fn new(recording: Recording) -> Self {
        let events = recording.events;
        let mut fold = Fold::default();
        let (mut kept, mut marks) = (vec![fold.clone()], Vec::new());
        for (place, event) in events.iter().enumerate() {
            fold.update(event);
            marks.extend(Mark::of(place, &event.event));
            if (place + 1) % STRIDE == 0 {
                kept.push(fold.clone());
            }
        }
        let times: Vec<_> = recording
            .requests
            .iter()
            .map(|request| request.at)
            .collect();
        let mut player = Self {
            session: Session::default(),
            playing: false,
            prompt: None,
            problems: recording.problems,
            ends: wire::by_event(&events, &times),
            events,
            requests: Arc::new(recording.requests),
            marks,
            kept,
            found: None,
            missed: None,
            position: 0,
            speed: 2,
            pause: 0,
            last_tick: None,
        };
        player.session.watched = true;
        player.go(1);
        player
    }

    /// Returns how many events have happened, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.position, self.events.len())
    }

    /// Returns the speed in percent.
    pub fn speed(&self) -> u64 {
        SPEEDS[self.speed]
    }

    /// Returns the events that somebody may look for, in order.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Whether there is a wire log.
    pub fn has_wire(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Returns what was asked for in vain.
    pub fn missed(&self) -> Option<&str> {
        self.missed.as_deref()
    }

    /// Returns the text of the last search, which match this is, if it is one, and how many there
    /// are.
    pub fn found(&self) -> Option<(&str, Option<usize>, usize)> {
        let found = self.found.as_ref()?;
        let here = self.position.checked_sub(1)?;
        let number = found
            .places
            .binary_search(&here)
            .ok()
            .map(|place| place + 1);
        Some((&found.text, number, found.places.len()))
    }

    /// Returns the time in the recording.
    pub fn now(&self) -> Option<Timestamp> {
        let last = self.events.get(self.position.checked_sub(1)?)?.at;
        let pause = i64::try_from(self.pause).unwrap_or(i64::MAX);
        last.checked_add(SignedDuration::from_millis(pause)).ok()
    }

    /// Goes to the moment after so many events.
    pub fn go(&mut self, position: usize) {
        let position = position.min(self.events.len());
        (self.pause, self.missed) = (0, None);
        let Some(last) = position.checked_sub(1) else {
            self.position = position;
            return;
        };
        if position <= self.position || position - self.position > LOG {
            let from = last / STRIDE;
            let mut fold = self.kept[from].clone();
            for event in &self.events[from * STRIDE..last] {
                fold.update(event);
            }
            let recent = &self.events[last.saturating_sub(LOG)..last];
            self.session.jump(fold, recent);
        } else {
            for event in &self.events[self.position..last] {
                self.session.event(event);
            }
        }
        let event = &self.events[last];
        let before = Before::of(&self.session.fold.state, event);
        self.session.event(event);
        let here = wire::of_event(&self.ends, last);
        let found = self.found.as_ref();
        let sought =
            found.and_then(|found| seek::request(&self.requests, here.clone(), &found.text));
        self.session.moment = Some(Moment::new(
            position,
            event.clone(),
            before,
            Arc::clone(&self.requests),
            here,
            sought,
        ));
        self.position = position;
    }

    /// Goes one event on.
    pub fn advance(&mut self) {
        self.go(self.position + 1);
    }

    /// Goes one event back.
    pub fn rewind(&mut self) {
        self.go(self.position.saturating_sub(1).max(1));
    }

    /// Goes to the beginning or to the end.
    pub fn jump(&mut self, to_end: bool) {
        self.go(if to_end { self.events.len() } else { 1 });
    }

    /// Goes to the next event with such a mark, or to the one before.
    pub fn go_to_mark(&mut self, forward: bool, wanted: impl Fn(&Mark) -> bool) {
        let Some(here) = self.position.checked_sub(1) else {
            return;
        };
        let found = if forward {
            let from = self.marks.partition_point(|mark| mark.place <= here);
            self.marks[from..].iter().find(|mark| wanted(mark))
        } else {
            let to = self.marks.partition_point(|mark| mark.place < here);
            self.marks[..to].iter().rfind(|mark| wanted(mark))
        };
        if let Some(mark) = found {
            self.go(mark.place + 1);
        }
    }

    /// Goes to the next match of the search, or to the one before; from the last to the first.
    pub fn go_to_match(&mut self, forward: bool) {
        let Some((found, here)) = self.found.as_ref().zip(self.position.checked_sub(1)) else {
            return;
        };
        let places = &found.places;
        let next = if forward {
            let place = places.partition_point(|place| *place <= here);
            places.get(place).or(places.first())
        } else {
            let place = places.partition_point(|place| *place < here);
            places[..place].last().or(places.last())
        };
        if let Some(place) = next {
            self.go(place + 1);
        }
    }

    /// Begins to ask for a text or a place.
    pub fn ask(&mut self, wanted: Wanted) {
        let editor = Editor::default();
        self.prompt = Some(Prompt { wanted, editor });
    }

    /// Goes to what was asked for.
    pub fn answer(&mut self) {
        let Some(Prompt { wanted, editor }) = self.prompt.take() else {
            return;
        };
        let text = editor.text().trim();
        self.playing = false;
        let place = match wanted {
            _ if text.is_empty() => return,
            Wanted::Place => seek::place_of(&self.events, text),
            Wanted::Text => {
                let found = seek::find(&self.events, &self.requests, &self.ends, text);
                let next = found
                    .places
                    .partition_point(|place| place + 1 < self.position);
                let place = found.places.get(next).or(found.places.first()).copied();
                self.found = place.is_some().then_some(found);
                place
            }
        };
        match place {
            Some(place) => self.go(place + 1),
            None if wanted == Wanted::Text => self.missed = Some(format!("`{text}` is nowhere")),
            None => self.missed = Some(format!("there is no event, time, step or task `{text}`")),
        }
    }

    /// Goes to the moment when the chosen step ended.
    pub fn go_to_chosen(&mut self) {
        let Some(chosen) = self.session.chosen_step().map(|step| step.id.clone()) else {
            return;
        };
        let ends = |event: &Event| match &event.event {
            EventKind::StepDone { step, .. } | EventKind::StepFailed { step, .. } => {
                *step == chosen
            }
            _ => false,
        };
        if let Some(place) = self.events.iter().rposition(ends) {
            self.go(place + 1);
        }
    }

    /// Plays or pauses; at the end it plays from the beginning.
    pub fn play(&mut self) {
        if !self.playing && self.position == self.events.len() {
            self.jump(false);
        }
        self.playing = !self.playing;
        self.last_tick = None;
    }

    /// Plays faster or slower.
    pub fn change_speed(&mut self, faster: bool) {
        let speed = if faster {
            self.speed + 1
        } else {
            self.speed.saturating_sub(1)
        };
        self.speed = speed.min(SPEEDS.len() - 1);
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp) {
        let before = self.last_tick.replace(now);
        let (true, Some(before)) = (self.playing, before) else {
            return;
        };
        let passed = crate::ui::words::between(before, now).min(1_000);
        let mut budget = self.pause + passed * self.speed() / 100;
        let mut position = self.position;
        while let Some(gap) = self.gap(position) {
            if budget < gap {
                break;
            }
            budget -= gap;
            position += 1;
        }
        if position != self.position {
            self.go(position);
        }
        self.pause = budget;
        if self.position == self.events.len() {
            (self.playing, self.pause) = (false, 0);
        }
    }

    /// Returns how long the recording pauses after so many events.
    fn gap(&self, position: usize) -> Option<u64> {
        let next = self.events.get(position)?;
        let Some(last) = position.checked_sub(1) else {
            return Some(0);
        };
        Some(crate::ui::words::between(self.events[last].at, next.at).min(LONGEST_PAUSE_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RunState;
    use crate::ui::samples;
    use crate::ui::tui::screens::steps::Panes;

    fn long(repeats: usize) -> Vec<Event> {
        let mut story = samples::Story::new().then(0, samples::started(false));
        for _ in 0..repeats {
            story = story.acts("aws.iam-role", vec![samples::role_change()]);
        }
        story.tell()
    }

    #[test]
    fn any_moment_is_the_fold_of_the_events_before_it() {
        let events = long(3_000);
        let mut player = Player::new(events.clone().into());
        for position in [1, 2, 3_999, 4_000, 4_001, events.len(), 5, 8_500] {
            player.go(position);
            let expected = RunState::of(&events[..position]);
            let shown = &player.session.fold.state;
            assert_eq!(
                format!("{shown:?}"),
                format!("{expected:?}"),
                "at {position}"
            );
        }
    }

    #[test]
    fn long_pauses_are_shortened_and_speed_counts() {
        let mut player = Player::new(samples::settling().into());
        player.play();
        let mut now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        player.tick(now);
        let mut ticks = 0;
        while player.playing {
            now += SignedDuration::from_millis(100);
            player.tick(now);
            ticks += 1;
            assert!(ticks < 200, "34 s of a run take no 20 s");
        }
        assert_eq!(
            player.progress(),
            (player.events.len(), player.events.len())
        );
    }

    #[test]
    fn going_to_a_step_shows_it_at_its_end() {
        let mut player = Player::new(samples::finished().into());
        let area = ratatui::layout::Rect::new(0, 0, 80, 40);
        player.session.prepare(Panes {
            list: area,
            page: area,
            ..Panes::default()
        });
        let wanted = |player: &Player| player.session.chosen_step().map(|step| step.id.clone());
        while wanted(&player).as_deref() != Some("aws.iam-policy") {
            player.session.act(super::super::keymap::Action::Down);
        }
        player.go_to_chosen();
        let (position, _) = player.progress();
        assert!(matches!(
            &player.events[position - 1].event,
            EventKind::StepDone { step, .. } if step == "aws.iam-policy"
        ));
    }
}
