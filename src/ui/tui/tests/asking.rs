//! Questions: focus, editing, picking, and what the outside is asked to do.

use super::*;
use crate::engine::StepError;
use crate::ui::tui::form::Mode;
use crate::ui::tui::model::Place;

fn focus(model: &mut Model, wanted: &str) {
    model.update(key(KeyCode::Home));
    for _ in 0..20 {
        if model
            .form
            .as_ref()
            .unwrap()
            .focused()
            .is_some_and(|row| row.question.key == wanted)
        {
            return;
        }
        model.update(key(KeyCode::Down));
    }
    panic!("no question {wanted}");
}

fn value(model: &Model, wanted: &str) -> String {
    let rows = &model.form.as_ref().unwrap().resolution.rows;
    let row = rows.iter().find(|row| row.question.key == wanted).unwrap();
    row.answer
        .as_ref()
        .map_or_else(String::new, |answer| answer.value.clone())
}

#[test]
fn an_edit_shows_at_once_and_is_looked_into() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "aws_default_region");
    model.update(key(KeyCode::Enter));
    model.update(control('u'));
    press(&mut model, "eu-central-1");
    let effects = model.update(key(KeyCode::Enter));
    assert_eq!(value(&model, "aws_default_region"), "eu-central-1");
    let [
        Effect::Resolve {
            generation: 2,
            edits,
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(edits.get("aws_default_region"), Some("eu-central-1"));
    assert!(model.moves());
}

#[test]
fn an_older_look_is_ignored() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "gitops_push");
    model.update(key(KeyCode::Right));
    assert_eq!(value(&model, "gitops_push"), "no");
    model.update(Msg::Resolved(1, resolve(&Answers::default())));
    assert_eq!(value(&model, "gitops_push"), "no");
    assert!(model.form.as_ref().unwrap().looking);
}

#[test]
fn a_picked_candidate_becomes_the_answer_and_can_be_taken_back() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "eks_cluster");
    model.update(key(KeyCode::Enter));
    press(&mut model, "stag");
    model.update(key(KeyCode::Enter));
    assert_eq!(value(&model, "eks_cluster"), "staging");
    let effects = model.update(key(KeyCode::Delete));
    let [Effect::Resolve { edits, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(edits.answer("eks_cluster"), None);
}

#[test]
fn escape_leaves_the_answer_as_it_was() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "aws_default_region");
    model.update(key(KeyCode::Enter));
    press(&mut model, "xyz?q");
    assert!(model.update(key(KeyCode::Esc)).is_empty());
    assert_eq!(value(&model, "aws_default_region"), "us-west-2");
    assert!(!model.over, "q was text");
}

#[test]
fn a_paste_on_a_row_begins_to_edit_it() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "aws_permissions_boundary");
    model.update(Msg::Paste(
        "arn:aws:iam::123451234512:policy/limit\n".into(),
    ));
    model.update(key(KeyCode::Enter));
    assert_eq!(
        value(&model, "aws_permissions_boundary"),
        "arn:aws:iam::123451234512:policy/limit"
    );
}

#[test]
fn typing_is_judged_at_once() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "aws_s3_role");
    model.update(key(KeyCode::Enter));
    press(&mut model, &"x".repeat(60));
    let Mode::Edit(_, problem) = &model.form.as_ref().unwrap().mode else {
        panic!("expected to edit");
    };
    assert_eq!(
        problem.as_deref(),
        Some("has 89 characters; expected at most 64")
    );
}

#[test]
fn no_run_begins_while_an_answer_is_not_good() {
    let mut edits = Answers::default();
    edits.set("aws_default_region", "", Origin::Asked);
    let mut model = form_with(&edits);
    assert!(press(&mut model, "p").is_empty());
    let focused = model.form.as_ref().unwrap().focused().unwrap().question.key;
    assert_eq!(focused, "aws_default_region");
}

#[test]
fn a_plan_asked_for_during_a_look_begins_after_it() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "gitops_push");
    model.update(key(KeyCode::Right));
    assert!(press(&mut model, "p").is_empty());
    let edits = model.form.as_ref().unwrap().edits.clone();
    let effects = model.update(Msg::Resolved(2, resolve(&edits)));
    let [Effect::Start(answers)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(answers.get("gitops_push"), Some("no"));
    assert_eq!(answers.get("aws_default_region"), Some("us-west-2"));
    assert!(press(&mut model, "p").is_empty(), "only one run at a time");
}

#[test]
fn a_run_that_cannot_start_says_why_and_keeps_the_answers() {
    let mut model = form_with(&Answers::default());
    press(&mut model, "p");
    model.update(Msg::Started(Err(StepError::failed(
        "another process holds the run",
    ))));
    assert_eq!(model.place, Place::Form);
    assert!(screen(&mut model, 80, 24).contains("another process holds the run"));
    assert_eq!(press(&mut model, "p").len(), 1, "it can be tried again");
}

#[test]
fn an_unfinished_run_is_gone_on_with_or_left_alone() {
    let (mut model, effects) = Model::wizard(options(), Some(unfinished()));
    assert!(effects.is_empty());
    let effects = model.update(key(KeyCode::Enter));
    assert_eq!(effects, [Effect::Resume("20260331-170200-a8c1".into())]);
    model.update(Msg::Started(Err(StepError::failed(
        "its journal was edited",
    ))));
    assert!(screen(&mut model, 80, 24).contains("its journal was edited"));
    model.update(key(KeyCode::Down));
    let effects = model.update(key(KeyCode::Enter));
    assert!(matches!(
        effects[..],
        [Effect::Resolve { generation: 1, .. }]
    ));
    assert_eq!(model.place, Place::Form);
    model.update(key(KeyCode::Esc));
    assert_eq!(model.place, Place::Start);
}

#[test]
fn the_focus_stays_on_its_question_when_rows_come_and_go() {
    let mut model = form_with(&Answers::default());
    focus(&mut model, "aws_s3_role");
    let mut later = resolve(&Answers::default());
    later.rows.remove(0);
    let form = model.form.as_mut().unwrap();
    let generation = form.generation;
    form.resolved(generation, later);
    assert_eq!(
        model.form.as_ref().unwrap().focused().unwrap().question.key,
        "aws_s3_role"
    );
}
