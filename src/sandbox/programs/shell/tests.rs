//! Scripts and what comes of them.

use std::collections::BTreeMap;

use super::*;

async fn sh(command: &[&str]) -> Output {
    let programs = PracticePrograms::without_clouds();
    let process = Process {
        command: command.iter().map(ToString::to_string).collect(),
        environment: BTreeMap::from([
            ("NAME".to_owned(), "rok".to_owned()),
            ("TWO".to_owned(), "a b".to_owned()),
            ("FILE".to_owned(), "/token".to_owned()),
        ]),
        files: BTreeMap::from([("/token".to_owned(), b"head.eyJhIjoxfQ.tail\n".to_vec())]),
        ..Process::default()
    };
    programs.ran(&process).await.unwrap()
}

async fn said(script: &str) -> String {
    let output = sh(&["sh", "-c", script]).await;
    assert_eq!(
        (
            String::from_utf8_lossy(&output.stderr).as_ref(),
            output.code
        ),
        ("", 0),
        "{script}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn words_are_quoted_and_expanded() {
    for (script, expected) in [
        ("echo a  b", "a b\n"),
        (
            r#"echo "$NAME-x" '$NAME' \$NAME "\$NAME""#,
            "rok-x $NAME $NAME $NAME\n",
        ),
        ("echo ${NAME}s $NOTHING.", "roks .\n"),
        (r#"echo $NOTHING "" x"#, " x\n"),
        ("echo $(echo a; echo b) $", "a b $\n"),
        (r#"echo "$(cat "$FILE")""#, "head.eyJhIjoxfQ.tail\n"),
        (r#"printenv NAME"$NOTHING""#, "rok\n"),
        (r#"echo "-$TWO-" -$TWO-"#, "-a b- -a b-\n"),
    ] {
        assert_eq!(said(script).await, expected, "{script}");
    }
}

#[tokio::test]
async fn commands_are_chained_and_piped() {
    for (script, expected) in [
        ("true && echo yes || echo no", "yes\n"),
        ("false && echo yes || echo no", "no\n"),
        ("false; echo after", "after\n"),
        ("echo out >/dev/null; echo in 2>&1", "in\n"),
        (
            "cat $FILE | cut -d. -f2 | base64 -d 2>/dev/null | jq -r .a",
            "1\n",
        ),
        ("cat /nothing 2>/dev/null || echo none", "none\n"),
        ("exec echo a; echo b", "a\n"),
    ] {
        assert_eq!(said(script).await, expected, "{script}");
    }
}

#[tokio::test]
async fn arguments_stay_whole() {
    let script = r#"exec "$@" >/dev/termination-log 2>&1"#;
    let output = sh(&["sh", "-c", script, "sh", "echo", "a  b", "$NAME"]).await;
    assert_eq!(output.termination_message, b"a  b $NAME\n");
    assert_eq!((output.stdout.as_slice(), output.code), (&b""[..], 0));
    let output = sh(&["sh", "-c", script, "sh", "teapot"]).await;
    assert_eq!(
        output.termination_message,
        b"sh: 1: exec: teapot: not found\n"
    );
    assert_eq!(output.code, 127);
    let output = sh(&["/bin/sh", "-c", "echo $0 $1", "name", "one"]).await;
    assert_eq!(output.stdout, b"name one\n");
}

#[tokio::test]
async fn what_the_shell_does_not_know_it_says() {
    for (script, code, words) in [
        ("ls", 127, "sh: 1: ls: not found\n"),
        (
            "echo 'a",
            2,
            "sh: 1: Syntax error: Unterminated quoted string\n",
        ),
        ("echo a &", 2, "sh: 1: Syntax error: \"&\" unexpected\n"),
        ("| cat", 2, "sh: 1: Syntax error: \"|\" unexpected\n"),
        (
            "true &&",
            2,
            "sh: 1: Syntax error: end of file unexpected\n",
        ),
        (
            "echo a > /tmp/b",
            2,
            "sh: 1: Syntax error: cannot create /tmp/b: Read-only file system\n",
        ),
        ("echo ${NOTHING?}", 2, "sh: 1: NOTHING: parameter not set\n"),
        (
            "cat /nothing | false",
            1,
            "cat: /nothing: No such file or directory\n",
        ),
    ] {
        let output = sh(&["sh", "-c", script]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((stderr.as_str(), output.code), (words, code), "{script}");
    }
    assert_eq!(sh(&["sh", "file"]).await.code, 2);
}
