//! The built binary in a real terminal: screens, keys, signals, and what it leaves behind.
//!
//! A panic of the wizard is not provoked here, because no input is known to cause one; the hook
//! that restores the terminal then is `ratatui`'s own.

use std::fs;

use crate::support::env::TestEnv;
use crate::support::terminal::{
    CONTROL_C, CONTROL_U, DOWN, END, ENTER, ESCAPE, HOME, RIGHT, TAB, Terminal, UP, stay_idle,
};

const USUAL: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (120, 40);
const NARROW: (u16, u16) = (40, 12);

const ANSWERED: &str = "every question has an answer";
const PLANNED: &str = "`a` approves";
const RUNNING: &str = "steps done";
const IN_PLACE: &str = "Everything is in place";

/// Answers that take a while, so that a run can be caught at work.
const SLOW: [&str; 3] = ["--sandbox", "--latency", "300ms"];

fn wizard(env: &TestEnv, size: (u16, u16), arguments: &[&str]) -> Terminal {
    let terminal = Terminal::start(env, size, arguments);
    terminal.wait_for(ANSWERED);
    terminal
}

fn at_plan(env: &TestEnv, size: (u16, u16), arguments: &[&str]) -> Terminal {
    let mut terminal = wizard(env, size, arguments);
    terminal.type_keys("p");
    terminal.wait_for(PLANNED);
    terminal
}

/// Returns a terminal with a run that has changed something and has more to change.
fn at_work(env: &TestEnv) -> Terminal {
    let mut terminal = at_plan(env, WIDE, &SLOW);
    terminal.type_keys("a");
    terminal.wait_for("✓ changed");
    // The same frame says so; what is on the screen may be half of it.
    terminal.wait_for(RUNNING);
    terminal
}

/// Returns the line that has the focus, from its title on.
fn focused(screen: &str) -> &str {
    let line = screen.lines().find_map(|line| line.split_once("▸ "));
    line.map_or("", |(_, line)| line)
}

/// Moves the focus to the question with that title.
fn focus(terminal: &mut Terminal, title: &str) {
    terminal.type_keys(HOME);
    terminal.wait_until("focus on the first question", |screen| {
        focused(screen).starts_with("Clone of the")
    });
    loop {
        let before = terminal.screen();
        if focused(&before).starts_with(title) {
            return;
        }
        terminal.type_keys(DOWN);
        terminal.wait_until("other focus", |screen| focused(screen) != focused(&before));
    }
}

/// Waits until the question with the focus has that answer.
fn wait_for_answer(terminal: &Terminal, value: &str) {
    terminal.wait_until(&format!("answer {value:?}"), |screen| {
        focused(screen).split_whitespace().nth(1) == Some(value)
    });
}

/// Answers the question that has the focus.
fn answer(terminal: &mut Terminal, value: &str) {
    terminal.type_keys(ENTER);
    terminal.wait_for("Esc close");
    terminal.type_keys(CONTROL_U);
    terminal.type_keys(value);
    terminal.type_keys(ENTER);
    terminal.wait_for_gone("Esc close");
}

/// Returns the journals of all runs, the one written last at the end. Runs of the same second have
/// names in no order.
fn journals(env: &TestEnv) -> Vec<String> {
    let runs = fs::read_dir(env.state_dir().join("runs")).expect("there were runs");
    let mut journals: Vec<_> = runs
        .map(|run| {
            let path = run.expect("a readable folder").path().join("journal.jsonl");
            let written = fs::metadata(&path).and_then(|file| file.modified());
            let text = fs::read_to_string(path).expect("a run has a journal");
            (written.expect("files have times"), text)
        })
        .collect();
    journals.sort();
    journals.into_iter().map(|(_, text)| text).collect()
}

fn assert_finished(env: &TestEnv, outcome: &str) {
    let journal = journals(env).pop().expect("there was a run");
    let last = journal.lines().last().unwrap_or_default();
    let end = format!(r#""kind":"run_finished","outcome":"{outcome}""#);
    assert!(last.contains(&end), "ends with {last}");
}

fn assert_resumes(env: &TestEnv) {
    let output = env.run(&["resume", "--yes"]);
    assert!(output.status.success(), "{output:?}");
    assert_finished(env, "done");
}

// ---- the way through ------------------------------------------------------------------------------

#[test]
fn form_plan_run_and_result_end_well_and_restore_the_terminal() {
    for size in [USUAL, WIDE] {
        let env = TestEnv::new();
        let mut terminal = at_plan(&env, size, &["--sandbox"]);
        terminal.type_keys("a");
        terminal.wait_for(IN_PLACE);
        terminal.type_keys("q");
        terminal.expect_exit(0);

        terminal.expect_restored();
        assert_finished(&env, "done");
        let left = terminal.screen();
        assert!(left.contains(IN_PLACE), "{left}");
        assert!(left.contains("The run is kept in"), "{left}");
        assert!(!left.contains("quit"), "the screens are gone:\n{left}");
    }
}

#[test]
fn keys_after_a_pause_arrive_and_so_do_those_in_a_burst() {
    let env = TestEnv::new();
    let mut terminal = at_plan(&env, USUAL, &["--sandbox"]);
    stay_idle();
    terminal.type_keys(DOWN);
    terminal.wait_for("▸ = unchanged    AWS account");
    stay_idle();
    terminal.type_keys(&[UP, DOWN, DOWN, "k", "j"].concat());
    terminal.wait_for("▸ = unchanged    EKS cluster");
    terminal.type_keys("a");
    terminal.wait_for(IN_PLACE);
    stay_idle();
    terminal.type_keys("q");
    terminal.expect_exit(0);
}

#[test]
fn screens_are_as_they_were_looked_at() {
    for size in [USUAL, NARROW] {
        let env = TestEnv::new();
        let mut terminal = Terminal::start(&env, size, &["--sandbox"]);
        snapshot("form", size, &terminal.frame_with(ANSWERED));
        terminal.type_keys("p");
        snapshot("plan", size, &terminal.frame_with(PLANNED));
        terminal.type_keys("a");
        terminal.wait_for(IN_PLACE);
        terminal.type_keys(END);
        snapshot("result", size, &terminal.frame_with("look again with"));
        terminal.type_keys("q");
        terminal.expect_exit(0);
    }
}

fn snapshot(name: &str, (columns, rows): (u16, u16), screen: &str) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("tui_{name}_{columns}x{rows}"), redacted(screen));
    });
}

/// Replaces what differs from run to run by as many zeros: ids, times and ports, which are the
/// words of hexadecimal digits with at least five decimal ones.
fn redacted(screen: &str) -> String {
    let mut text = String::new();
    for piece in screen.split_inclusive(|letter: char| !is_of_id(letter)) {
        let (word, end) = piece.split_at(piece.trim_end_matches(|each| !is_of_id(each)).len());
        if word.chars().filter(char::is_ascii_digit).count() >= 5 {
            text.push_str(&word.replace(|letter: char| letter.is_ascii_hexdigit(), "0"));
        } else {
            text.push_str(word);
        }
        text.push_str(end);
    }
    text
}

fn is_of_id(letter: char) -> bool {
    letter.is_ascii_hexdigit() || "TZ.-".contains(letter)
}

// ---- stopping -------------------------------------------------------------------------------------

#[test]
fn ctrl_c_on_the_form_leaves_and_changes_nothing() {
    let env = TestEnv::new();
    let mut terminal = wizard(&env, USUAL, &["--sandbox"]);
    terminal.type_keys(CONTROL_C);
    terminal.expect_exit(0);
    terminal.expect_restored();
    assert!(terminal.screen().contains("Nothing was changed."));
    assert!(!env.state_dir().join("runs").exists());
}

#[test]
fn ctrl_c_on_the_plan_changes_nothing_and_the_run_resumes() {
    let env = TestEnv::new();
    let mut terminal = at_plan(&env, USUAL, &["--sandbox"]);
    terminal.type_keys(CONTROL_C);
    terminal.wait_for("Nothing was changed.");
    terminal.type_keys("q");
    terminal.expect_exit(130);
    terminal.expect_restored();
    assert!(!journals(&env)[0].contains("step_acting"));
    assert_resumes(&env);
}

#[test]
fn ctrl_c_during_the_run_stops_before_the_next_change_and_the_run_resumes() {
    let env = TestEnv::new();
    let mut terminal = at_work(&env);
    terminal.type_keys(CONTROL_C);
    terminal.wait_for("Nothing else was changed.");
    terminal.type_keys("q");
    terminal.expect_exit(130);
    terminal.expect_restored();
    assert_finished(&env, "interrupted");
    assert_resumes(&env);
}

#[test]
fn sigterm_during_the_run_restores_the_terminal_and_the_run_resumes() {
    let env = TestEnv::new();
    let terminal = at_work(&env);
    terminal.signal("TERM");
    terminal.expect_exit(143);
    terminal.expect_restored();
    assert_finished(&env, "terminated");
    assert_resumes(&env);
}

#[test]
fn leaving_an_active_run_is_asked_about() {
    let env = TestEnv::new();
    let mut terminal = at_plan(&env, WIDE, &SLOW);
    terminal.type_keys("q");
    terminal.wait_for("Leave? Nothing was changed. (y/n)");
    terminal.type_keys("n");
    terminal.wait_for(PLANNED);
    terminal.type_keys("a");
    terminal.wait_for("✓ changed");
    terminal.type_keys("q");
    terminal.wait_for("Stop before the next change and leave?");
    terminal.type_keys("y");
    terminal.expect_exit(130);
    terminal.expect_restored();
    assert_resumes(&env);
}

#[test]
fn a_killed_run_is_offered_at_the_next_start_and_goes_on() {
    let env = TestEnv::new();
    let terminal = at_work(&env);
    terminal.signal("KILL");
    terminal.expect_killed();

    let mut terminal = Terminal::start(&env, USUAL, &["--sandbox"]);
    terminal.wait_for("An earlier run is unfinished.");
    terminal.wait_for("▸ Go on with it");
    terminal.type_keys(ENTER);
    // What was approved before and is still the same is not asked again.
    terminal.wait_for(IN_PLACE);
    terminal.type_keys("q");
    terminal.expect_exit(0);
    assert_eq!(journals(&env).len(), 1, "the same run went on");
    assert_finished(&env, "done");
}

// ---- answers --------------------------------------------------------------------------------------

#[test]
fn a_declined_plan_leads_back_to_the_answers_and_to_another_plan() {
    let env = TestEnv::new();
    let mut terminal = at_plan(&env, WIDE, &["--sandbox"]);
    terminal.wait_for("service account `rok/rok`");
    terminal.type_keys(ESCAPE);
    terminal.wait_for(ANSWERED);

    focus(&mut terminal, "Namespace");
    terminal.type_keys(ENTER);
    terminal.wait_for("Esc close");
    terminal.type_keys(CONTROL_U);
    terminal.type_keys("größe");
    wait_for_answer(&terminal, "größe");
    terminal.wait_for("! is `größe`");
    terminal.type_keys("\x7f\x7f\x7f\x7f\x7f");
    terminal.paste("ob\n");
    terminal.type_keys("-2");
    wait_for_answer(&terminal, "ob-2");
    terminal.type_keys(ENTER);
    terminal.wait_for(ANSWERED);

    terminal.type_keys("p");
    terminal.wait_for(PLANNED);
    terminal.wait_for("service account `ob-2/rok`");
    terminal.type_keys("a");
    terminal.wait_for(IN_PLACE);
    terminal.type_keys("q");
    terminal.expect_exit(0);
    let outcomes: Vec<_> = journals(&env)
        .iter()
        .map(|journal| journal.contains(r#""outcome":"done""#))
        .collect();
    assert_eq!(outcomes, [false, true]);
}

#[test]
fn a_wrong_answer_is_explained_and_makes_no_plan() {
    let env = TestEnv::new();
    let mut terminal = wizard(&env, USUAL, &["--sandbox"]);
    focus(&mut terminal, "Namespace");
    answer(&mut terminal, "Rok!");
    terminal.wait_for("need you first");
    terminal.wait_for("! is `Rok!`; expected lower-case letters, digits and `-`");
    terminal.type_keys("p");
    // What comes after `p` is answered by the form, so `p` has led nowhere.
    terminal.type_keys("?");
    terminal.wait_for("goes to the next problem or change");
    terminal.type_keys(ESCAPE);
    terminal.wait_for_gone("goes to the next problem or change");
    assert!(!env.state_dir().join("runs").exists());

    focus(&mut terminal, "Namespace");
    answer(&mut terminal, "rok");
    terminal.wait_for(ANSWERED);
    terminal.type_keys("p");
    terminal.wait_for(PLANNED);
}

// ---- the terminal ---------------------------------------------------------------------------------

#[test]
fn every_screen_survives_every_size() {
    let env = TestEnv::new();
    let mut terminal = wizard(&env, WIDE, &["--sandbox"]);
    resize_around(&mut terminal, ANSWERED);
    terminal.type_keys("?");
    terminal.wait_for("Keys");
    resize_around(&mut terminal, "Keys");
    terminal.type_keys(ESCAPE);
    terminal.wait_for_gone("Keys");
    terminal.type_keys("p");
    terminal.wait_for(PLANNED);
    resize_around(&mut terminal, PLANNED);
    terminal.type_keys("a");
    terminal.wait_for(IN_PLACE);
    resize_around(&mut terminal, IN_PLACE);
    terminal.type_keys(TAB);
    terminal.wait_for("▸ What happened");
    resize_around(&mut terminal, "AWS account and caller");
    terminal.type_keys("q");
    terminal.expect_exit(0);
}

fn resize_around(terminal: &mut Terminal, words: &str) {
    for size in [WIDE, NARROW, (20, 5), USUAL] {
        terminal.resize(size);
        if size == (20, 5) {
            terminal.wait_for("terminal too small");
        } else {
            terminal.wait_for_gone("terminal too small");
            terminal.wait_for(words);
            // The frame reaches the new edges: the header the right one, the footer the bottom.
            terminal.wait_until(&format!("frame of {size:?}"), |screen| {
                let mut lines = screen.lines();
                let header = lines.next().unwrap_or_default().trim_end();
                // The badge has a blank around its word.
                let margin = 1 + usize::from(size.0 >= 60);
                let reach = header.chars().count() + margin == usize::from(size.0);
                reach && lines.next_back().is_some_and(|footer| !footer.is_empty())
            });
        }
    }
}

#[test]
fn the_help_lists_the_keys_of_the_screen() {
    let env = TestEnv::new();
    let mut terminal = wizard(&env, WIDE, &["--sandbox"]);
    terminal.type_keys("?");
    for words in [
        "makes the plan",
        "takes your answer back",
        "Ctrl-C",
        "leaves",
    ] {
        terminal.wait_for(words);
    }
    terminal.type_keys("q");
    terminal.wait_for(ANSWERED);
    terminal.wait_for("Make the plan");
    terminal.type_keys("p");
    terminal.wait_for(PLANNED);
    terminal.type_keys("\x1bOP");
    for words in ["approves what is shown", "declines"] {
        terminal.wait_for(words);
    }
}

#[test]
fn colour_is_left_out_when_it_is_not_wanted() {
    let colored = |env: &TestEnv, arguments: &[&str]| {
        let mut terminal = at_plan(env, USUAL, arguments);
        terminal.type_keys("a");
        terminal.wait_for(IN_PLACE);
        terminal.type_keys("q");
        terminal.expect_exit(0);
        colors(&terminal.bytes())
    };
    assert_ne!(colored(&TestEnv::new(), &["--sandbox"]), [""; 0]);
    let never = ["--sandbox", "--color", "never"];
    assert_eq!(colored(&TestEnv::new(), &never), [""; 0]);
    let env = TestEnv::new().with_variable("NO_COLOR", "1");
    assert_eq!(colored(&env, &["--sandbox"]), [""; 0]);
}

/// Returns the sequences that choose a colour; going back to the default one chooses none.
fn colors(bytes: &str) -> Vec<String> {
    let styles = bytes.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && !";:".contains(letter))?;
        rest[end..].starts_with('m').then(|| &rest[..end])
    });
    let is_color = |style: &&str| {
        style.split([';', ':']).any(|number| {
            matches!(
                number.parse(),
                Ok(30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)
            )
        })
    };
    styles.filter(is_color).map(str::to_owned).collect()
}

// ---- other ways in --------------------------------------------------------------------------------

#[test]
fn a_recorded_run_is_played() {
    let env = TestEnv::new();
    let output = env.run(&["run", "--sandbox", "--yes"]);
    assert!(output.status.success(), "{output:?}");
    let run = env.run(&["runs"]).stdout;
    let run = run.split_whitespace().next().expect("a run is listed");

    let mut terminal = Terminal::start(&env, USUAL, &["replay", run]);
    terminal.wait_for("event 1 of");
    terminal.type_keys(RIGHT);
    terminal.wait_for("event 2 of");
    terminal.type_keys(" ");
    terminal.wait_for("▶");
    terminal.type_keys("++++++++");
    terminal.wait_for(IN_PLACE);
    terminal.type_keys(HOME);
    terminal.wait_for("event 1 of");
    terminal.type_keys(END);
    terminal.wait_for(IN_PLACE);
    terminal.type_keys("q");
    terminal.expect_exit(0);
    terminal.expect_restored();
}

#[test]
fn run_and_resume_ask_on_a_terminal() {
    let env = TestEnv::new();
    for (keys, code) in [("\n", 1), (CONTROL_C, 130)] {
        let mut terminal = Terminal::start(&env, USUAL, &["run", "--sandbox"]);
        terminal.wait_for("Approve?");
        terminal.type_keys(keys);
        terminal.expect_exit(code);
    }
    for journal in journals(&env) {
        assert!(!journal.contains("step_acting"), "{journal}");
    }
    let mut terminal = Terminal::start(&env, USUAL, &["resume"]);
    terminal.wait_for("Approve?");
    terminal.type_keys("y\n");
    terminal.expect_exit(0);
    assert_finished(&env, "done");
}

#[test]
fn line_by_line_asks_without_screens() {
    let env = TestEnv::new();
    let mut terminal = Terminal::start(&env, WIDE, &["--sandbox", "--linear"]);
    let prompt = "or press Enter to make the plan:";
    terminal.wait_for(prompt);
    terminal.type_keys("namespace\n");
    // Nothing but the complaint stands between two prompts: what was said is not said again.
    terminal.wait_for("`namespace` is no KEY=VALUE of a question above\nChange an answer");
    terminal.type_keys("rok_cluster_namespace=Rok!\n");
    terminal.wait_for("Namespace (rok_cluster_namespace) is `Rok!`");
    terminal.wait_for("\nrok_cluster_namespace:\n");
    terminal.type_keys("team\n");
    terminal.wait_for("(rok_cluster_namespace): team [you]");
    terminal.wait_until("prompt at the end", |screen| {
        screen.trim_end().ends_with(prompt)
    });
    terminal.type_keys("\n");
    terminal.wait_for("Approve?");
    terminal.type_keys("y\n");
    terminal.expect_exit(0);
    assert!(
        terminal.screen().contains(IN_PLACE),
        "{}",
        terminal.screen()
    );
    assert!(!terminal.bytes().contains("\x1b[?"), "no screen is drawn");
    assert_finished(&env, "done");
}

#[test]
fn line_by_line_ends_with_the_input() {
    let env = TestEnv::new();
    let mut terminal = Terminal::start(&env, USUAL, &["--sandbox", "--linear"]);
    terminal.wait_for("press Enter to make the plan:");
    terminal.type_keys("\x04");
    terminal.expect_exit(0);
    assert!(terminal.screen().contains("Nothing was changed."));
}

#[test]
fn without_a_terminal_the_wizard_names_the_command_that_needs_none() {
    let output = TestEnv::new().run(&["--sandbox"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.contains("needs a terminal"), "{output:?}");
    assert!(output.stderr.contains("`rok-deploy run`"), "{output:?}");
    assert_eq!(output.stdout, "");
}
