//! Archives as we write them, and as somebody else might.

use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;
use crate::engine::ports::Recorder as _;
use crate::engine::{Event, EventKind};
use crate::journal::{self, Export, Launch, RunFolder, Runs, Writer, export};

const RUN: &str = "20260401T100000Z-0001";

fn recorded(state: &Path, text: &str) -> RunFolder {
    let now = "2026-04-01T10:00:00Z".parse().unwrap();
    let folder = Runs::new(state).create(now).unwrap();
    let header = journal::Header {
        format: journal::FORMAT.into(),
        tool_version: "0.1.0".into(),
        run: folder.run.clone(),
        recipe: "rok-eks".into(),
        launch: Launch::default(),
    };
    let mut writer = Writer::create(&folder.journal(), &header).unwrap();
    for seq in 1..=3 {
        let event = EventKind::Warning {
            text: format!("{text} {seq}"),
        };
        let at = now;
        writer.record(&Event { seq, at, event }, false).unwrap();
    }
    fs::write(folder.wire(), "{\"at\":1}\n{\"at\":2}\n{\"a").unwrap();
    fs::write(folder.answers(), "gitops_url: https://me:hunter2@host/x\n").unwrap();
    folder
}

fn exported(folder: &RunFolder) -> (Vec<u8>, Export) {
    let mut bytes = Vec::new();
    let exported = export(folder, "0.1.0", &mut bytes).unwrap();
    (bytes, exported)
}

fn opened(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    assert_eq!(is_archive(file.path()), bytes.starts_with(&[0x1f, 0x8b]));
    Archive::open(file.path())
}

#[test]
fn an_export_opens_again_and_holds_the_whole_lines_of_every_file() {
    let state = tempfile::tempdir().unwrap();
    let folder = recorded(state.path(), "event");
    fs::create_dir(folder.path.join("tape")).unwrap();
    fs::write(folder.path.join("tape").join("0001.bin"), [0, 255, 7]).unwrap();
    fs::write(folder.path.join("answers.new"), "a draft").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path.join("link")).unwrap();

    let (bytes, exported) = exported(&folder);
    let archive = opened(&bytes).unwrap();
    assert_eq!(
        (&archive.manifest, &archive.altered),
        (&exported.manifest, &vec![])
    );
    let names: Vec<_> = archive.files().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "answers.yaml",
            "holder",
            "journal.jsonl",
            "tape/0001.bin",
            "wire.jsonl"
        ]
    );
    assert_eq!(archive.file("tape/0001.bin"), Some(&[0, 255, 7][..]));
    assert_eq!(
        archive.file("wire.jsonl"),
        Some(&b"{\"at\":1}\n{\"at\":2}\n"[..])
    );
    let journal = fs::read(folder.journal()).unwrap();
    assert_eq!(archive.file("journal.jsonl"), Some(&journal[..]));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = recorded(one.path(), "event");
    let moved = other.path().join(&first.run);
    fs::create_dir(&moved).unwrap();
    for name in ["wire.jsonl", "holder", "answers.yaml", "journal.jsonl"] {
        fs::copy(first.path.join(name), moved.join(name)).unwrap();
    }
    let copy = RunFolder {
        run: first.run.clone(),
        path: moved,
    };
    assert_eq!(exported(&first).0, exported(&copy).0);
}

#[test]
fn a_secret_in_a_url_stays_at_home_and_the_journal_still_proves_itself() {
    let state = tempfile::tempdir().unwrap();
    let folder = recorded(state.path(), "clones https://me:hunter2@host/x");
    let (bytes, exported) = exported(&folder);
    let archive = opened(&bytes).unwrap();
    assert!(exported.damage.is_none());
    for (name, bytes) in archive.files() {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("hunter2"), "{name}: {text}");
    }
    let redacted = exported.manifest.files.iter().filter(|file| file.redacted);
    let redacted: Vec<_> = redacted.map(|file| file.name.as_str()).collect();
    assert_eq!(redacted, ["answers.yaml", "journal.jsonl"]);
    let sound = journal::parse(archive.file("journal.jsonl").unwrap(), Path::new("j")).unwrap();
    assert!(sound.damage.is_none(), "{:?}", sound.damage);
    assert_eq!(sound.journal.events.len(), 3);
    assert!(
        journal::read(&folder.journal()).is_ok(),
        "the run itself is untouched"
    );
}

#[test]
fn a_damaged_journal_is_exported_as_it_is() {
    let state = tempfile::tempdir().unwrap();
    let folder = recorded(state.path(), "event");
    let text = fs::read_to_string(folder.journal()).unwrap();
    fs::write(folder.journal(), text.replace("event 1\"", "event 9\"")).unwrap();
    let (bytes, exported) = exported(&folder);
    let damage = exported.damage.expect("it is told").to_string();
    assert!(damage.contains("line 2: was edited"), "{damage}");
    assert_eq!(opened(&bytes).unwrap().altered, []);
}

// ---- what somebody else might send ---------------------------------------------------------------

/// A tar of entries as they are given, however odd.
struct Forged(Builder<GzEncoder<Vec<u8>>>);

impl Forged {
    fn empty() -> Self {
        Self(Builder::new(GzEncoder::new(
            Vec::new(),
            Compression::fast(),
        )))
    }

    /// One that begins with a manifest of these files.
    fn of(files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(name, bytes)| ManifestFile {
            name: (*name).into(),
            size: bytes.len() as u64,
            sha256: hash(bytes),
            redacted: false,
        });
        let manifest = Manifest {
            format: FORMAT.into(),
            tool_version: "0.1.0".into(),
            run: RUN.into(),
            files: files.collect(),
        };
        let text = serde_json::to_vec(&manifest).unwrap();
        Self::empty().file(&format!("{RUN}/{MANIFEST}"), &text)
    }

    fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.entry(EntryType::Regular, name, bytes, bytes.len() as u64)
    }

    fn entry(mut self, kind: EntryType, name: &str, bytes: &[u8], size: u64) -> Self {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o600);
        // By hand: `set_path` refuses what is tried here.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        if kind == EntryType::Symlink || kind == EntryType::Link {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    fn packed(self) -> Vec<u8> {
        self.0.into_inner().unwrap().finish().unwrap()
    }

    fn refusal(self) -> String {
        told(&self.packed())
    }
}

/// What is said about it, without the file's own name.
fn told(bytes: &[u8]) -> String {
    let text = opened(bytes).unwrap_err().to_string();
    text.split_once(": ")
        .expect("it begins with the path")
        .1
        .to_owned()
}

#[test]
fn entries_that_no_export_writes_are_refused_by_name() {
    let inside = |name: &str| format!("{RUN}/{name}");
    let tried = [
        Forged::of(&[]).file("../../evil", b"x"),
        Forged::of(&[]).file(&inside("../evil"), b"x"),
        Forged::of(&[]).file("/etc/cron.d/evil", b"x"),
        Forged::of(&[]).file("other/journal.jsonl", b"x"),
        Forged::of(&[]).file(&inside("a\\b"), b"x"),
        Forged::of(&[]).file(&inside("a\x1b[2Jb"), b"x"),
        Forged::of(&[]).entry(EntryType::Symlink, &inside("link"), b"", 0),
        Forged::of(&[]).entry(EntryType::Link, &inside("hard"), b"", 0),
        Forged::of(&[]).entry(EntryType::Char, &inside("device"), b"", 0),
        Forged::of(&[]).entry(EntryType::Fifo, &inside("pipe"), b"", 0),
        Forged::of(&[]).entry(EntryType::Directory, &inside("folder/"), b"", 0),
        Forged::of(&[]).entry(EntryType::GNULongName, "././@LongLink", b"../evil", 7),
        Forged::of(&[]).entry(
            EntryType::XHeader,
            &inside("pax"),
            b"20 path=../../evil\n",
            19,
        ),
        Forged::of(&[])
            .file(&inside("a"), b"x")
            .file(&inside("a"), b"y"),
    ];
    let told: Vec<_> = tried.into_iter().map(Forged::refusal).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    `../../evil` leads out of its folder; nothing of it was unpacked
    `20260401T100000Z-0001/../evil` leads out of its folder; nothing of it was unpacked
    `/etc/cron.d/evil` has an absolute path; nothing of it was unpacked
    `other/journal.jsonl` is not in the run's folder; nothing of it was unpacked
    `20260401T100000Z-0001/a\b` has no plain name; nothing of it was unpacked
    `20260401T100000Z-0001/a�[2Jb` has no plain name; nothing of it was unpacked
    `20260401T100000Z-0001/link` is a symbolic link, expected a file; nothing of it was unpacked
    `20260401T100000Z-0001/hard` is a hard link, expected a file; nothing of it was unpacked
    `20260401T100000Z-0001/device` is a device, expected a file; nothing of it was unpacked
    `20260401T100000Z-0001/pipe` is a pipe, expected a file; nothing of it was unpacked
    `20260401T100000Z-0001/folder/` is a folder, expected a file; nothing of it was unpacked
    `././@LongLink` is of a kind that no export writes, expected a file; nothing of it was unpacked
    `20260401T100000Z-0001/pax` is of a kind that no export writes, expected a file; nothing of it was unpacked
    `20260401T100000Z-0001/a` is there twice; nothing of it was unpacked
    ");
}

#[test]
fn what_is_no_archive_of_a_run_says_what_it_is() {
    let whole = Forged::of(&[("a", b"text")])
        .file(&format!("{RUN}/a"), b"text")
        .packed();
    let manifest = |text: &str| {
        Forged::empty()
            .file(&format!("{RUN}/{MANIFEST}"), text.as_bytes())
            .refusal()
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&[b'x'; 4_000]).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let told = [
        told(&whole[..whole.len() - 20]),
        told(&whole[..whole.len() - 4]),
        told(&whole[..20]),
        told(&gzip.finish().unwrap()),
        told(b"\x1f\x8b and no more of it"),
        Forged::empty().refusal(),
        Forged::empty().file("notes.txt", b"x").refusal(),
        Forged::empty()
            .entry(EntryType::Symlink, &format!("{RUN}/{MANIFEST}"), b"", 0)
            .refusal(),
        Forged::empty().file("../manifest.json", b"{}").refusal(),
        manifest("{"),
        manifest(r#"{"format":"1.0","tool_version":"0.1.0","run":"another","files":[]}"#),
        manifest(r#"{"format":"2.0","tool_version":"7.3.0","files":{}}"#),
    ];
    assert!(opened(&flipped).is_err());
    insta::assert_snapshot!(told.join("\n"), @"
    cannot be unpacked; it is cut off, damaged, or no archive of a run
    cannot be unpacked; it is cut off, damaged, or no archive of a run
    cannot be unpacked; it is cut off, damaged, or no archive of a run
    cannot be unpacked; it is cut off, damaged, or no archive of a run
    cannot be unpacked; it is cut off, damaged, or no archive of a run
    begins with nothing, expected `RUN/manifest.json`; it is no archive of a run
    begins with `notes.txt`, expected `RUN/manifest.json`; it is no archive of a run
    `20260401T100000Z-0001/manifest.json` is a symbolic link, expected a file; nothing of it was unpacked
    begins with `../manifest.json`, expected `RUN/manifest.json`; it is no archive of a run
    `manifest.json` cannot be understood: EOF while parsing an object at line 1 column 1
    `manifest.json` cannot be understood: it is of run `another`, its folder is another
    has format 2.0 of rok-deploy 7.3.0, this program reads 1.0; use that version
    ");
}

#[test]
fn a_bomb_ends_at_its_bound() {
    let name = format!("{RUN}/zeros");
    // A claim is enough to refuse it.
    let mut claimed = Forged::of(&[]);
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_path(&name).unwrap();
    header.set_size(MOST_BYTES + 1);
    header.set_cksum();
    claimed.0.append(&header, &b""[..]).unwrap();
    let many = (0..=MOST_FILES).fold(Forged::of(&[]), |forged, number| {
        forged.file(&format!("{RUN}/{number}"), b"")
    });
    // Nothing is claimed, and much comes after the last entry.
    let mut trailing = GzEncoder::new(Vec::new(), Compression::fast());
    let start = Forged::of(&[]).0.into_inner().unwrap();
    let tar = {
        let packed = start.finish().unwrap();
        let mut tar = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut tar).unwrap();
        tar
    };
    trailing.write_all(&tar).unwrap();
    io::copy(&mut io::repeat(0).take(MOST_BYTES), &mut trailing).unwrap();
    let told = [
        claimed.refusal(),
        many.refusal(),
        told(&trailing.finish().unwrap()),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    is too large: `zeros` claims 268435457 bytes
    is too large: it holds more than 1000 files
    is too large: it unpacks to more than 256 MiB
    ");
}

#[test]
fn files_that_are_not_as_they_were_exported_are_named() {
    let forged = Forged::of(&[("a", b"text"), ("gone", b""), ("kept", b"k")])
        .file(&format!("{RUN}/a"), b"tExt")
        .file(&format!("{RUN}/added"), b"")
        .file(&format!("{RUN}/kept"), b"k");
    let archive = opened(&forged.packed()).unwrap();
    let told: Vec<_> = archive
        .altered
        .iter()
        .map(|altered| {
            let text = altered.to_string();
            text.split_once(": ").unwrap().1.to_owned()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    `a` was edited after the export: its SHA-256 is not that of the manifest
    `gone` is missing; the manifest lists it
    `added` was added after the export: the manifest does not list it
    ");
}

mod fed {
    crate::corpus::fed!("archive", super::feed);
}
