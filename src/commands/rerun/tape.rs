//! The recording as it is played back to a process: answers every call in its recorded turn, accepts
//! every event that is as it was, and stops at the first difference.
//!
//! Steps work at the same time, and no two processes interleave them alike. So a call is found by what
//! is asked and for which step, and an answer is held back until the journal is where it was when the
//! answer came. Events of different steps may come in another order than they were recorded in; they
//! are told in the recorded one.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::difference::{Difference, first_in};
use crate::clients::gate::{Answer, Call, Ended, Instead, Keeper};
use crate::clients::recording::redact::{self, Redactor};
use crate::clients::recording::{CallLine, EndedLine, digest};
use crate::commands::recorded::{CLOCK, OPERATOR};
use crate::engine::ports::Recorder;
use crate::engine::{Event, EventKind, at_work};

/// How long nothing may happen before the next answer comes out of its turn: two steps may wait for one
/// another when one of them came first to what they share.
const STALLED: Duration = Duration::from_secs(1);

/// How long nothing may happen at all.
const DEAD: Duration = Duration::from_secs(20);

/// What is answered of what Git does; its other local work is done again, in the clone of the rerun.
/// A commit that the program makes passes hooks and carries a signature, so nobody can make it again.
const ANSWERED: [&str; 5] = ["clone", "fetch", "push", "commit", "commit-tree"];

/// One process of a recording.
pub(super) struct Tape {
    inner: Mutex<Inner>,
    moved: watch::Sender<u64>,
    redactor: Redactor,
    /// Where the paths of the rerun begin.
    root: String,
}

struct Inner {
    entries: Vec<Entry>,
    by_call: HashMap<Key, Vec<usize>>,
    events: Vec<Expected>,
    /// How many events were told.
    told: usize,
    /// The number of the last event before this process.
    base: u64,
    time: jiff::Timestamp,
    waiting: BTreeSet<usize>,
    forced: Option<usize>,
    last_moved: Instant,
    difference: Option<Difference>,
    out: mpsc::UnboundedSender<Event>,
}

/// Who, what, and with which input.
type Key = (String, String, String);

struct Entry {
    line: CallLine,
    used: bool,
    /// The step that it was given to.
    given_to: Option<&'static str>,
}

impl Entry {
    fn give_to(&mut self, step: Option<&'static str>) {
        self.used = true;
        self.given_to = step;
    }
}

struct Expected {
    event: Event,
    value: Value,
    came: bool,
}

impl Tape {
    /// Returns the tape of a process: its calls, its events, and who hears those that came.
    pub(super) fn new(
        calls: Vec<CallLine>,
        events: &[Event],
        root: &str,
        out: mpsc::UnboundedSender<Event>,
    ) -> io::Result<Arc<Self>> {
        let mut by_call: HashMap<Key, Vec<usize>> = HashMap::new();
        for (place, line) in calls.iter().enumerate() {
            by_call.entry(key_of(line)).or_default().push(place);
        }
        let first = events.first().map(|event| (event.seq - 1, event.at));
        let (base, time) = first.unwrap_or((0, jiff::Timestamp::UNIX_EPOCH));
        let expected = |event: &Event| Expected {
            value: serde_json::to_value(&event.event).expect("an event is plain values"),
            event: event.clone(),
            came: false,
        };
        let entry = |line| Entry {
            line,
            used: false,
            given_to: None,
        };
        Ok(Arc::new(Self {
            inner: Mutex::new(Inner {
                entries: calls.into_iter().map(entry).collect(),
                by_call,
                events: events.iter().map(expected).collect(),
                told: 0,
                base,
                time,
                waiting: BTreeSet::new(),
                forced: None,
                last_moved: Instant::now(),
                difference: None,
                out,
            }),
            moved: watch::Sender::new(0),
            redactor: Redactor::new()?,
            root: root.into(),
        }))
    }

    /// Returns the time of the recording.
    pub(super) fn time(&self) -> jiff::Timestamp {
        self.lock().time
    }

    /// Returns how many calls of the recording were made.
    pub(super) fn calls(&self) -> usize {
        let inner = self.lock();
        let calls = inner.entries.iter().filter(|entry| {
            let is_call = ![CLOCK, OPERATOR].contains(&entry.line.client.as_str());
            entry.used && is_call
        });
        calls.count()
    }

    /// Waits until every event came, or until one of them, or a call, was another.
    pub(super) async fn ended(&self) -> Option<Difference> {
        let mut moved = self.moved.subscribe();
        loop {
            {
                let inner = self.lock();
                if inner.difference.is_some() || inner.told == inner.events.len() {
                    return inner.difference.clone();
                }
            }
            tokio::select! {
                _ = moved.changed() => {}
                () = tokio::time::sleep(STALLED / 4) => self.watch(),
            }
        }
    }

    /// Returns the first change that the recording has and nobody asked for.
    pub(super) fn left(&self) -> Option<Difference> {
        let inner = self.lock();
        if inner.was_broken_off() {
            return None;
        }
        let left = inner.entries.iter().find(|entry| {
            let line = &entry.line;
            let tolerated = line.early || is_lease(&line.operation);
            line.write && !entry.used && !tolerated && line.ended != EndedLine::GivenUp
        })?;
        Some(Difference::left(&left.line))
    }

    /// Gives the operator's commands in their turn.
    pub(super) fn commands(&self) -> Vec<usize> {
        let inner = self.lock();
        let of_operator = |(_, entry): &(usize, &Entry)| entry.line.client == OPERATOR;
        let entries = inner.entries.iter().enumerate();
        entries
            .filter(of_operator)
            .map(|(place, _)| place)
            .collect()
    }

    /// Waits for the turn of an entry, and returns what was done and how it ended.
    pub(super) async fn turn(&self, place: usize) -> io::Result<(String, Ended)> {
        let mut moved = self.moved.subscribe();
        let _waiting = Waiting::of(self, place);
        loop {
            {
                let mut inner = self.lock();
                if inner.difference.is_some() {
                    return Err(stopped());
                }
                if inner.is_turn(place) {
                    let line = &inner.entries[place].line;
                    let (at, operation) = (line.at, line.operation.clone());
                    let ended = line.ended.ended();
                    let Some(ended) = ended else {
                        let difference = Difference::too_large(&inner.entries[place].line);
                        drop(inner);
                        return Err(self.differs(difference));
                    };
                    // What was given up has no answer that time could go by.
                    if ended != Ended::GivenUp {
                        inner.time = inner.time.max(at);
                    }
                    inner.forced = None;
                    drop(inner);
                    self.move_on();
                    return Ok((operation, ended));
                }
            }
            moved.changed().await.map_err(io::Error::other)?;
        }
    }

    /// Finds the entry of a call and takes it. A process that was killed leaves calls without an end.
    fn take(
        &self,
        client: &str,
        operation: &str,
        input: &[u8],
    ) -> Result<Option<usize>, Difference> {
        let operation = redact::text(&operation.replace(&self.root, ""));
        let input = match str::from_utf8(input) {
            Ok(text) => digest(text.replace(&self.root, "").as_bytes(), &self.redactor),
            Err(_) => digest(input, &self.redactor),
        };
        let step = at_work();
        let mut inner = self.lock();
        inner.last_moved = Instant::now();
        let key = (client.to_owned(), operation, input);
        if let Some(place) = inner.find(&key, step) {
            inner.entries[place].give_to(step);
            return Ok(Some(place));
        }
        if inner.was_killed() && !inner.knows(&key, step) {
            return Ok(None);
        }
        Err(inner.not_recorded(&key, step))
    }

    /// Takes the next entry of the clock for the step at work.
    pub(super) fn take_time(&self, operation: &str) -> Option<usize> {
        let step = at_work();
        let mut inner = self.lock();
        let key = (CLOCK.to_owned(), operation.to_owned(), String::new());
        let places = inner.by_call.get(&key)?.clone();
        let place = places.into_iter().find(|place| {
            let entry = &inner.entries[*place];
            !entry.used && entry.line.step.as_deref() == step
        })?;
        inner.entries[place].give_to(step);
        Some(place)
    }

    /// Returns the time that a step read, when it read it in the recording.
    pub(super) fn read_time(&self) -> jiff::Timestamp {
        // The loop goes by the time of its events.
        let read = at_work().and_then(|_| self.take_time("now"));
        let read = read.and_then(|place| {
            let Some(Ended::Answered(answer)) = self.lock().entries[place].line.ended.ended()
            else {
                return None;
            };
            str::from_utf8(&answer.body).ok()?.parse().ok()
        });
        read.unwrap_or_else(|| self.time())
    }

    /// Notes the first difference; everything after it is refused.
    pub(super) fn differs(&self, difference: Difference) -> io::Error {
        self.lock().difference.get_or_insert(difference);
        self.move_on();
        stopped()
    }

    fn move_on(&self) {
        self.lock().last_moved = Instant::now();
        self.moved.send_modify(|count| *count += 1);
    }

    /// Lets the earliest of those who wait go on when nothing moves.
    fn watch(&self) {
        let mut inner = self.lock();
        let idle = inner.last_moved.elapsed();
        if idle < STALLED {
            return;
        }
        if let Some(earliest) = inner.waiting.first().copied() {
            inner.forced = Some(earliest);
            drop(inner);
            self.move_on();
        } else if idle > DEAD {
            let difference = Difference::stuck(&inner.events[inner.told].event);
            drop(inner);
            self.differs(difference);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_turn(&self, place: usize) -> bool {
        let line = &self.entries[place].line;
        line.early || self.forced == Some(place) || line.position <= self.base + self.told as u64
    }

    fn find(&self, key: &Key, step: Option<&str>) -> Option<usize> {
        let places = self.by_call.get(key).map_or(&[][..], Vec::as_slice);
        let is_free = |place: &&usize| {
            let entry = &self.entries[**place];
            !entry.used && !entry.line.early
        };
        let is_of_step = |place: &&usize| self.entries[**place].line.step.as_deref() == step;
        let mut free = places.iter().filter(is_free);
        let found = free
            .clone()
            .find(is_of_step)
            .or_else(|| free.next())
            // What was asked before the run began was remembered.
            .or_else(|| {
                places
                    .iter()
                    .rfind(|place| self.entries[**place].line.early)
            });
        found
            .copied()
            .or_else(|| self.find_given_away(places, step))
            .or_else(|| self.find_repeated(key))
    }

    /// A step whose own call was on its way when the process was killed asks the same as another one,
    /// and may be the first to ask. Then the other one still gets the answer that it had.
    fn find_given_away(&self, places: &[usize], step: Option<&str>) -> Option<usize> {
        let is_given_away = |place: &&usize| {
            let entry = &self.entries[**place];
            entry.line.step.as_deref() == step && entry.given_to != step
        };
        let mut places = places.iter().filter(|_| self.was_killed());
        places.find(is_given_away).copied()
    }

    /// How often a Lease is renewed depends on how long the run takes, and how often credentials are
    /// looked up on who asks for them at the same time.
    fn find_repeated(&self, (client, operation, _): &Key) -> Option<usize> {
        let is_login = ["aws", "azure"].contains(&&client[..]) && operation == "credentials";
        if !is_lease(operation) && !is_login {
            return None;
        }
        let is_like =
            |entry: &Entry| entry.line.client == *client && entry.line.operation == *operation;
        let alike = || (0..self.entries.len()).filter(|place| is_like(&self.entries[*place]));
        alike()
            .find(|place| !self.entries[*place].used)
            .or_else(|| alike().next_back())
    }

    /// Whether the process ended without saying so.
    fn was_killed(&self) -> bool {
        let last = self.events.last().map(|expected| &expected.event.event);
        !matches!(last, Some(EventKind::RunFinished { .. }))
    }

    /// Whether steps were broken off.
    fn was_broken_off(&self) -> bool {
        let stops = |expected: &Expected| {
            matches!(
                expected.event.event,
                EventKind::StopRequested { now: true, .. }
            )
        };
        self.events.iter().any(stops)
    }

    /// Whether the recording has something else that the step did next.
    fn knows(&self, key: &Key, step: Option<&str>) -> bool {
        self.next_of(&key.0, step).is_some()
    }

    /// Returns the next call of that client for the step that nobody has made yet.
    fn next_of(&self, client: &str, step: Option<&str>) -> Option<&CallLine> {
        let lines = self
            .entries
            .iter()
            .filter(|entry| !entry.used && !entry.line.early);
        let mut lines = lines.map(|entry| &entry.line);
        lines.find(|line| line.client == client && line.step.as_deref() == step)
    }

    fn not_recorded(&self, key: &Key, step: Option<&str>) -> Difference {
        let next = self.next_of(&key.0, step);
        let like = self
            .entries
            .iter()
            .map(|entry| &entry.line)
            .find(|line| line.client == key.0 && line.operation == key.1);
        let after = self.base + self.told as u64;
        Difference::call(after, step, (&key.0, &key.1), next, like.is_some())
    }

    fn accept(&mut self, event: &Event, root: &str) -> Result<(), Difference> {
        let mut value = serde_json::to_value(&event.event).expect("an event is plain values");
        strip(&mut value, root);
        let name = thread_of(&value);
        let same_thread =
            |expected: &&mut Expected| !expected.came && thread_of(&expected.value) == name;
        let (told, was_killed) = (self.told, self.was_killed());
        let Some(expected) = self.events[told..].iter_mut().find(same_thread) else {
            // It got further than the process that was killed.
            if was_killed {
                return Ok(());
            }
            let next = self.events.get(told).map(|expected| &expected.event);
            return Err(Difference::event(next, &value, None));
        };
        // A hash of findings and changes, which are compared one by one, and of paths, which lead
        // elsewhere.
        if let (Some(recorded), Some(now)) = (
            expected.value.get("fingerprint"),
            value.get_mut("fingerprint"),
        ) {
            now.clone_from(recorded);
        }
        if let Some(where_) = first_in(&expected.value, &value) {
            return Err(Difference::event(
                Some(&expected.event),
                &value,
                Some(where_),
            ));
        }
        expected.came = true;
        if let EventKind::RunFinished { .. } = expected.event.event
            && self.was_broken_off()
        {
            // What a step still said in the moment that it was broken off is a matter of luck.
            self.events.iter_mut().for_each(|event| event.came = true);
        }
        while let Some(next) = self.events.get(self.told).filter(|next| next.came) {
            self.time = self.time.max(next.event.at);
            // A frontend that has gone does not stop the rerun.
            self.out.send(next.event.clone()).ok();
            self.told += 1;
        }
        Ok(())
    }
}

/// What happens one after the other: what one step does, and what none does.
fn thread_of(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    match text("kind") {
        "warning" => format!("warning {}", text("text")),
        _ => text("step").to_owned(),
    }
}

/// Takes the place of the rerun out of every text.
fn strip(value: &mut Value, root: &str) {
    match value {
        Value::String(text) if text.contains(root) => *text = text.replace(root, ""),
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, root)),
        Value::Object(fields) => fields.values_mut().for_each(|value| strip(value, root)),
        _ => {}
    }
}

fn key_of(line: &CallLine) -> Key {
    (
        line.client.clone(),
        line.operation.clone(),
        line.input.clone(),
    )
}

fn is_lease(operation: &str) -> bool {
    operation.contains("/leases")
}

fn stopped() -> io::Error {
    io::Error::other("the rerun has stopped at a difference")
}

/// Somebody who waits for the turn of an entry.
struct Waiting<'a> {
    tape: &'a Tape,
    place: usize,
}

impl<'a> Waiting<'a> {
    fn of(tape: &'a Tape, place: usize) -> Self {
        tape.lock().waiting.insert(place);
        Self { tape, place }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.tape.lock().waiting.remove(&self.place);
    }
}

/// The keeper of a rerun: nothing goes out.
pub(super) struct Player(pub(super) Arc<Tape>);

impl Player {
    fn is_done_again(call: &Call) -> bool {
        let mut words = call.operation.split(' ');
        let mut verb = words.next().unwrap_or_default();
        while verb == "-c" {
            verb = words.nth(1).unwrap_or_default();
        }
        match call.client {
            "files" => true,
            "git" => call.write && !ANSWERED.contains(&verb),
            _ => false,
        }
    }
}

impl Keeper for Player {
    fn before(&self, call: &Call) -> io::Result<Option<Answer>> {
        if call.client != "journal" && Self::is_done_again(call) {
            let found = self
                .0
                .take(call.client, &call.operation, &call.input)
                .map_err(|difference| self.0.differs(difference))?;
            // The process was killed before it came to that.
            found.ok_or_else(stopped)?;
        }
        Ok(None)
    }

    fn instead(&self, call: &Call) -> Option<Instead> {
        if call.client == "journal" || Self::is_done_again(call) {
            return None;
        }
        let tape = Arc::clone(&self.0);
        let found = tape.take(call.client, &call.operation, &call.input);
        Some(Box::pin(async move {
            match found {
                Ok(Some(place)) => tape.turn(place).await.map(|(_, ended)| ended),
                // It was on its way when the process was killed.
                Ok(None) => Ok(Ended::GivenUp),
                Err(difference) => Err(tape.differs(difference)),
            }
        }))
    }

    fn after(&self, _call: &Call, _ended: &Ended) -> io::Result<()> {
        Ok(())
    }
}

/// The recorder of a rerun: an event is accepted when it is as it was recorded.
pub(super) struct Comparing(pub(super) Arc<Tape>);

impl Recorder for Comparing {
    fn record(&mut self, event: &Event, _durable: bool) -> io::Result<()> {
        let accepted = {
            let mut inner = self.0.lock();
            if inner.difference.is_some() {
                return Err(stopped());
            }
            inner.accept(event, &self.0.root)
        };
        match accepted {
            Ok(()) => {
                self.0.move_on();
                Ok(())
            }
            Err(difference) => Err(self.0.differs(difference)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::working;

    /// The tape of a process that was killed while one step had its answer and another had none yet.
    fn killed() -> Arc<Tape> {
        let line = |step: &str| CallLine {
            at: jiff::Timestamp::UNIX_EPOCH,
            position: 0,
            early: false,
            step: Some(step.into()),
            client: "aws".into(),
            operation: "iam:GetRole".into(),
            input: String::new(),
            write: false,
            ended: EndedLine::Failed("io: reset".into()),
        };
        let (out, _) = mpsc::unbounded_channel();
        Tape::new(vec![line("aws.iam-role")], &[], "/root", out).unwrap()
    }

    #[test]
    fn who_had_an_answer_has_it_although_another_step_asked_first() {
        let tape = killed();
        let ask = |step| working(Some(step), || tape.take("aws", "iam:GetRole", b""));
        assert_eq!(ask("aws.policy-attachment").unwrap(), Some(0));
        assert_eq!(ask("aws.iam-role").unwrap(), Some(0));
        // And once only: the second one was on its way.
        assert_eq!(ask("aws.iam-role").unwrap(), None);
    }
}
