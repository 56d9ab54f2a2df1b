//! `render` of the real binary: byte-equal to recordings of the j2 tool, whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::support::env::{TestEnv, finish};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn every_recording_of_j2_is_reproduced_from_the_environment_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/j2");
    let out = TestEnv::new();
    let mut templates = 0;
    for entry in fs::read_dir(&folder).expect("the fixtures are there") {
        let template = entry.expect("the fixtures are readable").path();
        if template
            .extension()
            .is_none_or(|extension| extension != "j2")
        {
            continue;
        }
        let variables = fs::read(template.with_extension("vars")).expect("it has variables");
        let variables: BTreeMap<String, String> =
            serde_json::from_slice(&variables).expect("the variables are texts");
        let expected = fs::read(template.with_extension("out")).expect("it has a recording");
        let rendered = out.home().join("rendered");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rok-deploy"));
        command
            .arg("render")
            .arg(template.file_name().expect("it is a file"))
            .arg("-o")
            .arg(&rendered)
            .current_dir(&folder)
            .env_clear()
            .envs(variables);
        let output = finish(&mut command, DEADLINE);
        assert_eq!(output.status.code(), Some(0), "{template:?}: {output:?}");
        let found = fs::read(&rendered).expect("it was written");
        assert_eq!(
            String::from_utf8_lossy(&found),
            String::from_utf8_lossy(&expected),
            "{template:?}"
        );
        assert_eq!(found, expected, "{template:?}");
        templates += 1;
    }
    assert!(templates >= 15, "only {templates} recordings");
}

#[test]
fn an_env_file_wins_over_the_environment_and_the_last_one_over_the_first() {
    let env = TestEnv::new().with_variable("REGION", "ambient");
    write(
        &env,
        "template.j2",
        "{{ REGION }} {{ PREFIX }} {{ USER }}\n",
    );
    write(
        &env,
        "first.env",
        "# Answers.\nexport REGION=first\nPREFIX='a b'\n",
    );
    write(&env, "second.env", "REGION=second\n");
    let output = env.run(&[
        "render",
        "template.j2",
        "--env-file",
        "first.env",
        "--env-file",
        "second.env",
    ]);
    assert_eq!(
        (
            output.status.code(),
            output.stdout.as_str(),
            output.stderr.as_str()
        ),
        (Some(0), "second a b operator\n", ""),
    );
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let env = TestEnv::new();
    write(
        &env,
        "template.j2",
        "role: {{ ROLE }}\nuser: {{ USER }}\nregion: {{ REGION }}\nagain: {{ ROLE }}\n",
    );
    let output = env.run(&["render", "template.j2"]);
    assert_eq!(
        (output.status.code(), output.stdout.as_str()),
        (Some(2), "")
    );
    insta::assert_snapshot!(output.stderr, @"
    error: render template `template.j2`: no value for `ROLE` (line 1), `REGION` (line 3)
    hint: set it in the environment or in a file of `--env-file`
    ");
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let env = TestEnv::new();
    write(&env, "good.j2", "role: {{ USER }}\n");
    write(&env, "bad.j2", "role: {{ USER }}\nregion: {{ REGION }}\n");
    write(&env, "out.yaml", "kept\n");
    let before = listing(env.home());

    let output = env.run(&["render", "bad.j2", "-o", "out.yaml"]);
    assert_eq!(
        (output.status.code(), output.stdout.as_str()),
        (Some(2), "")
    );
    assert_eq!(read(&env, "out.yaml"), "kept\n");
    assert_eq!(listing(env.home()), before, "something was left behind");

    let output = env.run(&["render", "good.j2", "-o", "out.yaml"]);
    assert_eq!(
        (output.status.code(), output.stdout.as_str()),
        (Some(0), "")
    );
    assert_eq!(read(&env, "out.yaml"), "role: operator\n");
    assert_eq!(listing(env.home()), before, "something was left behind");
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let env = TestEnv::new();
    write(&env, "template.j2", "role: {{ USER }}\n");
    write(&env, "syntax.j2", "one\n{% if USER %}\n");
    write(&env, "broken.env", "FINE=1\nnot a line\n");
    fs::write(env.home().join("latin.j2"), b"caf\xe9\n").expect("the home is writable");
    let mut transcript = Vec::new();
    for arguments in [
        &["render", "absent.j2"][..],
        &["render", "latin.j2"],
        &["render", "syntax.j2"],
        &["render", "template.j2", "--env-file", "absent.env"],
        &["render", "template.j2", "--env-file", "broken.env"],
        &["render", "template.j2", "-o", "absent/out.yaml"],
    ] {
        let output = env.run(arguments);
        assert_eq!(output.stdout, "", "{arguments:?}");
        let code = output.status.code().expect("it exits");
        transcript.push(format!(
            "{} -> {code}\n{}",
            arguments.join(" "),
            output.stderr
        ));
    }
    insta::assert_snapshot!(transcript.concat(), @r#"
    render absent.j2 -> 2
    error: absent.j2: No such file or directory (os error 2)
    render latin.j2 -> 2
    error: latin.j2: is not UTF-8 text
    render syntax.j2 -> 2
    error: parse template `syntax.j2`, line 2: syntax error: unexpected end of input, expected end of block
    render template.j2 --env-file absent.env -> 2
    error: absent.env: No such file or directory (os error 2)
    render template.j2 --env-file broken.env -> 2
    error: read `broken.env`, line 2: found a line without `=`, expected `NAME=value`
    render template.j2 -o absent/out.yaml -> 1
    error: absent/out.yaml: entity not found
    "#);
}

fn write(env: &TestEnv, name: &str, text: &str) {
    fs::write(env.home().join(name), text).expect("the home is writable");
}

fn read(env: &TestEnv, name: &str) -> String {
    fs::read_to_string(env.home().join(name)).expect("the file is there")
}

fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("the folder is readable").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
