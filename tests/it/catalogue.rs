//! Walks every recipe: what a new step, question or template must keep to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rok_deploy::clients::aws::AwsSettings;
use rok_deploy::clients::azure::AzureSettings;
use rok_deploy::clients::git::{Git, GitSettings};
use rok_deploy::clients::kustomize::Kustomize;
use rok_deploy::clients::sops::{Keyring, Vault};
use rok_deploy::clients::templates::Renderer;
use rok_deploy::clients::wire::WireLog;
use rok_deploy::engine::ports::SystemClock;
use rok_deploy::engine::question::{Kind, Question};
use rok_deploy::engine::{Answers, Origin, Phase, Recipe, StepMeta};
use rok_deploy::recipes::{Modes, RECIPES, RecipeSpec, Tools, apply, rotate, teardown};
use rok_deploy::steps::aws::Connector;
use rok_deploy::steps::azure;
use rok_deploy::steps::cluster::{Clusters, Operator};
use rok_deploy::steps::gitops::{Repository, skeleton};
use rok_deploy::steps::manifests::Manifests;

/// The longest title: what is left of 80 columns beside marks and outcomes.
const TITLE: usize = 44;

/// Sample answers that everything else follows from, and choices that change the steps.
const SAMPLE: &[(&str, &str)] = &[
    ("aws_default_region", "us-west-2"),
    ("aws_account_id", "123451234512"),
    ("eks_cluster", "arrikto-cluster"),
    ("kube_context", "arrikto-cluster"),
    ("manifests_dir", "/manifests"),
    ("az_tenant", TENANT),
    ("az_subscription", SUBSCRIPTION),
    ("az_resource_group", "arrikto"),
    ("az_location", "eastus"),
    ("aks_cluster", "arrikto-cluster"),
    ("storage_account_name", "rokpractice"),
];
const TENANT: &str = "2bf793e0-71b3-4a6c-ba8a-96a6755de088";
const SUBSCRIPTION: &str = "3b63afce-113a-4798-a303-f37dada04319";
/// Those of EKS, and those of AKS.
const METHODS: [&str; 5] = [
    "iam",
    "cloudformation",
    "existing",
    "workload-identity",
    "pod-identity",
];

/// Those that can be chosen, and those of `rok-deploy apply`, `rotate` and `teardown`.
fn recipes() -> impl Iterator<Item = &'static RecipeSpec> {
    RECIPES.iter().copied().chain([
        &apply::SPEC,
        &rotate::SPEC,
        &teardown::eks::SPEC,
        &teardown::aks::SPEC,
    ])
}

fn answers(spec: &RecipeSpec, method: &str) -> Answers {
    let mut answers = Answers::default();
    for question in spec.questions {
        let sample = SAMPLE.iter().find(|(key, _)| *key == question.key);
        let value = match (question.key, sample) {
            ("aws_identity_method" | "az_identity_method", _) => knows_method(question, method)
                .then(|| method.to_owned())
                .or_else(|| (question.default)(&answers)),
            (_, Some((_, value))) => Some((*value).to_owned()),
            _ => (question.default)(&answers),
        };
        answers.set(question.key, value.unwrap_or_default(), Origin::Default);
    }
    answers
}

fn knows_method(question: &Question, method: &str) -> bool {
    matches!(question.kind, Kind::Choice(known) if known.iter().any(|(name, _)| *name == method))
}

async fn build(spec: &RecipeSpec, method: &str) -> Recipe {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let wire = WireLog::new();
    let settings = AwsSettings {
        region: Some("us-west-2".into()),
        // Nothing is asked while a recipe is built.
        endpoint_url: Some("http://127.0.0.1:9".into()),
        static_credentials: Some(("AKIAEXAMPLE".into(), "secret".into())),
        ..AwsSettings::default()
    };
    let azure = AzureSettings {
        tenant: Some(TENANT.into()),
        secret: Some(("client".into(), "secret".into())),
        cloud: Some("AzureCloud".into()),
        ..AzureSettings::default()
    };
    let git = Git::new(GitSettings::default(), wire.clone());
    let tools = Tools {
        aws: Connector::new(settings, wire.clone()),
        azure: azure::Connector::new(azure, wire.clone()),
        cluster: Clusters::new(None, wire.clone()),
        repository: Arc::new(move |directory| Repository {
            git: Clone::clone(&git),
            directory: Path::new(directory).into(),
            skeleton: skeleton(),
        }),
        kustomize: Kustomize::new(""),
        manifests: Arc::new(|directory| {
            Manifests::new(Kustomize::new(""), Path::new(directory).into())
        }),
        vault: Vault::new(Keyring::at("/nowhere/age.key".into()), wire),
        operator: Operator {
            user: "operator".into(),
            host: "laptop".into(),
            pid: 1,
            state: String::new(),
            is_over: Arc::new(|_| false),
            clock: Arc::new(SystemClock),
        },
        modes: Modes {
            changes: true,
            ..Modes::default()
        },
    };
    (spec.build)(&answers(spec, method), &tools)
        .await
        .unwrap_or_else(|error| panic!("{} is built: {error}", spec.name))
}

/// Every recipe in every form, with the descriptions of its steps, task by task.
async fn catalogue() -> Vec<(&'static RecipeSpec, Recipe, Vec<Vec<StepMeta>>)> {
    let mut all = Vec::new();
    for spec in recipes() {
        for method in METHODS {
            let recipe = build(spec, method).await;
            let metas = recipe
                .tasks
                .iter()
                .map(|task| task.steps.iter().map(|step| step.meta()).collect())
                .collect();
            all.push((spec, recipe, metas));
        }
    }
    all
}

#[tokio::test]
async fn steps_have_ids_and_short_titles() {
    for (spec, _, tasks) in catalogue().await {
        let mut ids = BTreeSet::new();
        for meta in tasks.iter().flatten() {
            let id = meta.id;
            assert!(ids.insert(id), "{}: {id} stands twice", spec.name);
            let parts: Vec<_> = id.split('.').collect();
            let word = |part: &&str| {
                part.starts_with(|first: char| first.is_ascii_lowercase())
                    && part
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            };
            assert!(
                parts.len() == 2 && parts.iter().all(word),
                "{id} is area.noun"
            );
            let length = meta.title.chars().count();
            assert!(length <= TITLE, "{id}: title of {length} characters");
            assert!(!meta.title.ends_with('.'), "{id}: a title is no sentence");
        }
    }
}

#[tokio::test]
async fn what_a_step_needs_is_given_before_or_beside_it() {
    for (spec, recipe, tasks) in catalogue().await {
        let mut given: BTreeSet<&str> = BTreeSet::new();
        for (task, metas) in recipe.tasks.iter().zip(&tasks) {
            // Facts of proofs come when everything else of the task is done.
            let own = metas.iter().flat_map(|meta| meta.gives.iter().copied());
            let together: BTreeSet<&str> = given.iter().copied().chain(own).collect();
            for meta in metas {
                for need in &meta.needs {
                    assert!(
                        together.contains(need),
                        "{}: {} needs `{need}`, which no task up to {} gives",
                        spec.name,
                        meta.id,
                        task.name
                    );
                }
            }
            given = together;
            assert_eq!(
                stuck(metas),
                Vec::<&str>::new(),
                "{}/{}",
                spec.name,
                task.name
            );
        }
    }
}

/// Steps of a task that would wait for each other for ever.
fn stuck(metas: &[StepMeta]) -> Vec<&'static str> {
    let mut waiting: Vec<&StepMeta> = metas.iter().collect();
    loop {
        let is_free = |meta: &&StepMeta| {
            let others = waiting.iter().filter(|other| other.id != meta.id);
            others.into_iter().all(|other| {
                !meta.after.contains(&other.id)
                    && !meta.needs.iter().any(|need| other.gives.contains(need))
                    && (meta.phase != Phase::Verify || other.phase == Phase::Verify)
            })
        };
        let Some(free) = waiting.iter().position(is_free) else {
            return waiting.iter().map(|meta| meta.id).collect();
        };
        waiting.remove(free);
        if waiting.is_empty() {
            return Vec::new();
        }
    }
}

#[tokio::test]
async fn steps_to_come_after_exist_in_some_form_of_the_recipe() {
    let all = catalogue().await;
    for spec in recipes() {
        let metas = || {
            let forms = all.iter().filter(|(of, ..)| of.name == spec.name);
            forms.flat_map(|(_, _, tasks)| tasks.iter().flatten())
        };
        let ids: BTreeSet<&str> = metas().map(|meta| meta.id).collect();
        for meta in metas() {
            for id in &meta.after {
                assert!(ids.contains(id), "{} comes after `{id}`", meta.id);
            }
        }
    }
}

#[tokio::test]
async fn tasks_are_those_that_are_listed() {
    for (spec, recipe, _) in catalogue().await {
        let built: Vec<_> = recipe.tasks.iter().map(|task| task.name).collect();
        let listed: Vec<_> = spec.tasks.iter().map(|task| task.name).collect();
        assert_eq!(built, listed);
        assert_eq!(recipe.name, spec.name);
        assert!(
            !recipe.next.is_empty(),
            "{} says what comes next",
            spec.name
        );
    }
}

#[test]
fn questions_have_their_own_keys_and_read_only_earlier_answers() {
    for spec in recipes() {
        let mut names = BTreeSet::from(["recipe"]);
        let mut earlier: Vec<&str> = Vec::new();
        for question in spec.questions {
            for name in question.aliases.iter().chain([&question.key]) {
                assert!(
                    names.insert(name),
                    "{}: `{name}` means two things",
                    spec.name
                );
                let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(name.chars().all(allowed), "`{name}` is in lower case");
            }
            for need in question.needs {
                assert!(
                    earlier.contains(need),
                    "`{}` reads `{need}`, which is asked later",
                    question.key
                );
            }
            assert!(
                spec.tasks.iter().any(|task| task.name == question.task),
                "`{}` belongs to a task",
                question.key
            );
            assert!(!question.title.is_empty() && question.help.ends_with('.'));
            earlier.push(question.key);
        }
    }
}

#[test]
fn defaults_pass_their_own_checks() {
    for spec in recipes() {
        let answers = answers(spec, "iam");
        for question in spec.questions {
            let value = answers.text(question.key);
            assert_eq!(
                question.check(&value, &answers),
                Ok(()),
                "`{}`",
                question.key
            );
        }
    }
}

/// The variables of every template, as the steps give them in the documentation's example.
fn variables() -> BTreeMap<String, String> {
    [
        ("AWS_ACCOUNT_ID", "123451234512"),
        ("AWS_DEFAULT_REGION", "us-west-2"),
        ("EKS_CLUSTER", "arrikto-cluster"),
        (
            "EKS_CLUSTER_OIDC",
            "oidc.eks.us-west-2.amazonaws.com/id/1234",
        ),
        ("ROK_CLUSTER_NAME", "rok"),
        ("ROK_CLUSTER_NAMESPACE", "rok"),
        (
            "AWS_S3_BUCKET_PREFIX",
            "rok-123451234512-us-west-2-arrikto-cluster",
        ),
        ("AWS_S3_ROLE", "rok-us-west-2-arrikto-cluster"),
        ("AWS_CF_S3_RESOURCES", "rok-us-west-2-arrikto-cluster"),
        ("AZ_TENANT", TENANT),
        ("AZ_SUBSCRIPTION", SUBSCRIPTION),
        ("AZ_RESOURCE_GROUP", "arrikto"),
        ("AZ_LOCATION", "eastus"),
        ("AKS_CLUSTER", "arrikto-cluster"),
        ("AZ_MANAGED_IDENTITY", "rok-arrikto-cluster"),
        ("AZ_IDENTITY_METHOD", "pod-identity"),
        ("POD_IDENTITY_NAME", "rok"),
        ("STORAGE_ACCOUNT_NAME", "rokpractice"),
        ("S3_BUCKET_PREFIX", "rok"),
        ("BUCKET_PREFIX", "rok"),
        (
            "IDENTITY_RESOURCE_ID",
            "/subscriptions/s/resourceGroups/arrikto",
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn rendered(path: &str, variables: &BTreeMap<String, String>) -> String {
    let (_, content) = skeleton()
        .iter()
        .find(|(name, _)| *name == path)
        .unwrap_or_else(|| panic!("the skeleton has {path}"));
    let source = std::str::from_utf8(content).expect("templates are text");
    Renderer::new()
        .render(path, source, variables)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn templates_render_strictly_to_what_they_say_they_are() {
    let templates: Vec<_> = skeleton()
        .iter()
        .filter_map(|(path, _)| Some((*path, path.strip_suffix(".j2")?)))
        .collect();
    assert!(templates.len() >= 9, "found {templates:?}");
    for (template, output) in templates {
        let text = rendered(template, &variables());
        if Path::new(output).extension().is_some_and(|it| it == "yaml") {
            let parsed: Result<serde_yaml::Value, _> = serde_yaml::from_str(&text);
            assert!(
                parsed.is_ok_and(|value| value.is_mapping()),
                "{output}:\n{text}"
            );
        } else {
            let lines = rok_deploy::clients::envfile::parse(output, &text);
            assert!(
                lines.is_ok_and(|lines| !lines.is_empty()),
                "{output}:\n{text}"
            );
        }
    }
}

#[test]
fn every_yaml_file_of_the_skeleton_parses() {
    for (path, content) in skeleton() {
        if Path::new(path).extension().is_some_and(|it| it == "yaml") {
            let parsed: Result<serde_yaml::Value, _> = serde_yaml::from_slice(content);
            assert!(parsed.is_ok(), "{path}: {parsed:?}");
        }
    }
}

#[test]
fn the_four_lines_of_the_documentation_come_out_exactly() {
    let patches = "rok/rok-cluster/overlays/deploy/patches";
    let text = [
        rendered(&format!("{patches}/configvars.yaml.j2"), &variables()),
        rendered(&format!("{patches}/storage.yaml.j2"), &variables()),
    ]
    .concat();
    let keys = [
        "daemons.s3d.bucket_prefix",
        "AWSRoleARN",
        "endpoint",
        "region",
    ];
    let found: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| keys.iter().any(|key| line.starts_with(&format!("{key}:"))))
        .collect();
    assert_eq!(
        found,
        [
            "daemons.s3d.bucket_prefix: rok-123451234512-us-west-2-arrikto-cluster",
            "AWSRoleARN: arn:aws:iam::123451234512:role/rok-us-west-2-arrikto-cluster",
            "endpoint: https://s3.us-west-2.amazonaws.com",
            "region: us-west-2",
        ]
    );
}

#[test]
fn an_account_of_digits_survives_the_templates() {
    // YAML would take it for a number wherever it stood alone.
    let mut variables = variables();
    variables.insert("AWS_ACCOUNT_ID".into(), "012345678901".into());
    let storage = "rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2";
    let text = rendered(storage, &variables);
    let value: serde_yaml::Value = serde_yaml::from_str(&text).expect("it is YAML");
    assert_eq!(
        value["spec"]["s3"]["AWSRoleARN"].as_str(),
        Some("arn:aws:iam::012345678901:role/rok-us-west-2-arrikto-cluster")
    );
}
