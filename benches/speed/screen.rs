//! The wizard's screens without a terminal: one frame, a key press to changed cells, and a jump in
//! a long recording.

use crossterm::event::KeyCode;
use divan::Bencher;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rok_deploy::ui::tui::Options;
use rok_deploy::ui::tui::model::{Model, Msg};
use rok_deploy::ui::tui::screens;

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
    let events = story(LONG);
    bencher
        .with_inputs(|| events.clone())
        .bench_local_values(|events| Model::player(options(), events));
}

/// From the first event to the last and back: the farthest jumps there are.
#[divan::bench]
fn player_jumps_in_100_000_events(bencher: Bencher) {
    let mut screen = Screen::of(Model::player(options(), story(LONG - 1)), (200, 60));
    let mut keys = [KeyCode::End, KeyCode::Home].into_iter().cycle();
    bencher.bench_local(|| {
        let key = keys.next().expect("a cycle has no end");
        screen.model.update(Msg::Key(key.into()));
        screen.draw();
    });
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
