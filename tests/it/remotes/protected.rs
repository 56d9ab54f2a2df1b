//! Branches that may not be pushed to: the commits go to a branch of their own, and the run says so.

use super::*;

/// What GitHub prints, through its hooks, when a branch is protected.
const GH006: &str = "\
while read old new ref; do
  case $ref in refs/heads/main)
    echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2
    echo 'error: Changes must be made through a pull request.' >&2
    exit 1;;
  esac
done";

/// The same for the rules of a repository.
const GH013: &str = "\
while read old new ref; do
  case $ref in refs/heads/main)
    echo 'error: GH013: Repository rule violations found for refs/heads/main.' >&2
    echo >&2
    echo '- Changes must be made through a pull request.' >&2
    echo >&2
    exit 1;;
  esac
done";

/// A hook that somebody wrote.
const PLAIN: &str = "\
while read old new ref; do
  test $ref = refs/heads/main && echo 'main is frozen, ask ops@example.com' >&2 && exit 1
done
exit 0";

#[test]
#[ignore = "needs the peers of tests/run"]
fn over_https() {
    for (hook, words) in [
        (GH006, "GH006: Protected branch update failed"),
        (PLAIN, "main is frozen, ask ops@example.com"),
    ] {
        let hosted = Hosted::new();
        let server = Https::start(&hosted);
        let operator = Operator::new(&server.url());
        operator.configure(&server.trusted());
        operator.configure(&server.credentials(&operator.practice.env, PASSWORD));
        is_diverted(&hosted, &operator, hook, words);
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn over_ssh() {
    let hosted = Hosted::new();
    let server = Ssh::start(&hosted);
    let operator = Operator::new(&server.url(&hosted));
    operator.configure(&server.client("operator", &server.known_hosts()));
    is_diverted(
        &hosted,
        &operator,
        GH013,
        "GH013: Repository rule violations found",
    );
}

fn is_diverted(hosted: &Hosted, operator: &Operator, hook: &str, words: &str) {
    hosted.pre_receive(hook);
    let start = hosted.git("rev-parse main");
    let output = operator.expect(0, &[]);
    let run = operator.practice.run_of(&output);
    let detour = format!(
        "rok-deploy/{}",
        run.file_name().expect("a run has a name").display()
    );
    assert_eq!(hosted.git("rev-parse main"), start);
    assert_eq!(
        hosted.git(&format!("rev-parse {detour}")),
        operator.git(&["rev-parse", "HEAD"])
    );
    assert_eq!(lines(&hosted.git("tag --list")).len(), 2);
    let told = format!("the commits are on branch `{detour}`; open a pull request from it");
    assert_says(&output, &[&told, words]);
    let warning = events(&run)
        .into_iter()
        .find(|line| line["event"]["kind"] == "warning_raised" || line.to_string().contains(&told))
        .expect("an event warns");
    assert!(warning.to_string().contains(&detour), "{warning}");

    // Another run makes no other branch.
    let refs = hosted.refs();
    operator.expect(0, &[]);
    assert_eq!(hosted.refs(), refs);
    // Merged by others, the branch is as the operator's, and there is nothing to warn of.
    hosted.without_hook();
    hosted.git(&format!("update-ref refs/heads/main {detour}"));
    let output = operator.expect(0, &[]);
    assert!(!said(&output).contains("pull request"), "{output:?}");
    hosted.assert_only_forward();
}
