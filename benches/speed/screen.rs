//! The wizard's screens without a terminal: one frame, a key press to changed cells, and a jump and
//! a search in a long recording.

use crossterm::event::KeyCode;
use divan::Bencher;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rok_deploy::engine::Event;
use rok_deploy::ui::tui::model::{Model, Msg};
use rok_deploy::ui::tui::screens;
use rok_deploy::ui::tui::{Options, Recording};
use rok_deploy::ui::wire::Request;

use crate::story::{LONG, story};

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

#[divan::bench(args = SIZES)]
fn frame(bencher: Bencher, size: (u16, u16)) {
    let mut screen = Screen::of(Model::player(options(), story(500)), size);
    bencher.bench_local(|| screen.draw());
}

#[divan::bench(args = SIZES)]
fn key_to_changed_screen(bencher: Bencher, size: (u16, u16)) {
    let mut screen = Screen::of(Model::player(options(), story(500)), size);
    let mut keys = [KeyCode::Down, KeyCode::Up].into_iter().cycle();
    bencher.bench_local(|| {
        let key = keys.next().expect("a cycle has no end");
        screen.model.update(Msg::Key(key.into()));
        screen.draw();
    });
}

#[divan::bench(sample_count = 10)]
fn player_opens_100_000_events(bencher: Bencher) {
    let recording = recording(LONG);
    bencher
        .with_inputs(|| recording.clone())
        .bench_local_values(|recording| Model::player(options(), recording));
}

/// From the first event to the last and back: the farthest jumps there are.
#[divan::bench]
fn player_jumps_in_100_000_events(bencher: Bencher) {
    let mut screen = Screen::of(Model::player(options(), recording(LONG - 1)), (200, 60));
    let mut keys = [KeyCode::End, KeyCode::Home].into_iter().cycle();
    bencher.bench_local(|| {
        let key = keys.next().expect("a cycle has no end");
        screen.model.update(Msg::Key(key.into()));
        screen.draw();
    });
}

/// A text that is nowhere: every event and every request is looked at to its end.
#[divan::bench(sample_count = 10)]
fn player_searches_100_000_events(bencher: Bencher) {
    let mut screen = Screen::of(Model::player(options(), recording(LONG)), (200, 60));
    bencher.bench_local(|| {
        let typed = "/no such role".chars().map(KeyCode::Char);
        for key in typed.chain([KeyCode::Enter]) {
            screen.model.update(Msg::Key(key.into()));
        }
        screen.draw();
    });
}

/// A run with a request for every second event.
fn recording(length: usize) -> Recording {
    let events = story(length);
    let request = |event: &Event| Request {
        at: event.at,
        client: "aws".into(),
        method: "POST".into(),
        operation: "iam:GetPolicyVersion".into(),
        target: "https://iam.amazonaws.com".into(),
        status: Some(200),
        request_id: Some(format!("6b72bca5-d13b-7a07-02e4-{:012}", event.seq)),
        attempt: 1,
        duration_ms: 34,
        error: None,
        write: false,
    };
    Recording {
        requests: events.iter().step_by(2).map(request).collect(),
        events,
        problems: Vec::new(),
    }
}

struct Screen {
    model: Model,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    fn of(mut model: Model, (width, height): (u16, u16)) -> Self {
        model.update(Msg::Tick(jiff::Timestamp::UNIX_EPOCH));
        model.update(Msg::Resize(width, height));
        let terminal =
            Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
        let mut screen = Self { model, terminal };
        screen.draw();
        screen
    }

    fn draw(&mut self) {
        self.model.prepare();
        self.terminal
            .draw(|target| screens::draw(&self.model, target))
            .expect("a terminal in memory");
    }
}

fn options() -> Options {
    Options {
        practice: true,
        color: true,
        version: "0.1.0".into(),
    }
}
