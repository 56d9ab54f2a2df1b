//! The player: seeking, searching, the moment, its requests, and a record that somebody touched.

use super::*;
use crate::engine::EventKind;
use crate::ui::samples;
use crate::ui::tui::Recording;
use crate::ui::wire::Request;

/// Requests as the failing proof would have sent them.
fn requests(events: &[Event]) -> Vec<Request> {
    let request = |at: jiff::Timestamp, operation: &str, status: u16| Request {
        at,
        client: "aws".into(),
        method: "POST".into(),
        operation: operation.into(),
        target: "https://iam.amazonaws.com".into(),
        status: Some(status),
        request_id: Some(format!("{status}-0f2a-{}", operation.len())),
        attempt: 1,
        duration_ms: 34,
        error: (status >= 400).then(|| "AccessDenied".into()),
        write: operation.contains("Create"),
    };
    let mut requests = Vec::new();
    for event in events {
        match &event.event {
            EventKind::StepObserving { step } if step.starts_with("aws.") => {
                requests.push(request(event.at, &format!("iam:Get-{step}"), 200));
            }
            EventKind::StepFailed { step, .. } => {
                let refused = request(event.at, &format!("sts:AssumeRole-{step}"), 403);
                requests.push(request(event.at, "iam:CreateRole", 200));
                let attempt = 2;
                requests.push(Request { attempt, ..refused });
            }
            _ => {}
        }
    }
    requests
}

fn recording(events: Vec<Event>) -> Recording {
    Recording {
        requests: requests(&events),
        events,
        problems: Vec::new(),
    }
}

fn player(events: Vec<Event>) -> Model {
    Model::player(options(), recording(events))
}

fn position(model: &Model) -> usize {
    model.player.as_ref().expect("it plays").progress().0
}

/// The event that the player is at.
fn here(model: &Model, events: &[Event]) -> EventKind {
    events[position(model) - 1].event.clone()
}

fn ask(model: &mut Model, opener: &str, text: &str) {
    press(model, opener);
    press(model, text);
    model.update(key(KeyCode::Enter));
}

fn at_sizes(name: &str, model: &mut Model) {
    for (width, height) in [(80, 24), (120, 40), (200, 60), (40, 12)] {
        let text = screen(model, width, height);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), text);
    }
}

#[test]
fn a_step_that_acts_shows_its_diff() {
    let events = samples::finished();
    let mut model = player(events.clone());
    ask(&mut model, "g", "aws.iam-role");
    assert!(
        matches!(here(&model, &events), EventKind::StepActing { step, .. } if step == "aws.iam-role")
    );
    at_sizes("player_acting", &mut model);
    let text = screen(&mut model, 40, 12);
    assert!(!text.contains("What changed here"), "{text}");
    press(&mut model, "m");
    let text = screen(&mut model, 40, 12);
    insta::assert_snapshot!("player_acting_opened_40x12", text);
}

#[test]
fn a_failure_shows_its_requests_and_the_wire_log_around_it() {
    let mut model = player(samples::unproven());
    press(&mut model, "e");
    at_sizes("player_failure", &mut model);
    press(&mut model, "w");
    at_sizes("player_wire", &mut model);
    assert!(
        screen(&mut model, 80, 24).contains("▸ ✗ "),
        "a failed request of the moment"
    );
    model.update(key(KeyCode::Right));
    assert!(
        screen(&mut model, 200, 60).contains("Wire log"),
        "stepping keeps it open"
    );
    press(&mut model, "w");
    assert!(!screen(&mut model, 200, 60).contains("Wire log"));
}

#[test]
fn the_moment_goes_beside_the_steps_then_everywhere_then_away() {
    let mut model = player(samples::finished());
    press(&mut model, "]]]");
    let steps = |text: &str| text.contains("Account and caller");
    let moment = |text: &str| text.contains("What changed here");
    for size in [(80, 24), (200, 60)] {
        for (shows_steps, shows_moment) in [(true, true), (false, true), (true, false)] {
            let text = screen(&mut model, size.0, size.1);
            assert_eq!(
                (steps(&text), moment(&text)),
                (shows_steps, shows_moment),
                "{text}"
            );
            press(&mut model, "m");
        }
    }
    // A chosen step has its own text where there is room for one text only.
    screen(&mut model, 80, 24);
    model.update(key(KeyCode::Down));
    let text = screen(&mut model, 80, 24);
    assert!(
        text.contains("aws.caller · looks") && !moment(&text),
        "{text}"
    );
}

#[test]
fn boundaries_of_steps_and_tasks_and_problems_are_met_in_both_directions() {
    let events = samples::unproven();
    let mut model = player(events.clone());
    let mut visit = |keys: &str, back: &str, wanted: &dyn Fn(&EventKind) -> bool| {
        model.update(key(KeyCode::Home));
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        loop {
            let before = position(&model);
            press(&mut model, keys);
            if position(&model) == before {
                break;
            }
            forward.push(position(&model));
        }
        model.update(key(KeyCode::End));
        loop {
            let before = position(&model);
            press(&mut model, back);
            if position(&model) == before {
                break;
            }
            backward.push(position(&model));
        }
        let places = 1..=events.len();
        let all: Vec<_> = places
            .filter(|place| wanted(&events[place - 1].event))
            .collect();
        let not = |end: usize| all.iter().copied().filter(move |place| *place != end);
        assert_eq!(forward, not(1).collect::<Vec<_>>(), "{keys}");
        let mut expected: Vec<_> = not(events.len()).collect();
        expected.reverse();
        assert_eq!(backward, expected, "{back}");
    };
    visit("]", "[", &|event| {
        use EventKind::{StepActing, StepDone, StepFailed, StepNotChecked};
        matches!(
            event,
            StepActing { .. } | StepDone { .. } | StepFailed { .. } | StepNotChecked { .. }
        )
    });
    visit("}", "{", &|event| {
        use EventKind::{PlanReady, RunFinished, RunStarted, TaskFinished, TaskStarted};
        matches!(
            event,
            RunStarted { .. }
                | PlanReady { .. }
                | TaskStarted { .. }
                | TaskFinished { .. }
                | RunFinished { .. }
        )
    });
    visit("e", "E", &|event| {
        matches!(
            event,
            EventKind::StepFailed { .. }
                | EventKind::RunFinished { .. }
                | EventKind::Warning { .. }
        )
    });
}

#[test]
fn a_search_meets_notes_diffs_titles_requests_and_ids() {
    let events = samples::unproven();
    let mut model = player(events.clone());
    for (text, kind) in [
        ("WEBHOOK TO ADD", "failed"),
        ("sts:assumerole-rok.chain", "failed"),
        ("403-0f2a-24", "failed"),
    ] {
        model.update(key(KeyCode::Home));
        ask(&mut model, "/", text);
        let found = here(&model, &events);
        assert!(
            matches!(found, EventKind::StepFailed { .. }),
            "{text} is {kind}: {found:?}"
        );
        let shown = screen(&mut model, 120, 40);
        assert!(shown.contains("match 1 of"), "{shown}");
    }
    // A title is met at every event of its step; from the last match the way leads to the first.
    model.update(key(KeyCode::Home));
    ask(&mut model, "/", "role for the service account");
    let first = position(&model);
    let mut met = vec![first];
    loop {
        press(&mut model, "n");
        if position(&model) == first {
            break;
        }
        assert_eq!(here(&model, &events).step(), Some("aws.iam-role"));
        met.push(position(&model));
    }
    assert!(met.len() > 1, "{met:?}");
    press(&mut model, "N");
    assert_eq!(position(&model), *met.last().unwrap());

    ask(&mut model, "/", "no such thing");
    assert!(screen(&mut model, 80, 24).contains("! `no such thing` is nowhere"));
    model.update(key(KeyCode::Left));
    assert!(!screen(&mut model, 80, 24).contains("nowhere"));
}

#[test]
fn a_request_that_was_found_is_on_the_screen() {
    let mut recording = recording(samples::finished());
    let first = recording.events[0].at;
    let last = recording.requests.last().expect("there are some").clone();
    let sent = |number: usize| Request {
        at: first,
        operation: format!("iam:Tag-{number}"),
        ..last.clone()
    };
    recording.requests = (0..60).map(sent).collect();
    let mut model = Model::player(options(), recording);
    for size in [(120, 40), (200, 60), (80, 24)] {
        screen(&mut model, size.0, size.1);
        model.update(key(KeyCode::Home));
        ask(&mut model, "/", "iam:Tag-55");
        let shown = screen(&mut model, size.0, size.1);
        assert!(shown.contains("POST iam:Tag-55"), "{size:?}: {shown}");
        press(&mut model, "w");
        let shown = screen(&mut model, size.0, size.1);
        assert!(shown.contains("POST iam:Tag-55"), "{size:?}: {shown}");
        press(&mut model, "w");
    }
}

#[test]
fn going_to_a_number_a_time_a_step_or_a_task() {
    let events = samples::finished();
    let mut model = player(events.clone());
    ask(&mut model, "g", "17");
    assert_eq!(position(&model), 17);
    ask(&mut model, "g", "cloudidentity");
    assert!(
        matches!(here(&model, &events), EventKind::TaskStarted { task } if task == "cloudidentity")
    );
    ask(&mut model, "g", "iam-pol");
    assert_eq!(here(&model, &events).step(), Some("aws.iam-policy"));
    let last = events.last().unwrap().at.strftime("%H:%M:%S").to_string();
    ask(&mut model, "g", &last);
    assert_eq!(
        events[position(&model) - 1]
            .at
            .strftime("%H:%M:%S")
            .to_string(),
        last
    );
    let before = position(&model);
    for nowhere in ["0", "9999", "23:59:59", "no.step"] {
        ask(&mut model, "g", nowhere);
        assert_eq!(position(&model), before);
        let text = screen(&mut model, 80, 24);
        let told = format!("there is no event, time, step or task `{nowhere}`");
        assert!(text.contains(&told), "{text}");
    }
}

#[test]
fn keys_are_text_while_something_is_asked_for() {
    let mut model = player(samples::finished());
    press(&mut model, "/");
    press(&mut model, "qnwm? ");
    model.update(Msg::Paste("pasted\n".into()));
    model.update(key(KeyCode::Backspace));
    let text = screen(&mut model, 80, 24);
    assert!(text.contains("Find: qnwm? paste") && !model.over, "{text}");
    model.update(key(KeyCode::Esc));
    assert!(!screen(&mut model, 80, 24).contains("Find:"));
    press(&mut model, "g");
    insta::assert_snapshot!("player_go_to_80x24", screen(&mut model, 80, 24));
    model.update(control('c'));
    assert!(model.over);
}

#[test]
fn a_damaged_record_says_so_on_every_screen_and_at_its_end() {
    let mut events = samples::finished();
    events.truncate(30);
    let problem = "journal.jsonl: line 32: was edited";
    let mut model = Model::player(
        options(),
        Recording {
            problems: vec![problem.into()],
            ..Recording::from(events)
        },
    );
    for size in [(80, 24), (40, 12)] {
        assert!(screen(&mut model, size.0, size.1).contains("DAMAGED"));
    }
    model.update(key(KeyCode::End));
    let text = screen(&mut model, 80, 24);
    assert!(
        text.contains(&format!("✗ the record ends here: {problem}")),
        "{text}"
    );
}

#[test]
fn a_recording_without_a_wire_log_offers_none() {
    let mut model = Model::player(options(), samples::finished());
    let before = screen(&mut model, 200, 60);
    press(&mut model, "w");
    assert_eq!(screen(&mut model, 200, 60), before);
    assert!(
        !before.contains("w wire") && !before.contains("request"),
        "{before}"
    );
}

#[test]
fn playing_shows_the_moment_it_stops_at() {
    let events = samples::finished();
    let mut model = player(events);
    let mut now: jiff::Timestamp = NOW.parse().unwrap();
    press(&mut model, " ");
    model.update(Msg::Tick(now));
    for _ in 0..20 {
        now += jiff::SignedDuration::from_millis(100);
        model.update(Msg::Tick(now));
    }
    press(&mut model, " ");
    let (played, place) = (screen(&mut model, 200, 60), position(&model));
    assert!(place > 1, "two seconds have passed");
    let mut jumped = player(samples::finished());
    ask(&mut jumped, "g", &place.to_string());
    let moment = |text: &str| {
        let lines = text
            .lines()
            .skip_while(|line| !line.contains("What changed here"));
        lines
            .map(|line| line.chars().skip(60).collect::<String>())
            .collect::<Vec<_>>()
    };
    let lines = |text| moment(text).len().saturating_sub(4);
    assert_eq!(
        moment(&played)[..lines(&played)],
        moment(&screen(&mut jumped, 200, 60))[..lines(&played)]
    );
}
