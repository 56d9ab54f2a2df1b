//! Clones on a full disk, and on one that takes no writes.
//!
//! The file systems are mounted in a namespace of their own, and are gone with the script.

use std::path::PathBuf;

use super::super::support::env::finish;
use super::super::support::practice::DEADLINE;
use super::*;

/// What the scripts begin with: a file system with a clone on it.
const PRELUDE: &str = r#"
set -eu
mkdir -p "$HOME/room"
mount -t tmpfs -o size=4m tmpfs "$HOME/room"
git clone --quiet "$URL" "$HOME/room/ops"
run() {
    code=0
    "$DEPLOY" run --sandbox --yes --repo "$HOME/room/ops" --set "gitops_url=$URL" "$@" >"$HOME/said" 2>&1 || code=$?
    echo "exit $code"
}
"#;

/// Fills the disk but for some pages, runs, makes room, and runs again.
const FULL: &str = r#"
head -c 4m /dev/zero >"$HOME/room/filler" 2>/dev/null || true
truncate --size="-$((PAGES * 4096))" "$HOME/room/filler"
run --only generate
cp "$HOME/said" "$HOME/first"
rm "$HOME/room/filler"
git -C "$HOME/room/ops" fsck --strict --no-dangling
run --only generate
git -C "$HOME/room/ops" fsck --strict --no-dangling
git -C "$HOME/room/ops" status --porcelain
git -C "$HOME/room/ops" log --reverse --format=%s
find "$HOME/room" "$HOME/room/ops" -maxdepth 1 -name '.*' ! -name .git ! -name '.gitignore' ! -name '.'
find "$HOME/room/ops/.git" -maxdepth 1 -name 'rok-deploy*'
"#;

/// Runs on a clone that takes no writes, then on one that does, then again on one that does not.
const READ_ONLY: &str = r#"
mount -o remount,ro "$HOME/room"
run
cp "$HOME/said" "$HOME/first"
mount -o remount,rw "$HOME/room"
run
mount -o remount,ro "$HOME/room"
run
"#;

struct Place {
    operator: Operator,
    hosted: Hosted,
}

impl Place {
    fn new() -> Self {
        let hosted = Hosted::new();
        let operator = Operator::new(&hosted.url());
        operator.practice.make_world();
        Self { operator, hosted }
    }

    /// Runs a script in a mount namespace of its own, and returns what it printed.
    fn script(&self, script: &str, pages: usize) -> String {
        let user = if self.is_root() {
            "--mount"
        } else {
            "--mount --map-root-user"
        };
        let mut command = self.operator.practice.env.program("unshare", &[]);
        command
            .args(user.split(' '))
            .args(["sh", "-c", &format!("{PRELUDE}{script}")])
            .env("URL", self.hosted.url())
            .env("DEPLOY", env!("CARGO_BIN_EXE_rok-deploy"))
            .env("PAGES", pages.to_string());
        let output = finish(&mut command, DEADLINE);
        assert!(output.status.success(), "{pages} pages: {output:?}");
        output.stdout
    }

    fn is_root(&self) -> bool {
        let id = finish(
            &mut self.operator.practice.env.program("id", &["-u"]),
            DEADLINE,
        );
        id.stdout.trim() == "0"
    }

    /// What the first run of a script said.
    fn first(&self) -> String {
        let file: PathBuf = self.operator.practice.env.home().join("first");
        fs::read_to_string(file).expect("the script kept it")
    }
}

#[test]
#[ignore = "needs to mount a file system"]
fn a_full_disk_at_any_write_leaves_a_clone_that_the_next_run_goes_on_with() {
    let mut refusals = Vec::new();
    for pages in (0..).step_by(3) {
        let place = Place::new();
        let printed = place.script(FULL, pages);
        let (first, rest) = printed.split_once('\n').expect("the script prints");
        let mut wanted = vec!["exit 0", "Start"];
        wanted.extend(SUBJECTS);
        assert_eq!(rest.lines().collect::<Vec<_>>(), wanted, "{pages} pages");
        let said = place.first();
        if first == "exit 0" {
            break;
        }
        assert_eq!(first, "exit 1", "{pages} pages: {said}");
        let home = place.operator.practice.env.home().join("room");
        assert!(
            said.contains("hint: free disk space")
                && said.contains(home.to_str().expect("a temporary path is text")),
            "{pages} pages: {said}"
        );
        refusals.push(said);
        assert!(pages < 200, "it never fits");
    }
    assert!(refusals.len() > 3, "the disk was never full: {refusals:?}");
}

#[test]
#[ignore = "needs to mount a file system"]
fn a_clone_that_takes_no_writes_stops_before_the_first_change() {
    let place = Place::new();
    let printed = place.script(READ_ONLY, 0);
    let codes: Vec<_> = printed.lines().collect();
    // Where nothing is to be written, reading is enough.
    assert_eq!(codes, ["exit 1", "exit 0", "exit 0"], "{}", place.first());
    let said = place.first();
    assert!(
        said.contains("Read-only file system") && said.contains("room/ops"),
        "{said}"
    );
    let runs = place.operator.practice.runs();
    let first = runs.first().expect("there are runs");
    assert_eq!(writes(first), [Value::Null; 0], "{said}");
}
