//! What is about to be committed must build: otherwise nothing is written, here or in the cloud.

use super::*;

const OVERLAY: &str = "rok/rok-cluster/overlays/deploy/kustomization.yaml";

/// Names a patch in the overlay that is not there.
fn broken(text: &str) -> String {
    format!("{text}  - path: patches/not-there.yaml\n")
}

#[test]
fn a_repository_that_does_not_build_stops_before_the_first_change() {
    let hosted = Hosted::new();
    let seed = hosted.repository().with_file_name("seed");
    let practice = Practice::new();
    let file = seed.join(OVERLAY);
    let text = fs::read_to_string(&file).expect("the skeleton has it");
    fs::write(&file, broken(&text)).expect("it is writable");
    practice.git(&seed, &["commit", "--quiet", "--all", "--message=Break it"]);
    practice.git(&seed, &["push", "--quiet", "../ops.git", "main"]);
    let refs = hosted.refs();

    let operator = Operator::new(&hosted.url());
    // First the clone is made and then looked into; then it is there from the start.
    for _ in 0..2 {
        let output = operator.expect(2, &[]);
        assert_says(&output, &["rok.draft", "does not build", "not-there.yaml"]);
        let clone = operator.practice.clone();
        let clone = clone.to_str().expect("a temporary path is text");
        assert_says(
            &output,
            &[&format!("{clone}/rok/rok-cluster/overlays/deploy")],
        );
        let run = operator.practice.run_of(&output);
        assert_eq!(writes(&run), [Value::Null; 0], "{output:?}");
        assert_eq!(operator.git(&["status", "--porcelain"]), "");
        assert_eq!(operator.git(&["tag", "--list"]), "");
    }
    assert_eq!(hosted.refs(), refs);

    // Repaired and committed by the operator, it goes on.
    fs::write(operator.practice.clone().join(OVERLAY), &text).expect("it is writable");
    let output = operator.expect(2, &[]);
    assert_says(
        &output,
        &["commit that: what is not committed does not count"],
    );
    operator.git(&["commit", "--quiet", "--all", "--message=Mend it"]);
    operator.expect(0, &[]);
    assert_pushed(&hosted, &operator);
}

#[test]
fn what_lies_around_in_the_clone_is_not_built() {
    let hosted = Hosted::new();
    let operator = Operator::new(&hosted.url());
    operator.expect(0, &[]);
    let file = operator.practice.clone().join(OVERLAY);
    let text = fs::read_to_string(&file).expect("the skeleton has it");
    fs::write(&file, broken(&text)).expect("it is writable");
    Practice::next_second();
    // The commit is sound; the proof looks at the files as they are, and says so.
    let output = operator.run(&[
        "--set",
        "rok_cluster_namespace=two",
        "--set",
        "aws_overlap_accept=yes",
    ]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_says(&output, &["rok.manifests", "not-there.yaml"]);
    assert_eq!(operator.subjects().len(), 2 * SUBJECTS.len());
    let found = fs::read_to_string(&file).expect("it is there");
    assert_eq!(found, broken(&text));
}

#[test]
fn an_answer_that_breaks_the_build_leaves_the_clone_as_it_was() {
    let hosted = Hosted::new();
    let operator = Operator::new(&hosted.url());
    operator.expect(0, &[]);
    let refs = hosted.refs();
    // A template of the operator's own that is no patch any more.
    let template = "rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2";
    let path = operator.practice.clone().join(template);
    let text = fs::read_to_string(&path).expect("the skeleton has it");
    fs::write(&path, text.replace("spec:", "spec: {")).expect("it is writable");
    operator.git(&["commit", "--quiet", "--all", "--message=Brace"]);
    let before = snapshot(&operator.practice.clone());
    let world = operator.practice.meaning();
    let output = operator.expect(2, &[]);
    assert_says(&output, &["rok.draft", "does not build"]);
    assert_eq!(snapshot(&operator.practice.clone()), before);
    assert_eq!(operator.practice.meaning(), world);
    assert_eq!(hosted.refs(), refs);
}
