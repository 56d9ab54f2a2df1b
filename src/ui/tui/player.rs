//! A recorded run, played: any moment is the fold of the events before it.
//!
//! Folds are kept every so many events, so that a jump folds a bounded number of them however long
//! the recording is.

use jiff::{SignedDuration, Timestamp};

use super::Recording;
use super::fold::Fold;
use super::session::Session;
use crate::engine::{Event, EventKind};

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
    events: Vec<Event>,
    kept: Vec<Fold>,
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
        let mut kept = vec![fold.clone()];
        for (place, event) in events.iter().enumerate() {
            fold.update(event);
            if (place + 1) % STRIDE == 0 {
                kept.push(fold.clone());
            }
        }
        let mut player = Self {
            session: Session::default(),
            playing: false,
            events,
            kept,
            position: 0,
            speed: 2,
            pause: 0,
            last_tick: None,
        };
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

    /// Returns the time in the recording.
    pub fn now(&self) -> Option<Timestamp> {
        let last = self.events.get(self.position.checked_sub(1)?)?.at;
        let pause = i64::try_from(self.pause).unwrap_or(i64::MAX);
        last.checked_add(SignedDuration::from_millis(pause)).ok()
    }

    /// Goes to the moment after so many events.
    pub fn go(&mut self, position: usize) {
        let position = position.min(self.events.len());
        self.pause = 0;
        if position == self.position + 1 {
            self.session.event(&self.events[self.position]);
            self.position = position;
            return;
        }
        let from = position / STRIDE;
        let mut fold = self.kept[from].clone();
        for event in &self.events[from * STRIDE..position] {
            fold.update(event);
        }
        let recent = &self.events[position.saturating_sub(LOG)..position];
        self.session.jump(fold, recent);
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
        while let Some(gap) = self.gap() {
            if budget < gap {
                break;
            }
            budget -= gap;
            self.advance();
        }
        self.pause = budget;
        if self.position == self.events.len() {
            (self.playing, self.pause) = (false, 0);
        }
    }

    /// Returns how long the recording pauses before the next event.
    fn gap(&self) -> Option<u64> {
        let next = self.events.get(self.position)?;
        let Some(last) = self.position.checked_sub(1) else {
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
