//! The folder of all runs: `$XDG_STATE_HOME/rok-deploy/runs/<run-id>/`, mode 0700.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::reader::{Journal, JournalError, read};
use crate::engine::StepStatus;
use crate::engine::state::RunState;

/// The folder of all runs.
#[derive(Debug, Clone)]
pub struct Runs {
    folder: PathBuf,
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// The run's id.
    pub run: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A run in a list.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// The run's folder.
    pub folder: RunFolder,
    /// What its events tell, or why they cannot be read.
    pub state: Result<RunState, String>,
}

impl Runs {
    /// Returns the runs of a state directory; it need not exist.
    pub fn new(state_directory: &Path) -> Self {
        Self {
            folder: state_directory.join("runs"),
        }
    }

    /// Returns the opaque id of this state directory, if it has one.
    pub fn id(&self) -> Option<String> {
        fs::read_to_string(self.id_file()).ok()
    }

    /// Gives this state directory an opaque id of its own, unless it has one.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn make_id(&self) -> io::Result<()> {
        if self.id().is_some() {
            return Ok(());
        }
        private_directories(&self.folder)?;
        // Whole at once, and the first one counts: another process may do the same now.
        let mut draft = tempfile::NamedTempFile::new_in(&self.folder)?;
        let bytes: [u8; 16] = random();
        for byte in bytes {
            write!(draft, "{byte:02x}")?;
        }
        match draft.persist_noclobber(self.id_file()) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
            _ => Ok(()),
        }
    }

    /// Whether a run of this state directory is over: its journal is here, and no process holds it.
    pub fn is_over(&self, run: &str) -> bool {
        let path = self.folder.join(run);
        let folder = RunFolder {
            run: run.to_owned(),
            path,
        };
        // The lock is gone with the file at the end of this function.
        File::open(folder.journal()).is_ok_and(|journal| {
            !matches!(journal.try_lock_shared(), Err(TryLockError::WouldBlock))
        })
    }

    fn id_file(&self) -> PathBuf {
        self.folder.with_file_name("id")
    }

    /// Makes the folder of a new run. Ids begin with the time, so that they sort by age.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn create(&self, now: jiff::Timestamp) -> Result<RunFolder, JournalError> {
        private_directories(&self.folder).map_err(JournalError::io(&self.folder))?;
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        loop {
            let run = format!("{time}-{:04x}", self.next_suffix(&time)?);
            let path = self.folder.join(&run);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(RunFolder { run, path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(JournalError::io(&path)(error)),
            }
        }
    }

    /// Lists the runs, newest first; each is read when its turn comes. One that cannot be read does
    /// not hide the others.
    ///
    /// # Errors
    ///
    /// When the folder exists and cannot be listed.
    pub fn list(&self) -> Result<impl Iterator<Item = RunSummary> + use<>, JournalError> {
        let summary = |folder: RunFolder| {
            let journal = folder.read();
            let state = journal.map(|journal| RunState::of(&journal.events));
            RunSummary {
                state: state.map_err(|error| error.to_string()),
                folder,
            }
        };
        Ok(self.folders()?.into_iter().map(summary))
    }

    /// Returns the run of that id, or the only one whose id begins or ends so.
    ///
    /// # Errors
    ///
    /// When the folder cannot be listed.
    pub fn find(&self, id: &str) -> Result<Vec<RunFolder>, JournalError> {
        let all = self.folders()?.into_iter();
        let matching: Vec<_> = all
            .filter(|folder| folder.run.starts_with(id) || folder.run.ends_with(id))
            .collect();
        let exact = matching.iter().find(|folder| folder.run == id).cloned();
        Ok(exact.map_or(matching, |folder| vec![folder]))
    }

    /// Ids of one second sort by age too: a later one counts on from the one before it.
    fn next_suffix(&self, time: &str) -> Result<u16, JournalError> {
        let newest = self.folders()?.into_iter().find_map(|folder| {
            let suffix = folder.run.strip_prefix(time)?.strip_prefix('-')?.to_owned();
            u16::from_str_radix(&suffix, 16).ok()
        });
        Ok(newest.map_or_else(random_suffix, |newest| newest.saturating_add(1)))
    }

    fn folders(&self) -> Result<Vec<RunFolder>, JournalError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(JournalError::io(&self.folder)(error)),
        };
        let mut runs: Vec<_> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .map(|run| RunFolder {
                path: self.folder.join(&run),
                run,
            })
            .collect();
        runs.sort_by(|one, other| other.run.cmp(&one.run));
        Ok(runs)
    }
}

impl RunFolder {
    /// Returns the path of the journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// Returns the path of the wire log.
    pub fn wire(&self) -> PathBuf {
        self.path.join("wire.jsonl")
    }

    /// Returns the path of the answers that reproduce the run.
    pub fn answers(&self) -> PathBuf {
        self.path.join("answers.yaml")
    }

    /// Reads the journal.
    ///
    /// # Errors
    ///
    /// When it cannot be read or was touched.
    pub fn read(&self) -> Result<Journal, JournalError> {
        read(&self.journal())
    }

    /// Writes a file of the folder as a whole, mode 0600.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let draft = path.with_extension("new");
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    }
}

impl RunSummary {
    /// Whether a process may go on with the run.
    pub fn is_unfinished(&self) -> bool {
        self.state.as_ref().is_ok_and(RunState::is_worth_resuming)
    }

    /// Returns "7 of 12 steps done".
    pub fn standing(&self) -> String {
        match &self.state {
            Ok(state) => {
                let done = |status: &StepStatus| matches!(status, StepStatus::Done(_));
                let count = state.steps().filter(|step| done(&step.status)).count();
                format!("{count} of {} steps done", state.steps().count())
            }
            Err(error) => error.clone(),
        }
    }
}

/// Makes a directory and its parents, each 0700 where it is new.
fn private_directories(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The suffix of the first run of a second: random, with room above it for later ones.
fn random_suffix() -> u16 {
    u16::from_be_bytes(random()) / 2
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; LENGTH];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::engine::ports::Recorder as _;
    use crate::engine::{Event, EventKind};
    use crate::journal::{FORMAT, Header, Launch, Writer};

    fn header(run: &str) -> Header {
        Header {
            format: FORMAT.into(),
            tool_version: "0.1.0".into(),
            run: run.into(),
            recipe: "rok-eks".into(),
            launch: Launch::default(),
        }
    }

    fn warning(seq: u64) -> Event {
        let text = format!("event {seq}");
        Event {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            event: EventKind::Warning { text },
        }
    }

    /// A run with three events.
    fn recorded(directory: &Path) -> RunFolder {
        let folder = Runs::new(directory)
            .create(jiff::Timestamp::UNIX_EPOCH)
            .unwrap();
        let mut writer = Writer::create(&folder.journal(), &header(&folder.run)).unwrap();
        for seq in 1..=3 {
            writer.record(&warning(seq), true).unwrap();
        }
        folder
    }

    #[test]
    fn a_journal_reads_back_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let folder = recorded(directory.path());
        let journal = folder.read().unwrap();
        assert_eq!(journal.events, [warning(1), warning(2), warning(3)]);
        assert_eq!(journal.header, header(&folder.run));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.journal()), 0o600);
        assert_eq!(mode(&folder.path), 0o700);
    }

    #[test]
    fn a_torn_last_line_is_forgiven_and_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let folder = recorded(directory.path());
        let whole = fs::read(folder.journal()).unwrap();
        for cut in 1..20 {
            fs::write(folder.journal(), &whole[..whole.len() - cut]).unwrap();
            assert_eq!(
                folder.read().unwrap().events.len(),
                2,
                "{cut} bytes torn off"
            );
        }
        let (mut writer, journal) = Writer::resume(&folder.journal()).unwrap();
        assert_eq!(journal.events.len(), 2);
        writer.record(&warning(3), false).unwrap();
        assert_eq!(fs::read(folder.journal()).unwrap(), whole);
    }

    #[test]
    fn an_edited_dropped_or_moved_line_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let folder = recorded(directory.path());
        let text = fs::read_to_string(folder.journal()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let edited = text.replace("event 2", "event 9");
        let dropped = [lines[0], lines[1], lines[3]].join("\n") + "\n";
        let moved = [lines[0], lines[2], lines[1], lines[3]].join("\n") + "\n";
        for touched in [edited, dropped, moved] {
            fs::write(folder.journal(), touched).unwrap();
            let error = folder.read().unwrap_err();
            assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn a_long_journal_reads_back_and_names_its_first_bad_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.jsonl");
        let mut writer = Writer::create(&path, &header("long")).unwrap();
        let events: Vec<_> = (1..=9_000).map(warning).collect();
        for event in &events {
            writer.record(event, false).unwrap();
        }
        assert_eq!(read(&path).unwrap().events, events);
        let text = fs::read_to_string(&path).unwrap();
        let edited = text.replace("event 7000", "event 7001");
        fs::write(&path, edited.replace("event 8500\"", "event 8500")).unwrap();
        // The header is line 1; the line after the edited one gives it away.
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 7001: was edited"), "{error}");
    }

    #[test]
    fn a_newer_format_names_the_version_that_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let folder = recorded(directory.path());
        let text = fs::read_to_string(folder.journal()).unwrap();
        let newer = text.replacen(
            &format!(r#""format":"{FORMAT}","tool_version":"0.1.0""#),
            r#""format":"2.0","tool_version":"7.3.0""#,
            1,
        );
        fs::write(folder.journal(), newer).unwrap();
        let error = folder.read().unwrap_err().to_string();
        assert!(error.contains("7.3.0") && error.contains("2.0"), "{error}");
    }

    #[test]
    fn runs_of_one_second_are_listed_by_age() {
        let directory = tempfile::tempdir().unwrap();
        let made: Vec<_> = (0..20).map(|_| recorded(directory.path()).run).collect();
        let listed: Vec<_> = Runs::new(directory.path()).list().unwrap().collect();
        let listed: Vec<_> = listed
            .into_iter()
            .rev()
            .map(|summary| summary.folder.run)
            .collect();
        assert_eq!(listed, made);
    }

    #[test]
    fn one_process_at_a_time_holds_a_run() {
        let directory = tempfile::tempdir().unwrap();
        let folder = recorded(directory.path());
        let (held, _) = Writer::resume(&folder.journal()).unwrap();
        assert!(matches!(
            Writer::resume(&folder.journal()),
            Err(JournalError::Held { .. })
        ));
        drop(held);
        Writer::resume(&folder.journal()).unwrap();
    }

    #[test]
    fn a_run_is_over_when_no_process_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let folder = recorded(directory.path());
        let runs = Runs::new(directory.path());
        assert!(runs.is_over(&folder.run));
        assert!(!runs.is_over("20240501T100000Z-abcd"), "nobody knows");
        let (held, _) = Writer::resume(&folder.journal()).unwrap();
        assert!(!runs.is_over(&folder.run));
        let refused = Writer::resume(&folder.journal()).unwrap_err().to_string();
        let who = format!("(pid {}) since ", std::process::id());
        assert!(refused.contains(&who), "{refused}");
        drop(held);
        assert!(runs.is_over(&folder.run));
    }

    #[test]
    fn a_state_directory_has_one_id_of_its_own() {
        let directories = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let ids = directories.each_ref().map(|directory| {
            let runs = Runs::new(directory.path());
            assert_eq!(runs.id(), None, "looking makes none");
            runs.make_id().unwrap();
            let id = runs.id().unwrap();
            runs.make_id().unwrap();
            assert_eq!(runs.id().unwrap(), id);
            let mode = fs::metadata(runs.id_file()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            id
        });
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[0].len(), 32);
    }

    #[test]
    fn one_unreadable_run_does_not_hide_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let good = recorded(directory.path());
        let bad = Runs::new(directory.path())
            .create(jiff::Timestamp::UNIX_EPOCH)
            .unwrap();
        let runs: Vec<_> = Runs::new(directory.path()).list().unwrap().collect();
        assert_eq!(runs.len(), 2);
        let of = |run: &str| {
            runs.iter()
                .find(|summary| summary.folder.run == run)
                .unwrap()
        };
        assert!(of(&good.run).is_unfinished());
        assert!(of(&bad.run).state.is_err() && !of(&bad.run).is_unfinished());
    }
}
