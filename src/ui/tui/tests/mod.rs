//! The wizard without a terminal: made-up answers and runs, keys as messages, screens as text.

mod asking;
mod hostile;
mod playing;
mod running;
mod screens;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::model::{Effect, Model, Msg};
use super::{Options, Unfinished};
use crate::engine::question::{Resolution, Resolved};
use crate::engine::{Answer, Answers, Candidate, Event, Kind, Origin, Question};

/// A moment in the made-up runs.
const NOW: &str = "2026-04-01T10:15:36Z";

fn options() -> Options {
    Options {
        practice: true,
        color: false,
        version: "0.1.0".into(),
    }
}

fn unfinished() -> Unfinished {
    Unfinished {
        run: "20260331-170200-a8c1".into(),
        recipe: "rok-eks".into(),
        started: "2026-03-31T17:02:00Z".parse().unwrap(),
        standing: "3 of 14 steps done".into(),
    }
}

fn questions() -> Vec<Question> {
    vec![
        Question {
            kind: Kind::Choice(&[
                ("rok-eks", "Rok on an EKS cluster, buckets in S3"),
                (
                    "rok-aks",
                    "Rok on an AKS cluster, containers in a storage account",
                ),
                (
                    "workload-eks",
                    "any workload on EKS and one bucket of its own",
                ),
            ]),
            ..Question::new(
                "recipe",
                "environment",
                "Recipe",
                "What is to be installed, and where.",
            )
        },
        Question {
            kind: Kind::Path,
            ..Question::new(
                "gitops_dir",
                "environment",
                "Deployments clone",
                "The clone of your deployments repository. It is created when it is absent.",
            )
        },
        Question {
            discovered: true,
            ..Question::new(
                "eks_cluster",
                "environment",
                "EKS cluster",
                "The cluster whose service account is to use the buckets.",
            )
        },
        Question::new(
            "aws_default_region",
            "environment",
            "Region",
            "Where the cluster runs.",
        ),
        Question {
            computed: true,
            validate: |value, _| {
                if value.len() <= 64 {
                    Ok(())
                } else {
                    Err(format!(
                        "has {} characters; expected at most 64",
                        value.len()
                    ))
                }
            },
            ..Question::new(
                "aws_s3_role",
                "cloudidentity",
                "Role",
                "The IAM role that the service account assumes. Its name is computed from region and cluster.",
            )
        },
        Question {
            optional: true,
            ..Question::new(
                "aws_permissions_boundary",
                "cloudidentity",
                "Permissions boundary",
                "The ARN of a policy that limits what the role may ever do.",
            )
        },
        Question::new(
            "aws_s3_bucket_prefix",
            "objectstorage",
            "Bucket prefix",
            "What the names of all buckets begin with.",
        ),
        Question {
            kind: Kind::YesNo,
            ..Question::new(
                "gitops_push",
                "objectstorage",
                "Push",
                "Whether commits and tags go to the remote.",
            )
        },
    ]
}

/// Answers as they would be found; own ones win.
fn resolve(edits: &Answers) -> Resolution {
    let found = |key: &str| match key {
        "recipe" => Some(("rok-eks", Origin::Default)),
        "gitops_dir" => Some(("~/ops/deployments", Origin::Default)),
        "eks_cluster" => Some(("arrikto-cluster", Origin::Discovered)),
        "aws_default_region" => Some((
            "us-west-2",
            Origin::Environment {
                variable: "AWS_DEFAULT_REGION".into(),
            },
        )),
        "aws_s3_role" => Some(("rok-us-west-2-arrikto-cluster", Origin::Computed)),
        "aws_s3_bucket_prefix" => Some((
            "rok-123451234512-us-west-2-arrikto-cluster",
            Origin::EnvFile {
                path: "deploy/env.cloudidentity".into(),
            },
        )),
        "gitops_push" => Some(("yes", Origin::Default)),
        _ => None,
    };
    let mut resolution = Resolution::default();
    for question in questions() {
        let own = edits.answer(question.key).cloned();
        let found = found(question.key).map(|(value, origin)| Answer {
            value: value.into(),
            origin,
        });
        let answer = own.or(found);
        let value = answer.as_ref().map_or("", |answer| answer.value.as_str());
        let problem = question.check(value, &resolution.answers).err();
        let candidates = if question.discovered {
            vec![
                Candidate::new("arrikto-cluster", "us-west-2, 1.31, active").preferred(true),
                Candidate::new("staging", "us-west-2, 1.30, active"),
                Candidate::new(
                    "analytics-with-a-very-long-name",
                    "eu-central-1, 1.31, creating",
                ),
            ]
        } else {
            vec![]
        };
        if let Some(answer) = &answer {
            resolution
                .answers
                .set(question.key, answer.value.clone(), answer.origin.clone());
        }
        let hints = if problem.is_some() {
            vec![format!("set `{}` to a value that fits", question.key)]
        } else {
            vec![]
        };
        resolution.rows.push(Resolved {
            question,
            answer,
            candidates,
            problem,
            hints,
            notice: None,
        });
    }
    resolution
}

fn key(code: KeyCode) -> Msg {
    Msg::Key(code.into())
}

fn control(letter: char) -> Msg {
    Msg::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))
}

/// Presses the keys of a text, one after the other.
fn press(model: &mut Model, text: &str) -> Vec<Effect> {
    text.chars()
        .flat_map(|letter| model.update(key(KeyCode::Char(letter))))
        .collect()
}

/// A wizard whose first look is over.
fn form_with(edits: &Answers) -> Model {
    let (mut model, effects) = Model::wizard(options(), None);
    let [Effect::Resolve { generation, .. }] = effects[..] else {
        panic!("expected one look, got {effects:?}");
    };
    model.update(Msg::Resolved(generation, resolve(edits)));
    model
}

/// The screens of a run after these events.
fn run_with(events: Vec<Event>) -> Model {
    let mut model = Model::follower(options());
    model.update(Msg::Tick(NOW.parse().unwrap()));
    for event in events {
        model.update(Msg::Event(event));
    }
    model
}

/// What the terminal shows at that size.
fn screen(model: &mut Model, width: u16, height: u16) -> String {
    model.update(Msg::Resize(width, height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    model.prepare();
    terminal
        .draw(|target| super::screens::draw(model, target))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in buffer.content().chunks(width.into()) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}
