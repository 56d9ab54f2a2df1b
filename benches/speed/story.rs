//! A made-up run of any length: what a long-lived journal would hold.

use rok_deploy::engine::event::{FindingKind, StepOutline, TaskOutline};
use rok_deploy::engine::{
    Change, Event, EventKind, FactKey, Facts, Phase, StepOutcome, TaskMode, Verb,
};

/// As many steps as the largest recipe has.
const STEPS: usize = 20;

/// The length of the recordings that design and README speak of.
pub(crate) const LONG: usize = 100_000;

const ROLE: FactKey<String> = FactKey::new("aws.role");

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:*",
      "Resource": [
        "arn:aws:s3:::rok-123456789012-us-west-2-arrikto-cluster*",
        "arn:aws:s3:::rok-123456789012-us-west-2-arrikto-cluster*/*"
      ]
    }
  ]
}
"#;

/// Returns exactly `length` events: a start, then steps that look, act, settle and are done, over
/// and over.
pub(crate) fn story(length: usize) -> Vec<Event> {
    let mut events = Vec::with_capacity(length);
    events.push(started());
    let rounds = (0..).flat_map(|round: usize| work(&id(round % STEPS)));
    events.extend(rounds.take(length - 1));
    let start: jiff::Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
    let number = |(index, event)| {
        let seq = index as u64 + 1;
        let after = jiff::SignedDuration::from_millis(37 * i64::try_from(index).expect("fits"));
        let at = start + after;
        Event { seq, at, event }
    };
    events.into_iter().enumerate().map(number).collect()
}

fn id(step: usize) -> String {
    format!("aws.step-{step}")
}

fn started() -> EventKind {
    let outline = |step: usize| StepOutline {
        id: id(step),
        title: format!("Role and policy number {step}"),
        phase: Phase::Apply,
    };
    let task = |index: usize| TaskOutline {
        name: format!("task-{index}"),
        title: format!("Task number {index}"),
        mode: TaskMode::Run,
        proves: None,
        steps: (index * STEPS / 4..(index + 1) * STEPS / 4)
            .map(outline)
            .collect(),
    };
    EventKind::RunStarted {
        run: "20261123T100000Z-0f3a".into(),
        recipe: "rok-eks".into(),
        tool_version: "0.1.0".into(),
        practice: true,
        resumed: false,
        tasks: (0..4).map(task).collect(),
    }
}

fn work(step: &str) -> [EventKind; 6] {
    let change =
        || Change::new(Verb::Create, "policy", "rok-us-west-2-arrikto-cluster").after(POLICY);
    let mut facts = Facts::default();
    facts.set(&ROLE, &"arn:aws:iam::123456789012:role/rok".to_owned());
    let step = step.to_owned();
    [
        EventKind::StepObserving { step: step.clone() },
        EventKind::StepObserved {
            step: step.clone(),
            finding: FindingKind::Differs,
            note: String::new(),
            changes: vec![change()],
            notices: Vec::new(),
            hints: Vec::new(),
            missing_rights: Vec::new(),
            choices: Vec::new(),
            rights: Vec::new(),
        },
        EventKind::StepActing {
            step: step.clone(),
            changes: vec![change()],
        },
        EventKind::StepActed { step: step.clone() },
        EventKind::StepSettling {
            step: step.clone(),
            reason: "waits until the cloud's replicas agree: creates policy `rok`".into(),
            attempt: 1,
            waited_ms: 100,
            limit_ms: 180_000,
        },
        EventKind::StepDone {
            step,
            outcome: StepOutcome::Changed,
            note: "document and tags equal".into(),
            facts,
            notices: Vec::new(),
            chain: None,
        },
    ]
}
