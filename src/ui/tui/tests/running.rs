//! Approving, watching, stopping and leaving a run.

use super::*;
use crate::engine::{Command, EventKind, Outcome, Scope, Signal};
use crate::ui::samples;
use crate::ui::tui::model::Place;
use crate::ui::tui::session::{Row, View};

const CANCEL: Effect = Effect::Send(Command::Cancel(Signal::Interrupt));

fn finished_with(outcome: Outcome, seq: u64) -> Msg {
    let mut event = samples::finished().pop().unwrap();
    event.seq = seq;
    event.event = EventKind::RunFinished {
        outcome,
        summary: "Ended".into(),
        next: vec![],
        handoff: None,
    };
    Msg::Event(event)
}

/// A wizard that waits for the approval of its plan.
fn wizard_in_review() -> Model {
    let mut model = form_with(&Answers::default());
    press(&mut model, "p");
    model.update(Msg::Started(Ok(())));
    for event in samples::asking(Scope::Plan, &samples::ACTING, None) {
        model.update(Msg::Event(event));
    }
    assert_eq!(model.session.view(), View::Review);
    model
}

#[test]
fn the_scope_that_was_asked_is_what_gets_approved() {
    let mut model = run_with(samples::asking(Scope::Plan, &samples::ACTING, None));
    assert_eq!(
        press(&mut model, "A"),
        [],
        "all that follows is the plan itself"
    );
    assert_eq!(
        press(&mut model, "a"),
        [Effect::Send(Command::Approve(Scope::Plan))]
    );

    let task = Scope::Task {
        task: "cloudidentity".into(),
    };
    let mut model = run_with(samples::asking(task.clone(), &samples::ACTING[..3], None));
    assert_eq!(
        press(&mut model, "a"),
        [Effect::Send(Command::Approve(task))]
    );
    assert_eq!(press(&mut model, "A"), [Effect::Send(Command::ApproveAll)]);
    assert_eq!(press(&mut model, "d"), [Effect::Send(Command::Decline)]);
}

#[test]
fn a_partial_approval_shows_only_its_steps() {
    let step = Scope::Step {
        step: "aws.iam-role".into(),
    };
    let mut model = run_with(samples::asking(step, &["aws.iam-role"], None));
    let text = screen(&mut model, 80, 24);
    assert!(text.contains("IAM role for the service account"), "{text}");
    assert!(!text.contains("Policy for the bucket prefix"), "{text}");
}

#[test]
fn enter_never_approves() {
    let mut model = run_with(samples::asking(Scope::Plan, &samples::ACTING, None));
    screen(&mut model, 80, 24);
    assert_eq!(model.update(key(KeyCode::Enter)), []);
}

#[test]
fn going_back_declines_and_returns_to_the_answers() {
    let mut model = wizard_in_review();
    assert_eq!(
        model.update(key(KeyCode::Esc)),
        [Effect::Send(Command::Decline)]
    );
    model.update(finished_with(Outcome::Declined, 40));
    assert_eq!(model.place, Place::Form);
    assert_eq!(press(&mut model, "p").len(), 1, "another plan can be made");
}

#[test]
fn a_run_that_changed_something_has_no_way_back_to_the_answers() {
    let mut model = wizard_in_review();
    for event in samples::settling()
        .into_iter()
        .skip_while(|event| event.seq <= model.session.fold.state.seq)
        .collect::<Vec<_>>()
    {
        model.update(Msg::Event(event));
    }
    assert_eq!(model.update(key(KeyCode::Esc)), []);
    assert_eq!(model.place, Place::Run);
}

#[test]
fn control_c_stops_softly_then_hard_then_leaves() {
    let mut model = run_with(samples::settling());
    assert!(screen(&mut model, 80, 24).contains("Ctrl-C stops before the next change"));
    assert_eq!(model.update(control('c')), [CANCEL]);
    assert!(screen(&mut model, 80, 24).contains("Ctrl-C stops at once"));
    assert_eq!(model.update(control('c')), [CANCEL]);
    assert!(screen(&mut model, 80, 24).contains("Ctrl-C leaves the program"));
    assert!(!model.over);
    assert_eq!(model.update(control('c')), []);
    assert!(model.over);
    assert_eq!(model.outcome, Some(Outcome::Interrupted));
}

#[test]
fn leaving_asks_only_while_a_run_is_active() {
    let mut model = run_with(samples::settling());
    press(&mut model, "q");
    assert!(!model.over && model.confirming);
    press(&mut model, "n");
    assert!(!model.over && !model.confirming);
    press(&mut model, "q");
    assert_eq!(press(&mut model, "y"), [CANCEL]);
    model.update(finished_with(Outcome::Interrupted, 60));
    assert!(model.over);
    assert_eq!(model.outcome, Some(Outcome::Interrupted));

    let mut model = run_with(samples::finished());
    press(&mut model, "q");
    assert!(model.over);
    assert_eq!(model.outcome, Some(Outcome::Done));
}

#[test]
fn leaving_an_unapproved_plan_declines_it() {
    let mut model = wizard_in_review();
    press(&mut model, "q");
    assert_eq!(press(&mut model, "y"), [Effect::Send(Command::Decline)]);
    model.update(finished_with(Outcome::Declined, 40));
    assert!(model.over);
}

#[test]
fn a_termination_stops_the_run_and_leaves_when_it_has_ended() {
    let mut model = run_with(samples::settling());
    let effects = model.update(Msg::Terminate);
    assert_eq!(effects, [Effect::Send(Command::Cancel(Signal::Terminate))]);
    assert!(!model.over);
    model.update(finished_with(Outcome::Terminated, 60));
    assert!(model.over);
}

#[test]
fn the_next_mark_is_the_next_change() {
    let mut model = run_with(samples::asking(Scope::Plan, &samples::ACTING, None));
    screen(&mut model, 80, 24);
    let mut visited = Vec::new();
    for _ in 0..6 {
        model.update(key(KeyCode::Tab));
        visited.extend(model.session.chosen_step().map(|step| step.id.clone()));
    }
    visited.dedup();
    assert_eq!(visited, samples::ACTING);
}

#[test]
fn the_chosen_step_stays_visible_at_any_height() {
    let mut model = run_with(samples::settling());
    for height in 12..40 {
        for width in [40, 80, 130] {
            model.update(key(KeyCode::Home));
            for _ in 0..20 {
                screen(&mut model, width, height);
                let session = &model.session;
                let list = crate::ui::tui::screens::steps::panes(
                    crate::ui::tui::screens::frame(ratatui::layout::Rect::new(0, 0, width, height))
                        .body,
                    session,
                )
                .list;
                let visible = session.top..session.top + usize::from(list.height);
                // While the log is chosen the list follows the work.
                let follows = session.chosen == 0;
                assert!(
                    follows || visible.contains(&session.chosen),
                    "{width}×{height}"
                );
                assert!(matches!(
                    session.rows[session.chosen],
                    Row::Overview | Row::Step(..)
                ));
                model.update(key(KeyCode::Down));
            }
        }
    }
}

#[test]
fn a_recording_ends_where_the_run_ended() {
    let mut model = Model::player(options(), samples::failed());
    model.update(key(KeyCode::End));
    assert!(screen(&mut model, 80, 24).contains("A right is missing"));
    model.update(key(KeyCode::Home));
    assert!(screen(&mut model, 80, 24).contains("event 1 of"));
    press(&mut model, "q");
    assert!(model.over);
}

#[test]
fn the_log_follows_until_somebody_scrolls() {
    let mut model = run_with(samples::settling());
    screen(&mut model, 80, 24);
    assert!(model.session.page.is_at_end());
    model.update(key(KeyCode::PageUp));
    model.update(key(KeyCode::PageUp));
    let more = samples::finished()
        .into_iter()
        .skip(samples::settling().len())
        .take(4);
    for event in more {
        model.update(Msg::Event(event));
        screen(&mut model, 80, 24);
    }
    assert!(!model.session.page.is_at_end());
}

#[test]
fn the_chain_opens_where_there_is_one_and_closes_again() {
    let mut model = run_with(samples::settling());
    screen(&mut model, 80, 24);
    press(&mut model, "c");
    assert!(!model.session.opened, "nothing is known of it yet");

    let ways_back = [key(KeyCode::Esc), key(KeyCode::Char('c'))];
    for way_back in ways_back {
        for mut model in [
            run_with(samples::proving()),
            run_with(samples::unproven()),
            Model::player(options(), samples::unproven()),
        ] {
            model.update(key(KeyCode::End));
            let before = screen(&mut model, 80, 24);
            press(&mut model, "c");
            let text = screen(&mut model, 80, 24);
            assert!(text.contains("From service account to bucket"), "{text}");
            assert!(
                text.contains("└ ✓ bucket") || text.contains("BROKEN: found"),
                "{text}"
            );
            let Msg::Key(pressed) = &way_back else {
                unreachable!()
            };
            model.update(Msg::Key(*pressed));
            assert_eq!(screen(&mut model, 80, 24), before);
        }
    }
}

/// What format 1.3 and earlier wrote: no task says which chain it proves.
#[test]
fn a_recording_of_an_older_format_awaits_the_chain_of_a_role() {
    let mut events = samples::proof_begins();
    let begun = serde_json::to_string(&events[0]).unwrap();
    let older = begun.replace(r#""proves":"iam_role","#, "");
    assert_ne!(begun, older);
    events[0] = serde_json::from_str(&older).unwrap();
    let text = screen(&mut run_with(events), 120, 40);
    assert!(text.contains("IAM provider"), "{text}");
}

#[test]
fn a_chosen_step_shows_the_chain_that_it_found() {
    let mut events = samples::unproven();
    // The same run, had the Pod found everything in order.
    let place = events.len() - 2;
    let EventKind::StepFailed { step, .. } = &events[place].event else {
        panic!("the Pod failed");
    };
    events[place].event = EventKind::StepDone {
        step: step.clone(),
        outcome: crate::engine::StepOutcome::Verified,
        note: String::new(),
        facts: crate::engine::Facts::default(),
        notices: Vec::new(),
        chain: Some(samples::proven()),
    };
    let mut model = run_with(events);
    assert!(!screen(&mut model, 80, 24).contains("BROKEN"));
    model.update(key(KeyCode::Tab));
    for (width, height) in [(80, 24), (40, 12), (120, 40), (200, 60)] {
        let text = screen(&mut model, width, height);
        assert_eq!(model.session.chosen_step().unwrap().id, "rok.chain");
        assert!(text.contains("BROKEN"), "{width}×{height}\n{text}");
    }
    model.update(key(KeyCode::Down));
    for (width, height) in [(80, 24), (40, 12), (120, 40), (200, 60)] {
        let text = screen(&mut model, width, height);
        assert!(!text.contains("BROKEN"), "{width}×{height}\n{text}");
    }
}

#[test]
fn what_is_waited_for_is_readable_at_any_size() {
    let mut model = run_with(samples::proving());
    for (width, height) in [(40, 12), (60, 18), (80, 24), (120, 40), (200, 60)] {
        let text = screen(&mut model, width, height);
        let list = model.session.notes.join(" ");
        assert!(
            list.contains("ImagePullBackOff: Back-off"),
            "{width}×{height}: {list}"
        );
        for note in &model.session.notes {
            assert!(text.contains(note.trim_end()), "{width}×{height}\n{text}");
        }
    }
}

#[test]
fn the_log_follows_although_the_chain_takes_a_part_of_its_place() {
    let mut model = run_with(samples::settling());
    screen(&mut model, 80, 24);
    for event in samples::proving() {
        model.update(Msg::Event(event));
        screen(&mut model, 80, 24);
        assert!(model.session.page.is_at_end());
    }
    assert!(model.session.fold.chain().is_some());
}

#[test]
fn a_chain_that_no_step_tells_of_is_not_called_unproven_at_the_end() {
    let mut events = samples::proof_begins();
    let mut last = samples::finished().pop().unwrap();
    last.seq = events.len() as u64 + 1;
    assert!(screen(&mut run_with(events.clone()), 40, 12).contains("nothing proven"));
    events.push(last);
    let text = screen(&mut run_with(events), 40, 12);
    assert!(!text.contains("chain"), "{text}");
}

/// A wizard whose plan met somebody else's role.
fn wizard_in_conflict() -> Model {
    let mut model = form_with(&Answers::default());
    press(&mut model, "p");
    model.update(Msg::Started(Ok(())));
    let events = samples::conflicting();
    let next = events.len() as u64 + 1;
    for event in events {
        model.update(Msg::Event(event));
    }
    model.update(finished_with(Outcome::Conflict, next));
    assert_eq!(model.session.view(), View::Result);
    model
}

#[test]
fn ways_out_of_a_conflict_are_chosen_by_number_and_planned_again() {
    let mut model = wizard_in_conflict();
    let text = screen(&mut model, 80, 30);
    assert!(
        text.contains("1 ○ takes it over and makes these changes"),
        "{text}"
    );
    assert!(text.contains("2 ○ uses it exactly as it is now"), "{text}");
    assert_eq!(press(&mut model, "p"), [], "nothing is chosen yet");

    press(&mut model, "12");
    let text = screen(&mut model, 80, 30);
    assert!(
        text.contains("1 ○") && text.contains("2 ●"),
        "one of a conflict: {text}"
    );
    press(&mut model, "2");
    assert_eq!(press(&mut model, "p"), [], "it was taken back");
    press(&mut model, "9");
    assert_eq!(press(&mut model, "p"), [], "there is no ninth way");

    let effects = press(&mut model, "1p");
    let [Effect::Resolve { generation, edits }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(edits.get("aws_adopt"), Some("role"));
    assert_eq!(model.place, Place::Form);
    let effects = model.update(Msg::Resolved(*generation, resolve(edits)));
    assert!(matches!(&effects[..], [Effect::Start(_)]), "{effects:?}");
    model.update(Msg::Started(Ok(())));
    assert!(!model.session.offers_ways(), "what was chosen is forgotten");
}

#[test]
fn another_name_is_a_way_out_too() {
    let mut model = wizard_in_conflict();
    let effects = press(&mut model, "3p");
    let [Effect::Resolve { edits, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    let name = "rok-us-west-2-arrikto-cluster-a1b2c3";
    assert_eq!(edits.get("aws_s3_role"), Some(name));
    assert_eq!(edits.get("aws_adopt"), None);
}

#[test]
fn a_run_without_answers_to_go_back_to_shows_hints_instead() {
    let mut events = samples::conflicting();
    let next = events.len() as u64 + 1;
    let Msg::Event(finished) = finished_with(Outcome::Conflict, next) else {
        unreachable!("it is an event");
    };
    events.push(finished);
    let mut model = run_with(events);
    let text = screen(&mut model, 80, 30);
    assert!(
        text.contains("hint: `--set aws_adopt=role` takes it over"),
        "{text}"
    );
    assert_eq!(press(&mut model, "1p"), []);
}
