//! Hostile texts on every screen: no cell of it holds a letter that does something else than being
//! read, and none is lost without a trace.

use super::*;
use crate::engine::Scope;
use crate::ui::harmless::{HOSTILE, harm_in};
use crate::ui::samples;
use crate::ui::tui::Recording;
use crate::ui::wire::Request;

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

/// Draws the model at all sizes, with details closed and open, and looks at every cell.
fn assert_harmless(model: &mut Model, hostile: &str) -> String {
    let mut seen = String::new();
    for (width, height) in SIZES {
        for code in [KeyCode::Tab, KeyCode::Tab, KeyCode::Enter, KeyCode::End] {
            let text = screen(model, width, height);
            assert_eq!(harm_in(&text), "", "{hostile:?}:\n{text}");
            assert_eq!(text.lines().count(), usize::from(height), "{hostile:?}");
            assert!(!text.contains('\t'), "{hostile:?}:\n{text}");
            seen += &text;
            model.update(key(code));
        }
        model.update(key(KeyCode::Esc));
    }
    seen
}

/// A record that somebody has filled with that text.
fn recording(events: Vec<Event>, hostile: &str) -> Recording {
    let request = Request {
        at: NOW.parse().unwrap(),
        client: hostile.into(),
        method: hostile.into(),
        operation: hostile.into(),
        target: hostile.into(),
        status: Some(403),
        request_id: Some(hostile.into()),
        attempt: 2,
        duration_ms: 1,
        error: Some(hostile.into()),
        write: true,
    };
    Recording {
        events,
        requests: vec![request],
        problems: vec![hostile.into()],
    }
}

#[test]
fn runs_and_recordings() {
    let mut seen = String::new();
    for hostile in HOSTILE {
        let asking = samples::asking(Scope::Plan, &samples::ACTING, None);
        for events in [
            asking,
            samples::conflicting(),
            samples::failed(),
            samples::unproven(),
        ] {
            let events = samples::spoiled(&events, hostile);
            seen += &assert_harmless(&mut run_with(events.clone()), hostile);
            let mut player = Model::player(options(), recording(events, hostile));
            player.update(key(KeyCode::End));
            seen += &assert_harmless(&mut player, hostile);
            press(&mut player, "w");
            seen += &assert_harmless(&mut player, hostile);
        }
    }
    assert!(
        seen.contains('\u{fffd}'),
        "something is shown in their place"
    );
}

#[test]
fn forms_with_answers_candidates_and_problems() {
    for hostile in HOSTILE {
        let (mut model, effects) = Model::wizard(
            options(),
            Some(Unfinished {
                recipe: hostile.into(),
                standing: hostile.into(),
                ..unfinished()
            }),
        );
        assert_harmless(&mut model, hostile);
        drop(effects);

        let (mut model, effects) = Model::wizard(options(), None);
        let [Effect::Resolve { generation, .. }] = effects[..] else {
            panic!("expected one look, got {effects:?}");
        };
        let mut resolution = resolve(&Answers::default());
        for row in &mut resolution.rows {
            let answer = row.answer.get_or_insert(Answer {
                value: String::new(),
                origin: Origin::Default,
            });
            answer.value += hostile;
            answer.origin = Origin::EnvFile {
                path: hostile.into(),
            };
            row.candidates = vec![
                Candidate::new(hostile, hostile),
                Candidate::new("other", hostile),
            ];
            row.problem = Some(hostile.into());
            row.hints = vec![hostile.into()];
            row.notice = Some(hostile.into());
        }
        model.update(Msg::Resolved(generation, resolution));
        model.update(key(KeyCode::Home));
        for _ in 0..questions().len() {
            assert_harmless(&mut model, hostile);
            model.update(key(KeyCode::Down));
        }
    }
}
