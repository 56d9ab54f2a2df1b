//! A real terminal with the built binary in it: a pseudo-terminal whose output `vt100` reads.
//!
//! Nothing waits by the clock: a test names the words that it expects on the screen, and a
//! deadline decides when their absence is a failure, which shows the screen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use super::env::TestEnv;
use super::kill_group;

/// How long words may take to appear. Generous: it only decides when a hang becomes a failure.
const DEADLINE: Duration = Duration::from_mins(1);

pub const UP: &str = "\x1b[A";
pub const DOWN: &str = "\x1b[B";
pub const RIGHT: &str = "\x1b[C";
pub const HOME: &str = "\x1b[H";
pub const END: &str = "\x1b[F";
pub const TAB: &str = "\t";
pub const ENTER: &str = "\r";
pub const ESCAPE: &str = "\x1b";
pub const CONTROL_C: &str = "\x03";
pub const CONTROL_U: &str = "\x15";

/// Lets a second pass in which nobody presses a key: here the idle time is what is tested.
pub fn stay_idle() {
    thread::sleep(Duration::from_secs(1));
}

/// A program in a terminal of its own. Dropped, it is killed with its children.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    leader: u32,
    modes: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// What the program wrote, and how it ended.
#[derive(Default)]
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    closed: bool,
    exit: Option<ExitStatus>,
}

impl Terminal {
    /// Starts the built `rok-deploy` in a terminal of so many columns and rows.
    pub fn start(env: &TestEnv, size: (u16, u16), arguments: &[&str]) -> Self {
        Self::of(&env.command(arguments), size)
    }

    /// Starts a program in a terminal of so many columns and rows.
    pub fn of(command: &Command, (columns, rows): (u16, u16)) -> Self {
        let pair = native_pty_system()
            .openpty(size_of(columns, rows))
            .expect("the system has pseudo-terminals");
        let modes = modes(&*pair.master);
        let mut child = pair
            .slave
            .spawn_command(in_terminal(command))
            .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        let leader = child.process_id().expect("a started child has an id");
        let mut reader = pair.master.try_clone_reader().expect("a master is read");
        let keyboard = pair.master.take_writer().expect("a master is written");

        let shared = Arc::new(Shared::default());
        shared.update(|seen| seen.parser = parser_of(columns, rows));
        let reading = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            // The last program to leave a terminal makes reading from it fail.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                reading.update(|seen| {
                    seen.parser.process(&buffer[..length]);
                    seen.bytes.extend_from_slice(&buffer[..length]);
                });
            }
            reading.update(|seen| seen.closed = true);
        });
        let waiting = Arc::clone(&shared);
        thread::spawn(move || {
            let exit = child.wait().expect("a child can be waited for");
            waiting.update(|seen| seen.exit = Some(exit));
        });
        Self {
            master: pair.master,
            keyboard,
            leader,
            modes,
            shared,
        }
    }

    /// Waits until the words are on the screen.
    pub fn wait_for(&self, words: &str) {
        self.wait_until(&format!("{words:?}"), |screen| screen.contains(words));
    }

    /// Waits until the words are not on the screen.
    pub fn wait_for_gone(&self, words: &str) {
        let what = format!("the end of {words:?}");
        self.wait_until(&what, |screen| !screen.contains(words));
    }

    /// Waits until the screen is as it should be; `what` says how, for the failure.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let seen = self.shared.wait(|seen| holds(&text_of(seen)));
        assert!(
            holds(&text_of(&seen)),
            "no {what} on the screen after {DEADLINE:?}; ended with {:?}:\n{}",
            seen.exit,
            text_of(&seen),
        );
    }

    /// Waits until the words are on the screen and the frame that brought them is whole, and
    /// returns that screen. A frame ends with the end of its synchronized update.
    pub fn frame_with(&self, words: &str) -> String {
        let is_whole =
            |seen: &Seen| text_of(seen).contains(words) && seen.bytes.ends_with(b"\x1b[?2026l");
        let seen = self.shared.wait(is_whole);
        assert!(
            is_whole(&seen),
            "no whole frame with {words:?} after {DEADLINE:?}:\n{}",
            text_of(&seen),
        );
        text_of(&seen)
    }

    /// Types keys as a terminal sends them.
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("a program that runs has a keyboard");
    }

    /// Pastes text as a terminal in bracketed-paste mode does.
    pub fn paste(&mut self, text: &str) {
        self.type_keys(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Gives the terminal another size, of which the program is told by a signal.
    pub fn resize(&mut self, (columns, rows): (u16, u16)) {
        // In this order, so that what the program draws at the new size finds it.
        self.shared.update(|seen| {
            seen.parser.set_size(nonzero(rows), nonzero(columns));
        });
        self.master
            .resize(size_of(columns, rows))
            .expect("a pseudo-terminal can be resized");
    }

    /// Sends a signal to the program, and not to its children.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.leader.to_string()])
            .stdin(Stdio::null())
            .status()
            .expect("kill is on the PATH");
        assert!(status.success(), "the program was gone before SIG{name}");
    }

    /// Returns the text of the screen, rows without trailing blanks.
    pub fn screen(&self) -> String {
        text_of(&self.shared.lock())
    }

    /// Returns all that was written so far.
    pub fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().bytes).into_owned()
    }

    /// Waits for the program's end, which has to be by a signal.
    pub fn expect_killed(&self) {
        let seen = self.ended();
        let exit = seen.exit.as_ref().expect("it has ended");
        assert!(exit.signal().is_some(), "ended with {exit:?}");
    }

    /// Waits for the program's end, which has to be that exit code.
    pub fn expect_exit(&self, code: u32) {
        let seen = self.ended();
        let exit = seen.exit.as_ref().expect("it has ended");
        assert!(
            exit.signal().is_none() && exit.exit_code() == code,
            "ended with {exit:?}, expected exit code {code}:\n{}",
            text_of(&seen),
        );
    }

    fn ended(&self) -> MutexGuard<'_, Seen> {
        let seen = self.shared.wait(|seen| seen.closed && seen.exit.is_some());
        assert!(
            seen.closed && seen.exit.is_some(),
            "still runs after {DEADLINE:?}:\n{}",
            text_of(&seen),
        );
        seen
    }

    /// Asserts that screens were drawn, and that the terminal is as it was before them.
    pub fn expect_restored(&self) {
        let seen = self.shared.lock();
        let bytes = String::from_utf8_lossy(&seen.bytes);
        let screen = seen.parser.screen();
        for mode in ["?1049", "?2004"] {
            let (set, reset) = (format!("\x1b[{mode}h"), format!("\x1b[{mode}l"));
            assert!(bytes.contains(&set), "{mode} was never set:\n{bytes}");
            assert!(
                bytes.rfind(&reset) > bytes.rfind(&set),
                "{mode} is left set:\n{bytes}"
            );
        }
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.bracketed_paste(), "bracketed paste is over");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert_eq!(modes(&*self.master), self.modes, "line modes are as before");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal's first program leads its session, and so its group. Once it was waited for,
        // its number may belong to somebody else.
        if self.shared.lock().exit.is_none() {
            kill_group(self.leader);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // A failed assertion holds the lock; what it shows and what drop needs is still good.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until it holds, until the program has ended without it, or until the deadline.
    fn wait(&self, holds: impl Fn(&Seen) -> bool) -> MutexGuard<'_, Seen> {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = seen.closed && seen.exit.is_some();
            if holds(&seen) || ended || left.is_zero() {
                return seen;
            }
            seen = self
                .changed
                .wait_timeout(seen, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

fn text_of(seen: &Seen) -> String {
    let screen = seen.parser.screen();
    let (_, columns) = screen.size();
    let mut text = String::new();
    for row in screen.rows(0, columns.get()) {
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Turns a command of the environment into one for a terminal.
fn in_terminal(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            builder.env(name, value);
        }
    }
    builder.env("TERM", "xterm-256color");
    if let Some(directory) = command.get_current_dir() {
        builder.cwd(directory);
    }
    builder
}

/// Returns what the terminal does to lines and keys: echo, line by line, signals.
fn modes(master: &dyn MasterPty) -> String {
    let modes = master.get_termios().expect("a terminal has modes");
    format!(
        "{:?} {:?} {:?}",
        modes.input_flags, modes.output_flags, modes.local_flags
    )
}

fn parser_of(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(nonzero(rows), nonzero(columns), 0)
}

fn size_of(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn nonzero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a terminal has columns and rows")
}
