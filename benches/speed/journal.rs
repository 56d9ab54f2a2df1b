//! The journal: opening a long one with its chain of hashes verified, and writing its lines.

use std::path::{Path, PathBuf};

use divan::Bencher;
use rok_deploy::engine::Event;
use rok_deploy::engine::ports::Recorder as _;
use rok_deploy::journal::{FORMAT, Header, Launch, Writer, read};
use tempfile::TempDir;

use crate::story::{LONG, story};

#[divan::bench(sample_count = 10)]
fn open_100_000_events(bencher: Bencher) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = written(folder.path(), &story(LONG));
    bencher.bench_local(|| {
        let journal = read(&path).expect("an untouched journal");
        assert_eq!(journal.events.len(), LONG);
        journal
    });
}

#[divan::bench]
fn write_a_line(bencher: Bencher) {
    write_lines(bencher, false);
}

#[divan::bench]
fn write_a_durable_line(bencher: Bencher) {
    write_lines(bencher, true);
}

fn write_lines(bencher: Bencher, durable: bool) {
    let folder = TempDir::new().expect("a temporary folder");
    let mut writer =
        Writer::create(&folder.path().join("journal.jsonl"), &header()).expect("a new journal");
    let events = story(100);
    let mut next = events.iter().cycle();
    bencher.bench_local(|| {
        let event = next.next().expect("a cycle has no end");
        writer.record(event, durable).expect("room on the disk");
    });
}

fn written(folder: &Path, events: &[Event]) -> PathBuf {
    let path = folder.join("journal.jsonl");
    let mut writer = Writer::create(&path, &header()).expect("a new journal");
    for event in events {
        writer.record(event, false).expect("room on the disk");
    }
    path
}

fn header() -> Header {
    Header {
        format: FORMAT.into(),
        tool_version: "0.1.0".into(),
        run: "20261123T100000Z-0f3a".into(),
        recipe: "rok-eks".into(),
        launch: Launch::default(),
    }
}
