//! Many operators push to one bare repository at once: real processes, each with its own clone,
//! state directory and practice cloud.

use std::collections::BTreeSet;

use super::*;

const OPERATORS: usize = 8;

/// Eight of the files that a run renders. Edits of the first four end under one tag, those of the
/// others under the other.
const FILES: [&str; OPERATORS] = [
    "deploy/env.envvars-aws",
    "deploy/env.eks-cluster",
    "deploy/env.eks-identity",
    "deploy/env.cloudidentity",
    "rok/rok-cluster/overlays/deploy/patches/storage.yaml",
    "rok/rok-cluster/overlays/deploy/patches/configvars.yaml",
    "rok/rok-test/rok-verify-service-account-eks.yaml",
    "rok/rok-test/rok-verify-storage-access-eks.yaml",
];

#[test]
fn eight_operators_of_one_cluster_lose_nothing() {
    let hosted = Hosted::new();
    let first = Operator::new(&hosted.url());
    first.expect(0, &[]);
    let operators: Vec<_> = FILES.map(|file| edited(&first, file)).into();
    for output in all_at_once(&operators, |_| Vec::new()) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    hosted.assert_only_forward();
    assert_eq!(hosted.git("rev-list --merges main"), "");
    let commits = 1 + SUBJECTS.len() + OPERATORS;
    assert_eq!(hosted.git("rev-list --count main"), commits.to_string());
    for file in FILES {
        let text = hosted.git(&format!("show main:{file}"));
        assert!(text.ends_with(&comment(file)), "{file}: {text}");
    }
    // Each commit is of another run, and each has its tag.
    let newest = format!("-{OPERATORS}");
    let runs = hosted.git(&format!(
        "log {newest} --format=%(trailers:key=Rok-Deploy-Run,valueonly,separator=) main"
    ));
    assert_eq!(
        lines(&runs).into_iter().collect::<BTreeSet<_>>().len(),
        OPERATORS
    );
    let tagged = hosted.git("for-each-ref --format=%(*objectname) refs/tags");
    let tagged: BTreeSet<_> = lines(&tagged).into_iter().collect();
    let newest = lines(&hosted.git(&format!("rev-list {newest} main")));
    assert!(newest.iter().all(|commit| tagged.contains(commit)));
    let tags = hosted.git("tag --list");
    assert_eq!(lines(&tags).len(), 2 + OPERATORS, "{tags}");
    for operator in &operators {
        assert_eq!(operator.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn eight_clusters_on_branches_of_their_own_share_the_tags() {
    let hosted = Hosted::new();
    let branches: Vec<String> = (0..OPERATORS)
        .map(|number| format!("cluster-{number}"))
        .collect();
    for branch in &branches {
        hosted.git(&format!("branch {branch} main"));
    }
    let operators: Vec<_> = branches
        .iter()
        .map(|_| Operator::new(&hosted.url()))
        .collect();
    let branch = |number: usize| {
        vec![
            "--set".into(),
            format!("gitops_branch={}", branches[number]),
        ]
    };
    for output in all_at_once(&operators, branch) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    hosted.assert_only_forward();
    let tags = lines(&hosted.git("tag --list"));
    assert_eq!(tags.len(), 2 * OPERATORS, "{tags:?}");
    for (operator, branch) in operators.iter().zip(&branches) {
        assert_eq!(
            hosted.git(&format!("rev-parse {branch}")),
            operator.git(&["rev-parse", "HEAD"])
        );
        let own = hosted.git(&format!("tag --merged {branch} --no-merged main"));
        assert_eq!(lines(&own).len(), 2, "{own}");
    }
}

#[test]
fn the_same_answers_from_several_operators_are_committed_once() {
    let hosted = Hosted::new();
    let operators: Vec<_> = (0..3).map(|_| Operator::new(&hosted.url())).collect();
    operators[0].practice.make_world();
    for operator in &operators[1..] {
        share_world(&operators[0], operator);
    }
    for output in all_at_once(&operators, |_| Vec::new()) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    hosted.assert_only_forward();
    assert_eq!(hosted.git("rev-list --merges main"), "");
    let count = (1 + SUBJECTS.len()).to_string();
    assert_eq!(hosted.git("rev-list --count main"), count);
    for operator in &operators {
        assert_eq!(operator.subjects(), SUBJECTS);
        assert_eq!(operator.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn two_clusters_in_the_same_files_do_not_overwrite_each_other() {
    let hosted = Hosted::new();
    let operators = [Operator::new(&hosted.url()), Operator::new(&hosted.url())];
    let outputs = all_at_once(&operators, |_| Vec::new());
    let codes: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
    let (winner, loser) = if codes == [Some(0), Some(1)] {
        (0, 1)
    } else {
        (1, 0)
    };
    assert_eq!(
        (codes[winner], codes[loser]),
        (Some(0), Some(1)),
        "{outputs:?}"
    );
    assert_says(
        &outputs[loser],
        &[
            "both sides changed the same paths",
            "deploy/env.eks-cluster",
            "git pull --rebase",
        ],
    );
    assert_pushed(&hosted, &operators[winner]);
    // The loser's work waits in its clone.
    assert_eq!(operators[loser].subjects(), SUBJECTS);
    assert_eq!(operators[loser].git(&["status", "--porcelain"]), "");
    assert_eq!(lines(&operators[loser].git(&["tag", "--list"])).len(), 2);
}

/// Starts a run of each operator, the next one without waiting for the last.
fn all_at_once(operators: &[Operator], more: impl Fn(usize) -> Vec<String>) -> Vec<Output> {
    let start = |(number, operator): (usize, &Operator)| {
        let more = more(number);
        operator.start(&more.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let running: Vec<_> = operators.iter().enumerate().map(start).collect();
    running.into_iter().map(Running::finish).collect()
}

/// An operator of the same cluster as another one, with an edit of a file in a clone of their own.
fn edited(first: &Operator, file: &str) -> Operator {
    let operator = Operator::new(&first.url);
    share_world(first, &operator);
    let clone = operator.practice.clone();
    let clone = clone.to_str().expect("a temporary path is text");
    let world = operator.practice.world();
    operator
        .practice
        .git(&world, &["clone", "--quiet", &operator.url, clone]);
    let path = operator.practice.clone().join(file);
    let text = fs::read_to_string(&path).expect("it was rendered");
    fs::write(&path, format!("{text}{}\n", comment(file))).expect("the clone is writable");
    operator
}

fn comment(file: &str) -> String {
    format!("# An operator's word on {file}.")
}

/// Gives an operator a practice cloud that is the same cluster as another one's.
fn share_world(from: &Operator, to: &Operator) {
    let (from, to) = (from.practice.world(), to.practice.world());
    fs::create_dir_all(&to).expect("the home is writable");
    for entry in fs::read_dir(&from).expect("there is a world") {
        let path = entry.expect("it is readable").path();
        if path.extension().is_some_and(|end| end == "json") {
            let name = path.file_name().expect("a file has a name");
            fs::copy(&path, to.join(name)).expect("the home is writable");
        }
    }
}
