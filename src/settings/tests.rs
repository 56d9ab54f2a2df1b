//! Where answers come from, and which of them wins.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::engine::{ErrorKind, StepError};
use crate::recipes::rok_eks::SPEC;

/// One question that may be answered from everywhere, and one computed from it.
const QUESTIONS: &[Question] = &[
    Question {
        kind: Kind::Path,
        stored: false,
        default: |_| Some("/nowhere".into()),
        ..Question::new("gitops_dir", "gitops", "Clone", "Where it is.")
    },
    Question {
        aliases: &["bucket", "old_color"],
        discovered: true,
        default: |_| Some("default".into()),
        ..Question::new("color", "paint", "Color", "Which one.")
    },
    Question {
        computed: true,
        needs: &["color"],
        default: |answers| answers.get("color").map(|color| format!("{color}-shade")),
        ..Question::new("shade", "paint", "Shade", "Follows the color.")
    },
];

/// Offers these values for every question that is discovered.
#[derive(Default)]
struct Offers(Vec<Candidate>, Option<StepError>);

#[async_trait::async_trait]
impl Discovery for Offers {
    async fn candidates(&self, _: &str, _: &Answers) -> Result<Vec<Candidate>, StepError> {
        self.1.clone().map_or_else(|| Ok(self.0.clone()), Err)
    }

    async fn stored(&self, _: &Answers) -> Result<BTreeMap<String, String>, StepError> {
        Ok(BTreeMap::new())
    }
}

fn offers(values: &[&str]) -> Offers {
    let candidates = values.iter().map(|value| Candidate::new(*value, ""));
    Offers(candidates.collect(), None)
}

/// A folder with an answers file and a clone.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Reads the sources, with this folder as the clone.
    fn sources(&self, set: &[&str], environment: &[(&str, &str)]) -> Sources {
        let file = self.path("answers.yaml");
        let mut sources = Sources::read(
            &set.iter().map(ToString::to_string).collect::<Vec<_>>(),
            file.exists().then_some(file.as_path()),
            pairs(environment),
        )
        .unwrap();
        sources
            .defaults
            .insert("gitops_dir".into(), self.0.path().display().to_string());
        sources
    }

    fn problems(&self) -> Vec<String> {
        let read = Sources::read(&[], Some(&self.path("answers.yaml")), BTreeMap::new());
        read.unwrap_err().problems
    }
}

fn pairs(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    values.iter().map(owned).collect()
}

async fn resolved(sources: &Sources, discovery: &Offers) -> Resolution {
    resolve(QUESTIONS, sources, &Answers::default(), discovery, false).await
}

fn row<'a>(resolution: &'a Resolution, key: &str) -> &'a Resolved {
    let is_it = |row: &&Resolved| row.question.key == key;
    resolution.rows.iter().find(is_it).unwrap()
}

#[tokio::test]
async fn the_first_place_that_answers_wins() {
    let place = Place::new()
        .with("answers.yaml", "color: file\n")
        .with("deploy/env.paint", "COLOR=stored\n");
    let bare = Place::new();
    let with_clone = Place::new().with("deploy/env.paint", "COLOR=stored\n");
    let environment = [("COLOR", "environment")];
    let mut edits = Answers::default();
    edits.set("color", "edited", Origin::Asked);

    let all = place.sources(&["color=set"], &environment);
    let one = offers(&["discovered"]);
    let resolution = resolve(QUESTIONS, &all, &edits, &one, false).await;
    assert_eq!(resolution.answers.get("color"), Some("edited"));

    for (sources, discovery, value, origin) in [
        (all, &one, "set", "--set"),
        (
            place.sources(&[], &environment),
            &one,
            "environment",
            "environment (COLOR)",
        ),
        (place.sources(&[], &[]), &one, "file", "answers.yaml"),
        (
            with_clone.sources(&[], &[]),
            &one,
            "stored",
            "deploy/env.paint",
        ),
        (bare.sources(&[], &[]), &one, "discovered", "discovered"),
        (bare.sources(&[], &[]), &offers(&[]), "default", "default"),
    ] {
        let resolution = resolved(&sources, discovery).await;
        let answer = resolution.answers.answer("color").unwrap();
        assert_eq!(answer.value, value);
        assert!(
            answer.origin.to_string().ends_with(origin),
            "{}",
            answer.origin
        );
        assert!(resolution.is_complete());
        assert_eq!(
            resolution.answers.get("shade"),
            Some(format!("{value}-shade").as_str())
        );
    }
}

#[tokio::test]
async fn older_names_are_known_everywhere_but_common_ones_not_from_around() {
    let empty = Place::new();
    let ambient = [("BUCKET", "ambient"), ("OLD_COLOR", "")];
    let resolution = resolved(&empty.sources(&[], &ambient), &offers(&[])).await;
    assert_eq!(resolution.answers.get("color"), Some("default"));
    let old = [("BUCKET", "ambient"), ("OLD_COLOR", "old")];
    let resolution = resolved(&empty.sources(&[], &old), &offers(&[])).await;
    assert_eq!(resolution.answers.get("color"), Some("old"));
    for place in [
        Place::new().with("answers.yaml", "BUCKET: mine\n"),
        Place::new().with("deploy/env.x", "BUCKET=mine\n"),
    ] {
        let resolution = resolved(&place.sources(&[], &ambient), &offers(&[])).await;
        assert_eq!(resolution.answers.get("color"), Some("mine"));
    }
    let resolution = resolved(&empty.sources(&["Bucket=mine"], &ambient), &offers(&[])).await;
    assert_eq!(resolution.answers.get("color"), Some("mine"));
    let both = empty.sources(&["bucket=old", "color=new"], &[]);
    let resolution = resolved(&both, &offers(&[])).await;
    assert_eq!(resolution.answers.get("color"), Some("new"));
}

#[test]
fn no_recipe_takes_a_common_name_from_the_environment() {
    for name in NEVER_AMBIENT {
        let environment = pairs(&[(&name.to_ascii_uppercase(), "ambient")]);
        let sources = Sources::read(&[], None, environment).unwrap();
        assert_eq!(sources.recipe(), None);
        for question in SPEC.questions {
            assert!(
                sources.find(question).is_none(),
                "{} by {name}",
                question.key
            );
        }
    }
    for (set, recipe) in [("recipe=rok-eks", Some("rok-eks")), ("color=x", None)] {
        let sources = Sources::read(&[set.into()], None, BTreeMap::new()).unwrap();
        assert_eq!(sources.recipe(), recipe);
    }
}

#[test]
fn the_old_names_of_the_documentation_answer() {
    let of = |key: &str| {
        SPEC.questions
            .iter()
            .find(|asked| asked.key == key)
            .unwrap()
    };
    for (variable, key) in [
        ("CLUSTERNAME", "eks_cluster"),
        ("OIDC_PROVIDER", "eks_cluster_oidc"),
        ("STACK_NAME", "aws_cf_s3_resources"),
    ] {
        let sources = Sources::read(&[], None, pairs(&[(variable, "x")])).unwrap();
        assert_eq!(sources.find(of(key)).unwrap().value, "x", "{variable}");
        let set = format!("{}=y", variable.to_ascii_lowercase());
        let sources = Sources::read(&[set], None, BTreeMap::new()).unwrap();
        assert_eq!(sources.find(of(key)).unwrap().value, "y");
    }
    for (name, key) in [
        ("NAMESPACE", "rok_cluster_namespace"),
        ("bucket_prefix", "aws_s3_bucket_prefix"),
    ] {
        let sources = Sources::read(&[format!("{name}=y")], None, BTreeMap::new()).unwrap();
        assert_eq!(sources.find(of(key)).unwrap().value, "y");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    let place = Place::new().with("answers.yaml", "shdae: x\ncompletely_else: y\n");
    let sources = place.sources(&["colour=red", "color=red", "recipe=x"], &[]);
    let unknown = sources.unknown(QUESTIONS);
    assert_eq!(unknown.len(), 3);
    assert_eq!(
        unknown[0],
        "--set: unknown answer `colour`; did you mean `color`?"
    );
    assert!(unknown[1].ends_with("answers.yaml: unknown answer `completely_else`"));
    assert!(unknown[2].contains("did you mean `shade`?"));
}

#[test]
fn what_cannot_be_read_is_told_all_at_once() {
    let place = Place::new().with(
        "answers.yaml",
        "color: [a]\nshade: {a: b}\n1: x\nsize: 1.10\n",
    );
    let set = ["color".to_owned(), "=x".to_owned()];
    let failure = Sources::read(&set, Some(&place.path("answers.yaml")), BTreeMap::new());
    let failure = failure.unwrap_err();
    assert_eq!(failure.code, crate::failure::exit::USAGE);
    let all = failure.problems.join("\n");
    for expected in [
        "`--set color`: expected KEY=VALUE",
        "`--set =x`: expected KEY=VALUE",
        "`color` is a list; expected one value",
        "`shade` is a mapping; expected one value",
        "a key is no text",
        "`size` is the number 1.1; put it in quotes",
    ] {
        assert!(all.contains(expected), "{expected} in {all}");
    }
}

#[test]
fn what_is_no_yaml_is_named_with_line_and_column() {
    let place = Place::new().with("answers.yaml", "color: red\nshade: \"open\ncolor\n");
    let problem = place.problems().remove(0);
    let expected = "answers.yaml: is no YAML: ";
    assert!(problem.contains(expected), "{problem}");
    assert!(problem.contains("line 4 column 1"), "{problem}");
    assert!(
        problem.contains("line 2 column 8"),
        "where it began: {problem}"
    );
    let place = Place::new().with("answers.yaml", "- color\n");
    assert!(place.problems()[0].ends_with("expected `key: value` lines"));
    let place = Place::new();
    assert!(place.problems()[0].contains("answers.yaml: "));
}

#[test]
fn scalars_are_taken_as_they_are_written() {
    let place = Place::new().with(
        "answers.yaml",
        "a: 123451234512\nb: true\nc: no\nd: '012345678901'\ne:\nf: 012345678901\n",
    );
    let (_, answers) = place.sources(&[], &[]).file.unwrap();
    let expected = [
        ("a", "123451234512"),
        ("b", "yes"),
        ("c", "no"),
        ("d", "012345678901"),
        ("e", ""),
        ("f", "012345678901"),
    ];
    assert_eq!(answers, pairs(&expected));
    let account = SPEC
        .questions
        .iter()
        .find(|question| question.key == "aws_account_id")
        .unwrap();
    let lost = account
        .check("12345678901", &Answers::default())
        .unwrap_err();
    assert!(lost.contains("in quotes"), "{lost}");
}

#[tokio::test]
async fn a_computed_value_counts_while_what_it_was_computed_from_is_the_same() {
    let stored = "COLOR=red\nSHADE=custom\n";
    let place = Place::new().with("deploy/env.paint", stored);
    let same = resolved(&place.sources(&[], &[]), &offers(&[])).await;
    assert_eq!(same.answers.get("shade"), Some("custom"));
    assert_eq!(row(&same, "shade").notice, None);

    let place = Place::new().with("deploy/env.paint", "OLD_COLOR=red\nSHADE=custom\n");
    let other = resolved(&place.sources(&["color=blue"], &[]), &offers(&[])).await;
    let shade = row(&other, "shade");
    assert_eq!(shade.answer.as_ref().unwrap().value, "blue-shade");
    assert_eq!(shade.answer.as_ref().unwrap().origin, Origin::Computed);
    let notice = shade.notice.as_ref().unwrap();
    assert!(notice.starts_with("`custom` → `blue-shade`"), "{notice}");
    assert!(notice.contains("another `color`"), "{notice}");

    // Beside it stands nothing that could have changed.
    let place = Place::new().with("deploy/env.paint", "SHADE=custom\n");
    let alone = resolved(&place.sources(&["color=blue"], &[]), &offers(&[])).await;
    assert_eq!(alone.answers.get("shade"), Some("custom"));
    // What was said explicitly is nobody's computation.
    let set = place.sources(&["color=blue", "shade=mine"], &[]);
    assert_eq!(
        resolved(&set, &offers(&[])).await.answers.get("shade"),
        Some("mine")
    );
}

#[tokio::test]
async fn a_broken_file_of_the_clone_is_named_with_its_line() {
    let place = Place::new()
        .with("deploy/env.paint", "COLOR=red\nSHADE=$(secret)\n")
        .with("deploy/env.template.j2", "{{ not an assignment }}\n")
        .with("deploy/env.d/file", "no assignment\n");
    let resolution = resolved(&place.sources(&[], &[]), &offers(&[])).await;
    let problem = row(&resolution, "gitops_dir").problem.as_ref().unwrap();
    assert!(problem.contains("`deploy/env.paint`, line 2"), "{problem}");
    assert!(!problem.contains("secret"), "{problem}");
    assert!(!resolution.is_complete());
}

#[tokio::test]
async fn one_candidate_is_the_answer_and_several_are_a_question() {
    const NO_DEFAULT: &[Question] = &[Question {
        discovered: true,
        ..Question::new("color", "paint", "Color", "Which one.")
    }];
    let sources = Sources::default();
    let ask = |discovery: Offers| async move {
        resolve(
            NO_DEFAULT,
            &sources.clone(),
            &Answers::default(),
            &discovery,
            false,
        )
        .await
    };
    let one = ask.clone()(offers(&["red"])).await;
    assert_eq!(one.answers.get("color"), Some("red"));
    let several = ask.clone()(offers(&["red", "blue"])).await;
    let color = row(&several, "color");
    assert_eq!(
        color.problem.as_deref(),
        Some("is not answered; there are `red`, `blue`")
    );
    assert_eq!(color.hints, ["answer it with `--set color=VALUE`"]);
    let none = ask.clone()(offers(&[])).await;
    assert!(
        row(&none, "color")
            .problem
            .as_ref()
            .unwrap()
            .contains("nothing was discovered")
    );
    let mut preferred = offers(&["red", "blue"]);
    preferred.0[1].preferred = true;
    assert_eq!(
        ask.clone()(preferred).await.answers.get("color"),
        Some("blue")
    );
    let error = StepError::failed("no network").hint("plug it in");
    let failed = ask(Offers(Vec::new(), Some(error))).await;
    let color = row(&failed, "color");
    assert_eq!(
        color.problem.as_deref(),
        Some("cannot be discovered: no network")
    );
    assert_eq!(color.hints, ["plug it in"]);
}

#[tokio::test]
async fn what_is_not_known_is_not_answered_with_something_else() {
    const QUESTIONS: &[Question] = &[
        Question {
            discovered: true,
            optional: true,
            ..Question::new("color", "paint", "Color", "Of the wall.")
        },
        Question {
            discovered: true,
            default: |_| Some("matt".into()),
            ..Question::new("finish", "paint", "Finish", "Of the wall.")
        },
    ];
    let ask = async |error: StepError| {
        let offers = Offers(Vec::new(), Some(error));
        let none = Answers::default();
        resolve(QUESTIONS, &Sources::default(), &none, &offers, false).await
    };
    // It will be known in a moment.
    let passing = ask(StepError::failed("no network")).await;
    for key in ["color", "finish"] {
        assert_eq!(
            row(&passing, key).problem.as_deref(),
            Some("cannot be discovered: no network")
        );
    }
    assert_eq!(passing.answers, Answers::default());

    // It will not be: then a default does, and none is recorded where there is none.
    let lasting = ask(StepError::new(ErrorKind::Permission, "not allowed")).await;
    assert!(lasting.is_complete());
    assert_eq!(
        row(&lasting, "color").notice.as_deref(),
        Some("cannot be discovered: not allowed")
    );
    assert_eq!(lasting.answers.answer("color"), None);
    assert_eq!(lasting.answers.get("finish"), Some("matt"));
}

#[tokio::test]
async fn what_would_be_computed_is_told_when_nothing_before_it_is() {
    const QUESTIONS: &[Question] = &[
        Question {
            discovered: true,
            ..Question::new("color", "paint", "Color", "Of the wall.")
        },
        Question {
            discovered: true,
            computed: true,
            needs: &["color"],
            default: |answers| answers.get("color").map(|color| format!("{color}-shade")),
            ..Question::new("shade", "paint", "Shade", "One there is, or a new one.")
        },
    ];
    let ask = async |set: &[(&str, &str)]| {
        let sources = Sources {
            set: pairs(set),
            ..Sources::default()
        };
        let offers = Offers(Vec::new(), Some(StepError::failed("no network")));
        let none = Answers::default();
        let resolution = resolve(QUESTIONS, &sources, &none, &offers, false).await;
        let told = resolution
            .problems()
            .map(|(row, problem)| format!("{} {problem}", row.question.key));
        told.collect::<Vec<_>>()
    };
    assert_eq!(ask(&[]).await, ["color cannot be discovered: no network"]);
    assert_eq!(
        ask(&[("color", "red")]).await,
        ["shade cannot be discovered: no network"]
    );
    assert!(ask(&[("color", "red"), ("shade", "pink")]).await.is_empty());
}

#[tokio::test]
async fn all_answers_that_cannot_be_right_are_told_at_once() {
    let set = [
        "aws_default_region=nowhere",
        "aws_account_id=12",
        "eks_cluster=-x",
        "rok_cluster_name=Rok",
        "gitops_push=maybe",
        "aws_identity_method=magic",
    ];
    let sources = Place::new().sources(&set, &[]);
    let resolution = resolve(
        SPEC.questions,
        &sources,
        &Answers::default(),
        &offers(&[]),
        false,
    )
    .await;
    let wrong: Vec<_> = resolution
        .rows
        .iter()
        .filter(|row| {
            row.problem
                .as_ref()
                .is_some_and(|problem| problem.ends_with("(from --set)"))
        })
        .map(|row| row.question.key)
        .collect();
    for set in set {
        let key = set.split('=').next().unwrap();
        assert!(wrong.contains(&key), "{key} in {wrong:?}");
    }
}

#[tokio::test]
async fn the_answers_file_of_a_run_reproduces_its_answers() {
    let set = [
        "aws_default_region=us-west-2",
        "aws_account_id=012345678901",
        "eks_cluster=arrikto-cluster",
        "gitops_push=no",
        "rok_cluster_namespace=null",
    ];
    let place = Place::new();
    let sources = place.sources(&set, &[]);
    let none = Answers::default();
    let first = resolve(SPEC.questions, &sources, &none, &offers(&[]), false).await;
    assert!(first.is_complete());
    let place = place.with("answers.yaml", &answers_file(SPEC.name, &first.answers));
    let sources = Place(place.0).sources(&[], &[("AWS_S3_ROLE", "")]);
    assert_eq!(sources.recipe(), Some(SPEC.name));
    assert!(sources.unknown(SPEC.questions).is_empty());
    let second = resolve(SPEC.questions, &sources, &none, &offers(&["other"]), false).await;
    let values = |resolution: &Resolution| -> BTreeMap<String, String> {
        let pair = |(key, answer): (&str, &Answer)| (key.to_owned(), answer.value.clone());
        resolution.answers.iter().map(pair).collect()
    };
    assert_eq!(values(&first), values(&second));
}

#[tokio::test]
async fn a_relative_directory_means_the_same_place_from_anywhere() {
    let here = std::env::current_dir().unwrap();
    for (given, expected) in [
        ("ops", here.join("ops").display().to_string()),
        ("/srv/ops", "/srv/ops".to_owned()),
        ("~/ops", "~/ops".to_owned()),
    ] {
        let sources = Sources {
            set: pairs(&[("gitops_dir", given)]),
            ..Sources::default()
        };
        let resolution = resolved(&sources, &offers(&["red"])).await;
        assert_eq!(resolution.answers.text("gitops_dir"), expected);
    }
}

#[test]
fn a_tilde_is_the_home_directory() {
    let home = pairs(&[("HOME", "/home/me")]);
    for (path, expanded) in [
        ("~", "/home/me"),
        ("~/ops/deployments", "/home/me/ops/deployments"),
        ("/a/~", "/a/~"),
        ("~other/x", "~other/x"),
    ] {
        assert_eq!(expand(path, &home), Path::new(expanded));
    }
}

mod hostile {
    use proptest::prelude::*;

    use super::super::*;

    crate::corpus::fed!("answers", feed);

    fn read(text: &[u8]) -> Result<BTreeMap<String, String>, Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read_answers(file.path())
    }

    fn written(read: &BTreeMap<String, String>) -> String {
        let mut answers = Answers::default();
        for (key, value) in read {
            answers.set(key.as_str(), value.as_str(), Origin::Set);
        }
        answers_file("rok-eks", &answers)
    }

    /// What is taken reads the same when it is written.
    fn feed(text: &[u8]) {
        match read(text) {
            Ok(mut found) => {
                found.insert(RECIPE.to_owned(), "rok-eks".to_owned());
                assert_eq!(read(written(&found).as_bytes()), Ok(found));
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn bombs_are_refused_with_a_place_and_a_reason() {
        for (text, why) in [
            ("a".repeat(3) + ": " + &"[".repeat(5_000), "is no YAML"),
            (
                format!(
                    "a: &a [{}]\nb: [{}]\n",
                    "x,".repeat(2_000),
                    "*a,".repeat(2_000)
                ),
                "it holds more than 1000000 values",
            ),
            ("eks_cluster: a\neks_cluster: b\n".to_owned(), "duplicate"),
        ] {
            let problems = read(text.as_bytes()).unwrap_err().join("\n");
            assert!(problems.contains(why), "{problems}");
            assert!(problems.len() < 500, "{problems}");
        }
    }

    proptest! {
        #[test]
        fn an_answers_file_reads_back_whatever_the_answers_are(
            answers in proptest::collection::btree_map("[a-z_]{1,12}", any::<String>(), 0..6),
        ) {
            let mut answers = answers;
            answers.insert(RECIPE.to_owned(), "rok-eks".to_owned());
            prop_assert_eq!(read(written(&answers).as_bytes()), Ok(answers));
        }
    }
}
