//! A recorded run elsewhere: exported, opened by somebody without the cloud, and what is said about
//! a record that somebody touched.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use tar::{Builder, EntryType, Header};

use crate::support::env::TestEnv;
use crate::support::practice::{Practice, events, parse_lines, snapshot};
use crate::support::runs::assert_code;
use crate::support::terminal::{END, Terminal};

/// The id of a run, from its folder.
fn id(run: &Path) -> String {
    let name = run.file_name().expect("a run has an id");
    name.to_string_lossy().into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// What `replay --output json` has to print of a run's journal.
fn printed(run: &Path) -> Vec<Value> {
    let mut lines = events(run);
    for line in &mut lines {
        line.as_object_mut().expect("an event").remove("prev");
    }
    lines
}

/// Exports a run, by the default name, and returns the archive.
fn exported(practice: &Practice, run: &Path) -> PathBuf {
    let output = practice.env.run(&["runs", "export", &id(run)]);
    assert_code(&output, 0);
    practice.env.home().join(format!("{}.tar.gz", id(run)))
}

#[test]
fn an_archive_tells_the_whole_run_where_there_is_no_cloud() {
    let practice = Practice::new();
    let first = practice.journey();
    let run = practice.run_of(&first);
    let archive = exported(&practice, &run);

    // Another person, another machine: no state, and whoever asks the network is refused.
    let support = TestEnv::new().with_variable("HTTPS_PROXY", "http://127.0.0.1:1");
    let case = support.home().join("case-4711");
    fs::copy(&archive, &case).expect("a file travels");
    drop(practice.env);

    let replay = support.run(&["replay", "case-4711"]);
    assert_code(&replay, 0);
    assert_eq!(replay.stderr, first.stderr);
    assert!(replay.stdout.starts_with(&first.stdout), "{replay:?}");
    assert!(!support.state_dir().exists(), "looking left something");

    let with_wire = support.run(&["replay", "case-4711", "--wire"]);
    let line = with_wire
        .stderr
        .lines()
        .find(|line| line.contains("iam:CreateRole → 200"));
    assert!(
        line.is_some_and(|line| line.starts_with("  ✎ ")),
        "{with_wire:?}"
    );
    let said: Vec<_> = with_wire
        .stderr
        .lines()
        .filter(|line| !line.starts_with("  "))
        .collect();
    let before: Vec<_> = first
        .stderr
        .lines()
        .filter(|line| !line.starts_with("  "))
        .collect();
    assert_eq!(said, before, "the requests stand between the same lines");
}

#[test]
fn json_of_an_archive_is_that_of_the_run_and_requests_stand_in_between() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let archive = exported(&practice, &run);
    let events = printed(&run);
    let output = practice
        .env
        .run(&["replay", text(&archive), "--output", "json"]);
    assert_eq!(parse_lines(&output.stdout), events);

    let output = practice
        .env
        .run(&["replay", text(&archive), "--output", "json", "--wire"]);
    let (told, wire): (Vec<_>, Vec<_>) = parse_lines(&output.stdout)
        .into_iter()
        .partition(|line| line.get("seq").is_some());
    assert_eq!(told, events);
    let logged = fs::read_to_string(run.join("wire.jsonl")).expect("a wire log");
    assert_eq!(wire.len(), logged.lines().count());
    let times: Vec<_> = parse_lines(&output.stdout)
        .into_iter()
        .map(|line| line["at"].clone())
        .collect();
    assert!(times.len() > events.len());
}

#[test]
fn an_export_is_private_keeps_other_files_and_says_what_is_in_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let archive = exported(&practice, &run);
    let mode = fs::metadata(&archive)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = fs::read(&archive).expect("it is readable");

    let again = practice.env.run(&["runs", "export", &id(&run)]);
    assert_code(&again, 0);
    assert!(
        again
            .stderr
            .starts_with(&format!("Exported run {} to `", id(&run))),
        "{again:?}"
    );
    assert!(
        again
            .stderr
            .contains("answers.yaml, holder, journal.jsonl, recording.jsonl, wire.jsonl"),
        "{again:?}"
    );
    assert_eq!(
        (
            again.stdout.as_str(),
            fs::read(&archive).expect("still there")
        ),
        ("", bytes.clone())
    );

    fs::write(&archive, "somebody's notes").expect("the home is writable");
    let refused = practice.env.run(&["runs", "export", &id(&run)]);
    assert_code(&refused, 2);
    assert!(
        refused
            .stderr
            .contains(&format!("`{}.tar.gz` is there already", id(&run))),
        "{refused:?}"
    );
    assert_eq!(fs::read(&archive).expect("kept"), b"somebody's notes");
    assert_code(
        &practice.env.run(&["runs", "export", &id(&run), "--yes"]),
        0,
    );
    assert_eq!(fs::read(&archive).expect("replaced"), bytes);

    let piped = practice
        .env
        .command(&["runs", "export", &id(&run), "-o", "-"])
        .output();
    assert_eq!(piped.expect("it runs").stdout, bytes);
    let elsewhere = practice
        .env
        .run(&["runs", "export", &id(&run), "-o", "no/such/folder.tgz"]);
    assert_code(&elsewhere, 1);
    assert!(
        elsewhere.stderr.contains("no/such/folder.tgz"),
        "{elsewhere:?}"
    );
    assert_code(&practice.env.run(&["runs", "export", "20200101"]), 2);
    assert_code(&practice.env.run(&["runs", "export"]), 2);

    let left: Vec<_> = fs::read_dir(practice.env.home())
        .expect("a home")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.contains("tmp"))
        .collect();
    assert_eq!(left, [""; 0], "drafts are gone");
}

#[test]
fn a_run_at_work_can_be_exported() {
    let practice = Practice::new();
    let mut running = practice.start(&["run", "--yes", "--latency", "200ms"]);
    let run = running.wait_for("a step that acts", || {
        let run = practice.runs().into_iter().next()?;
        let journal = fs::read_to_string(run.join("journal.jsonl")).ok()?;
        journal.contains("step_acting").then_some(run)
    });
    let archive = exported(&practice, &run);
    running.kill();
    let replay = practice
        .env
        .run(&["replay", text(&archive), "--output", "json"]);
    assert_code(&replay, 0);
    assert!(replay.stdout.contains("step_acting"));
    assert!(!replay.stdout.contains("run_finished"));
}

#[test]
fn a_touched_line_is_named_and_what_is_before_it_is_played() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let whole = fs::read_to_string(run.join("journal.jsonl")).expect("a journal");
    let lines: Vec<&str> = whole.lines().collect();
    let events = printed(&run);
    let edited = lines[11].replace("\"at\":\"20", "\"at\":\"21");
    let changed = |change: &dyn Fn(&mut Vec<&str>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        lines.join("\n") + "\n"
    };
    let tried: [(&str, String, &str, usize); 5] = [
        (
            "edited",
            whole.replacen(lines[11], &edited, 1),
            "line 12: was edited; line 13 was written after another text of it",
            10,
        ),
        (
            "dropped",
            changed(&|lines| drop(lines.drain(20..23))),
            "line 21: does not follow; events 20 to 22 were dropped before it",
            19,
        ),
        (
            "moved",
            changed(&|lines| lines.swap(30, 31)),
            "line 31: was moved; it was written after what is now line 32",
            29,
        ),
        (
            "added",
            changed(&|lines| lines.insert(9, lines[5])),
            "line 10: was added; it repeats line 6",
            8,
        ),
        (
            "garbled",
            changed(&|lines| lines[14] = "{\"prev\":"),
            "line 15: was edited; it cannot be understood",
            13,
        ),
    ];
    for (name, journal, told, sound) in tried {
        let path = practice.env.home().join(format!("{name}.jsonl"));
        fs::write(&path, journal).expect("the home is writable");
        let output = practice
            .env
            .run(&["replay", text(&path), "--output", "json"]);
        assert_code(&output, 1);
        assert_eq!(parse_lines(&output.stdout), events[..sound], "{name}");
        for word in ["warning: ", "error: "] {
            let line = output.stderr.lines().find(|line| line.starts_with(word));
            assert!(
                line.is_some_and(|line| line.contains(told)),
                "{name}: {}",
                output.stderr
            );
        }
        let plain = practice.env.run(&["replay", text(&path)]);
        assert_code(&plain, 1);
        assert!(
            plain.stdout.ends_with(&format!(
                "Replayed the sound {sound} events of run {}.\n",
                id(&run)
            )),
            "{plain:?}"
        );
    }
    // A crash leaves half a line, which is nobody's fault.
    let torn = practice.env.home().join("torn.jsonl");
    fs::write(&torn, &whole[..whole.len() - 7]).expect("the home is writable");
    let output = practice
        .env
        .run(&["replay", text(&torn), "--output", "json"]);
    assert_code(&output, 0);
    assert_eq!(parse_lines(&output.stdout), events[..events.len() - 1]);
}

#[test]
fn a_file_that_was_edited_inside_an_archive_is_named() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let archive = fs::read(exported(&practice, &run)).expect("an archive");
    let mut files = Vec::new();
    let mut tar = tar::Archive::new(GzDecoder::new(&archive[..]));
    for entry in tar.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("readable");
        files.push((entry.path().expect("a name").display().to_string(), bytes));
    }
    let (_, journal) = files
        .iter_mut()
        .find(|(name, _)| name.ends_with("journal.jsonl"))
        .expect("a journal");
    let text_of = String::from_utf8_lossy(journal).replace("aws.iam-role", "aws.iam-rule");
    *journal = text_of.into_bytes();
    let forged = packed(|tar| {
        for (name, bytes) in &files {
            append(tar, EntryType::Regular, name, bytes);
        }
    });
    let path = practice.env.home().join("forged.tar.gz");
    fs::write(&path, forged).expect("the home is writable");
    let output = practice.env.run(&["replay", text(&path)]);
    assert_code(&output, 1);
    for told in [
        "`journal.jsonl` was edited after the export",
        "journal.jsonl: line 2: was edited",
    ] {
        assert!(output.stderr.contains(told), "{told}\n{}", output.stderr);
    }
}

// ---- in a terminal --------------------------------------------------------------------------------

#[test]
fn the_player_seeks_searches_and_shows_requests_of_an_archive() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let archive = exported(&practice, &run);
    let all = events(&run).len();
    let mut terminal = Terminal::start(&practice.env, (120, 40), &["replay", text(&archive)]);
    terminal.wait_for(&format!("event 1 of {all}"));

    terminal.type_keys("gaws.iam-role\r");
    terminal.wait_for("aws.iam-role: creates role");
    terminal.wait_for("will change → acting");
    terminal.wait_for("sts:AssumeRoleWithWebIdentity");
    terminal.type_keys("/iam:CreateRole\r");
    terminal.wait_for("match 1 of 1 of `iam:CreateRole`");
    terminal.wait_for("✎");
    terminal.type_keys("w");
    terminal.wait_for("▸ ✎");
    terminal.resize((40, 12));
    // Only the narrow frame says it so. A key that comes with a resize may wait for the next key, so
    // what each does is seen before the other follows.
    terminal.wait_for(&format!("/{all} "));
    terminal.wait_for("▸ ");
    terminal.wait_for("iam:");
    terminal.type_keys("w");
    terminal.wait_for_gone("iam:");
    terminal.resize((200, 60));
    terminal.wait_for("What changed here");
    terminal.type_keys(END);
    terminal.wait_for(&format!("event {all} of {all}"));
    terminal.wait_for("Everything is in place");
    terminal.type_keys("{{");
    terminal.wait_for("event ");
    terminal.wait_for_gone(&format!("event {all} of"));
    terminal.type_keys("q");
    terminal.expect_exit(0);
    terminal.expect_restored();
}

#[test]
fn the_player_of_a_touched_journal_ends_at_the_damage_and_the_process_says_so() {
    let practice = Practice::new();
    let run = practice.run_of(&practice.journey());
    let journal = run.join("journal.jsonl");
    let whole = fs::read_to_string(&journal).expect("a journal");
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.drain(60..62);
    fs::write(&journal, lines.join("\n") + "\n").expect("it is writable");
    let mut terminal = Terminal::start(&practice.env, (80, 24), &["replay", &id(&run)]);
    terminal.wait_for("event 1 of 59");
    terminal.wait_for("DAMAGED");
    terminal.type_keys(END);
    terminal.wait_for("✗ the record ends here:");
    terminal.type_keys("q");
    terminal.expect_exit(1);
    terminal.expect_restored();
    let left = terminal.screen();
    assert!(left.contains("line 61: does not follow"), "{left}");
}

// ---- archives that no export writes ---------------------------------------------------------------

const RUN: &str = "20260401T100000Z-0001";

fn packed(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut tar);
    let packed = tar.into_inner().expect("memory is writable");
    packed.finish().expect("memory is writable")
}

fn append(tar: &mut Builder<GzEncoder<Vec<u8>>>, kind: EntryType, name: &str, bytes: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    // By hand: `set_path` refuses what is tried here.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("../../target").expect("short enough");
    }
    header.set_cksum();
    tar.append(&header, bytes).expect("memory is writable");
}

#[test]
fn hostile_archives_are_refused_and_nothing_is_written() {
    let env = TestEnv::new();
    let manifest = format!(r#"{{"format":"1.0","tool_version":"0.1.0","run":"{RUN}","files":[]}}"#);
    let begun = |tar: &mut Builder<GzEncoder<Vec<u8>>>| {
        append(
            tar,
            EntryType::Regular,
            &format!("{RUN}/manifest.json"),
            manifest.as_bytes(),
        );
    };
    let with = |kind, name: &str| {
        packed(|tar| {
            begun(tar);
            append(tar, kind, name, b"");
        })
    };
    let inside = |name: &str| format!("{RUN}/{name}");
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut std::io::repeat(0).take(1 << 30), &mut bomb).expect("memory is writable");
    let mut large = Header::new_ustar();
    large
        .set_path(inside("journal.jsonl"))
        .expect("a short name");
    large.set_size(1 << 40);
    large.set_cksum();
    let tried: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "up",
            with(EntryType::Regular, &inside("../../../up")),
            "leads out of its folder",
        ),
        (
            "absolute",
            with(EntryType::Regular, "/tmp/rok-absolute"),
            "has an absolute path",
        ),
        (
            "symlink",
            with(EntryType::Symlink, &inside("journal.jsonl")),
            "is a symbolic link",
        ),
        (
            "hard link",
            with(EntryType::Link, &inside("journal.jsonl")),
            "is a hard link",
        ),
        (
            "device",
            with(EntryType::Block, &inside("journal.jsonl")),
            "is a device",
        ),
        (
            "twice",
            packed(|tar| {
                begun(tar);
                append(tar, EntryType::Regular, &inside("a"), b"one");
                append(tar, EntryType::Regular, &inside("a"), b"two");
            }),
            "`20260401T100000Z-0001/a` is there twice",
        ),
        (
            "claim",
            packed(|tar| {
                begun(tar);
                tar.append(&large, &b""[..]).expect("memory is writable");
            }),
            "is too large: `journal.jsonl` claims 1099511627776 bytes",
        ),
        (
            "bomb",
            bomb.finish().expect("memory is writable"),
            "is too large: it unpacks to more than 256 MiB",
        ),
        (
            "cut off",
            packed(begun)[..60].to_vec(),
            "it is cut off, damaged, or no archive of a run",
        ),
        (
            "no tar",
            {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(&[b'x'; 2_000]).expect("memory is writable");
                gzip.finish().expect("memory is writable")
            },
            "it is cut off, damaged, or no archive of a run",
        ),
        (
            "no manifest",
            packed(|tar| append(tar, EntryType::Regular, &inside("journal.jsonl"), b"")),
            "expected `RUN/manifest.json`",
        ),
        ("no journal", packed(begun), "holds no `journal.jsonl`"),
        (
            "newer",
            packed(|tar| {
                let newer = br#"{"format":"2.0","tool_version":"7.3.0"}"#;
                append(tar, EntryType::Regular, &inside("manifest.json"), newer);
            }),
            "has format 2.0 of rok-deploy 7.3.0",
        ),
    ];
    for (name, bytes, told) in tried {
        let path = env.home().join("archive");
        fs::write(&path, bytes).expect("the home is writable");
        let before = snapshot(env.home());
        let output = env.run(&["replay", "archive"]);
        assert_code(&output, 1);
        assert!(
            output.stderr.starts_with("error: archive"),
            "{name}: {}",
            output.stderr
        );
        assert!(output.stderr.contains(told), "{name}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{name}");
        assert_eq!(snapshot(env.home()), before, "{name}");
    }
    assert!(!Path::new("/tmp/rok-absolute").exists());
}
