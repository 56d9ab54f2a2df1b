//! What the screens look like, without colour, at three sizes.

use super::*;
use crate::engine::{ChainKind, Scope};
use crate::ui::samples::{self, azure};

fn at_all_sizes(name: &str, model: &mut Model) {
    for (width, height) in [(80, 24), (120, 40), (40, 12)] {
        let text = screen(model, width, height);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), text);
    }
}

#[test]
fn start() {
    let (mut model, _) = Model::wizard(options(), Some(unfinished()));
    at_all_sizes("start", &mut model);
}

#[test]
fn form() {
    let mut model = form_with(&Answers::default());
    model.update(key(KeyCode::Home));
    at_all_sizes("form", &mut model);
}

#[test]
fn form_before_anything_is_known() {
    let (mut model, _) = Model::wizard(options(), None);
    at_all_sizes("form_looking", &mut model);
}

#[test]
fn form_with_three_problems() {
    let mut edits = Answers::default();
    edits.set("aws_default_region", "", Origin::Asked);
    edits.set("aws_s3_role", "r".repeat(70), Origin::Asked);
    edits.set("gitops_push", "maybe", Origin::Set);
    at_all_sizes("form_problems", &mut form_with(&edits));
}

#[test]
fn form_while_typing() {
    let mut model = form_with(&Answers::default());
    for _ in 0..4 {
        model.update(key(KeyCode::Up));
    }
    model.update(key(KeyCode::Enter));
    press(
        &mut model,
        "-with-a-name-that-is-longer-than-any-role-may-be",
    );
    at_all_sizes("form_typing", &mut model);
}

#[test]
fn form_while_picking() {
    let mut model = form_with(&Answers::default());
    model.update(key(KeyCode::Home));
    model.update(key(KeyCode::Down));
    model.update(key(KeyCode::Down));
    model.update(key(KeyCode::Enter));
    at_all_sizes("form_picking", &mut model);
}

#[test]
fn plan() {
    let mut model = run_with(samples::asking(Scope::Plan, &samples::ACTING, None));
    at_all_sizes("plan", &mut model);
    for _ in 0..2 {
        model.update(key(KeyCode::Tab));
    }
    at_all_sizes("plan_step", &mut model);
    screen(&mut model, 40, 12);
    model.update(key(KeyCode::Enter));
    insta::assert_snapshot!("plan_step_opened_40x12", screen(&mut model, 40, 12));
}

#[test]
fn a_run_that_waits_for_a_login() {
    at_all_sizes("logged_out", &mut run_with(samples::logged_out()));
}

#[test]
fn plan_with_a_conflict() {
    at_all_sizes("conflict", &mut run_with(samples::conflicting()));
    let mut events = samples::conflicting();
    let mut last = samples::asking(Scope::Plan, &samples::ACTING, None)
        .pop()
        .unwrap();
    last.seq = events.len() as u64 + 1;
    events.push(last);
    at_all_sizes("conflict_asked", &mut run_with(events));
}

#[test]
fn plan_of_one_step_asked_again() {
    let scope = Scope::Step {
        step: "aws.iam-role".into(),
    };
    let reason = Some("the trust policy changed since the plan was approved");
    at_all_sizes(
        "plan_again",
        &mut run_with(samples::asking(scope, &["aws.iam-role"], reason)),
    );
}

#[test]
fn run_at_work() {
    at_all_sizes("run", &mut run_with(samples::settling()));
}

#[test]
fn run_being_stopped() {
    let mut model = run_with(samples::settling());
    model.update(control('c'));
    insta::assert_snapshot!("run_stopping_80x24", screen(&mut model, 80, 24));
}

#[test]
fn leaving_a_run() {
    let mut model = run_with(samples::settling());
    press(&mut model, "q");
    insta::assert_snapshot!("run_leaving_80x24", screen(&mut model, 80, 24));
}

#[test]
fn result() {
    let mut model = run_with(samples::finished());
    at_all_sizes("result", &mut model);
    model.update(key(KeyCode::Tab));
    insta::assert_snapshot!("result_steps_80x24", screen(&mut model, 80, 24));
}

#[test]
fn result_of_a_failure() {
    at_all_sizes("failure", &mut run_with(samples::failed()));
}

fn chain_at_all_sizes(name: &str, model: &mut Model) {
    at_all_sizes(name, model);
    let text = screen(model, 200, 60);
    insta::assert_snapshot!(format!("{name}_200x60"), text);
}

#[test]
fn the_chain_while_it_is_proven() {
    chain_at_all_sizes("chain_begins", &mut run_with(samples::proof_begins()));
    chain_at_all_sizes("chain_waits", &mut run_with(samples::proving()));
}

#[test]
fn the_chain_of_a_proof_that_failed() {
    let mut model = run_with(samples::unproven());
    chain_at_all_sizes("chain_broken", &mut model);
    model.update(key(KeyCode::Tab));
    chain_at_all_sizes("chain_broken_steps", &mut model);
    model.update(key(KeyCode::Enter));
    insta::assert_snapshot!("chain_broken_step_opened_80x24", screen(&mut model, 80, 24));
    insta::assert_snapshot!("chain_broken_step_opened_40x12", screen(&mut model, 40, 12));
}

#[test]
fn the_chain_on_the_whole_screen() {
    let mut model = run_with(samples::proving());
    screen(&mut model, 80, 24);
    press(&mut model, "c");
    at_all_sizes("chain_opened", &mut model);
}

#[test]
fn the_chain_in_a_recording() {
    let mut model = Model::player(options(), samples::unproven());
    model.update(key(KeyCode::End));
    model.update(key(KeyCode::Left));
    at_all_sizes("chain_player", &mut model);
}

#[test]
fn the_chains_of_azure() {
    for (name, kind) in [
        ("workload_identity", ChainKind::WorkloadIdentity),
        ("pod_identity", ChainKind::PodIdentity),
    ] {
        let begins = azure::proof_begins(kind);
        at_all_sizes(&format!("{name}_begins"), &mut run_with(begins));
        let mut proving = run_with(azure::proving(kind));
        at_all_sizes(&format!("{name}_proven"), &mut proving);
        screen(&mut proving, 80, 24);
        press(&mut proving, "c");
        at_all_sizes(&format!("{name}_opened"), &mut proving);
        let mut broken = run_with(azure::unproven(kind));
        at_all_sizes(&format!("{name}_broken"), &mut broken);
        broken.update(key(KeyCode::Tab));
        at_all_sizes(&format!("{name}_broken_steps"), &mut broken);
        let mut player = Model::player(options(), azure::unproven(kind));
        player.update(key(KeyCode::End));
        player.update(key(KeyCode::Left));
        at_all_sizes(&format!("{name}_player"), &mut player);
    }
}

#[test]
fn player() {
    let mut model = Model::player(options(), samples::finished());
    for _ in 0..20 {
        model.update(key(KeyCode::Right));
    }
    at_all_sizes("player", &mut model);
}

#[test]
fn help() {
    let mut model = form_with(&Answers::default());
    press(&mut model, "?");
    at_all_sizes("help", &mut model);
}

#[test]
fn a_screen_that_is_too_small_says_so_and_comes_back() {
    let mut model = form_with(&Answers::default());
    let before = screen(&mut model, 80, 24);
    insta::assert_snapshot!("too_small_20x5", screen(&mut model, 20, 5));
    assert!(screen(&mut model, 39, 24).contains("terminal too small: 39×24, needs 40×12"));
    for (width, height) in [(1, 1), (5, 2), (40, 11), (200, 3)] {
        screen(&mut model, width, height);
    }
    assert_eq!(screen(&mut model, 80, 24), before);
    screen(&mut model, 20, 5);
    press(&mut model, "q");
    assert!(model.over, "keys still work");
}

#[test]
fn no_size_breaks_any_screen() {
    let mut models = vec![
        form_with(&Answers::default()),
        run_with(samples::conflicting()),
        run_with(samples::settling()),
        run_with(samples::failed()),
        run_with(samples::proving()),
        run_with(samples::unproven()),
        run_with(azure::proving(ChainKind::WorkloadIdentity)),
        run_with(azure::unproven(ChainKind::PodIdentity)),
        Model::player(options(), samples::finished()),
        Model::player(options(), Vec::new()),
    ];
    for model in &mut models {
        for (width, height) in [
            (40, 12),
            (41, 13),
            (59, 17),
            (60, 18),
            (79, 19),
            (113, 20),
            (200, 60),
        ] {
            let text = screen(model, width, height);
            assert!(text.contains("PRACTICE"), "{width}×{height}\n{text}");
            assert!(text.contains("quit"), "{width}×{height}\n{text}");
        }
    }
}

#[test]
fn colour_changes_no_character() {
    let mut plain = run_with(samples::settling());
    let mut colored = run_with(samples::settling());
    colored.theme.color = true;
    assert_eq!(screen(&mut plain, 80, 24), screen(&mut colored, 80, 24));
}
