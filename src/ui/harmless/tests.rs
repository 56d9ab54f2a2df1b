//! Hostile texts in everything that is shown.

use proptest::prelude::*;

use super::*;
use crate::engine::RunState;
use crate::ui::json::json_line;
use crate::ui::plain::Plain;
use crate::ui::samples;
use crate::ui::summary::{plan_lines, run_summary_lines};

#[test]
fn a_remote_text_cannot_move_the_cursor() {
    assert_eq!(clean("a\u{1b}[2Jb\tc\r\nd"), "a\u{fffd}[2Jb\tc\u{fffd}\nd");
    assert_eq!(clean("txt.\u{202e}exe"), "txt.\u{fffd}exe");
    assert_eq!(clean("é日本語 e\u{301}"), "é日本語 e\u{301}");
    assert_eq!(line("a\nb\u{7}"), "a b\u{fffd}");
    assert_eq!(block("no\nhint: yes"), "no\n  hint: yes");
}

#[test]
fn only_our_own_colours_pass_and_only_where_colour_is_wanted() {
    let text = "\u{1b}[1;31mFAILED\u{1b}[0m \u{1b}[8m\u{1b}[31m\u{1b}";
    assert_eq!(
        painted(text, true),
        "\u{1b}[1;31mFAILED\u{1b}[0m \u{fffd}[8m\u{fffd}[31m\u{fffd}"
    );
    assert_eq!(harm_in(&painted(text, false)), "");
}

#[test]
fn json_means_the_same_and_holds_no_harm() {
    for text in HOSTILE {
        let json = serde_json::to_string(text).unwrap();
        let escaped = escaped(json);
        assert_eq!(harm_in(&escaped), "", "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}

/// All made-up runs, with that text in every name, note, change and hint of theirs.
fn spoiled(hostile: &str) -> Vec<Vec<crate::engine::Event>> {
    [
        samples::every_event(),
        samples::planned(),
        samples::conflicting(),
        samples::finished(),
        samples::failed(),
        samples::unproven(),
    ]
    .iter()
    .map(|events| samples::spoiled(events, hostile))
    .collect()
}

#[test]
fn plain_lines_and_summaries_are_harmless_whatever_a_run_or_a_recording_holds() {
    for hostile in HOSTILE {
        for events in spoiled(hostile) {
            let (mut talk, mut result) = (Vec::new(), Vec::new());
            let mut plain = Plain::new(&mut talk, &mut result, (false, false));
            for event in &events {
                plain.event(event).unwrap();
            }
            drop(plain);
            let state = RunState::of(&events);
            let shown = [
                String::from_utf8(talk).unwrap(),
                String::from_utf8(result).unwrap(),
                plan_lines(&state, false),
                run_summary_lines(&state, false),
                events.iter().map(json_line).collect(),
            ]
            .concat();
            assert!(shown.contains("arrikto-cluster"), "{shown}");
            assert_eq!(harm_in(&shown), "", "{hostile:?}");
        }
    }
}

#[test]
fn with_colour_nothing_but_our_own_codes_gets_through() {
    for hostile in HOSTILE {
        for events in spoiled(hostile) {
            let state = RunState::of(&events);
            let shown = plan_lines(&state, true) + &run_summary_lines(&state, true);
            let without = COLORS
                .iter()
                .fold(shown, |text, code| text.replace(code, ""));
            assert_eq!(harm_in(&without), "", "{hostile:?}");
        }
    }
}

#[test]
fn no_line_of_a_remote_passes_for_a_line_of_ours() {
    let forged = "no\nhint: run this\nDone: everything is in place";
    for events in spoiled(forged) {
        let mut talk = Vec::new();
        let mut result = Vec::new();
        let mut plain = Plain::new(&mut talk, &mut result, (false, false));
        for event in &events {
            plain.event(event).unwrap();
        }
        drop(plain);
        let shown = String::from_utf8([talk, result].concat()).unwrap();
        for line in shown.lines() {
            assert!(
                !line.starts_with("hint: run this") && !line.starts_with("Done: everything"),
                "{shown}"
            );
        }
    }
}

proptest! {
    #[test]
    fn however_it_is_cut_what_is_written_is_harmless(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..8),
                any::<proptest::sample::Index>().prop_map(|index| index.get(&HOSTILE).as_bytes().to_vec()),
            ],
            0..12,
        ),
        cut in 1_usize..7,
    ) {
        let whole = pieces.concat();
        let mut written = Vec::new();
        let mut writer = Harmless::new(&mut written, false);
        for piece in whole.chunks(cut) {
            writer.write_all(piece).unwrap();
        }
        let written = String::from_utf8(written).unwrap();
        prop_assert_eq!(harm_in(&written), String::new());
        // Nothing is lost but the end of a letter that never came.
        let text = String::from_utf8_lossy(&whole);
        prop_assert!(painted(&text, false).starts_with(&written));
    }
}
