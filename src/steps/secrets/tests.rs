//! The steps on real clones, with real keys: found again, kept, refused, renewed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use tempfile::TempDir;

use super::files::{self, CONFIGVARS};
use super::*;
use crate::clients::gate::{Answer, Call, Ended, Keeper};
use crate::clients::git::{CommitRequest, Git, GitSettings};
use crate::clients::sops::{self, Format, Keyring, Vault};
use crate::clients::wire::WireLog;
use crate::engine::{Context, FactKey, Facts, Finding, Observation, Phase, Step, StepMeta};
use crate::steps::gitops::{Drafts as _, Repository, Written, skeleton};

static WRITTEN: FactKey<Written> = FactKey::new("rok.s3proxy-credentials.files");

/// An operator with a clone and a machine of their own.
struct Operator {
    folder: TempDir,
    repository: Repository,
    vault: Vault,
    keyring: Keyring,
    heard: std::sync::Arc<Ear>,
}

/// Hears everything that passes the gate.
#[derive(Default)]
struct Ear(Mutex<Vec<u8>>);

impl Keeper for Ear {
    fn before(&self, call: &Call) -> std::io::Result<Option<Answer>> {
        let mut heard = self.0.lock().unwrap();
        heard.extend_from_slice(call.operation.as_bytes());
        heard.extend_from_slice(&call.input);
        Ok(None)
    }

    fn after(&self, _call: &Call, ended: &Ended) -> std::io::Result<()> {
        if let Ended::Answered(answer) = ended {
            self.0.lock().unwrap().extend_from_slice(&answer.body);
        }
        Ok(())
    }
}

impl Operator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let environment = [
            ("HOME", home.as_str()),
            ("XDG_CONFIG_HOME", &home),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_COMMITTER_NAME", "Ann Operator"),
            ("GIT_COMMITTER_EMAIL", "ann@example.com"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wire = WireLog::new();
        let heard = std::sync::Arc::new(Ear::default());
        wire.keep(std::sync::Arc::clone(&heard) as std::sync::Arc<dyn Keeper>);
        let settings = GitSettings {
            environment: environment.into(),
            ..GitSettings::default()
        };
        let git = Git::new(settings, wire.clone());
        let directory = folder.path().join("clone");
        let files: Vec<_> = skeleton()
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
            .collect();
        git.start_repository(&files, "main", &directory, "Start")
            .unwrap();
        let keyring = Keyring::at(folder.path().join("config/age.key"));
        Self {
            repository: Repository {
                git,
                directory,
                skeleton: skeleton(),
            },
            vault: Vault::new(keyring.clone(), wire),
            keyring,
            folder,
            heard,
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.repository.directory.join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn put(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    fn step(&self, keeping: Keeping) -> S3ProxyCredentials {
        S3ProxyCredentials {
            meta: StepMeta::new("rok.s3proxy-credentials", "Credentials", Phase::Generate),
            repository: self.repository.clone(),
            vault: self.vault.clone(),
            vars: ConfigVars::Aws,
            keeping,
            gives: &WRITTEN,
        }
    }

    fn rotate(&self) -> RotateCredentials {
        RotateCredentials {
            repository: self.repository.clone(),
            vault: self.vault.clone(),
            is_cloned: false,
        }
    }

    async fn look(&self, step: &dyn Step, run: &str) -> Observation {
        step.check(&Facts::default(), &context(run)).await.unwrap()
    }

    async fn refusal(&self, step: &dyn Step) -> StepError {
        step.check(&Facts::default(), &context("run"))
            .await
            .unwrap_err()
    }

    /// Does what the step wants, and sees it.
    async fn settle(&self, step: &dyn Step, run: &str) {
        step.apply(&Facts::default(), &context(run)).await.unwrap();
        let seen = self.look(step, run).await;
        assert!(
            matches!(seen.finding, Finding::Satisfied { .. }),
            "{seen:?}"
        );
    }

    /// A file as whoever has the key reads it.
    fn clear(&self, path: &str) -> String {
        let text = self.text(path);
        let format = Format::of(path).unwrap();
        if sops::recipients_of(format, &text).unwrap().is_none() {
            return text;
        }
        let keys = self.keyring.keys().unwrap().unwrap();
        let opened = sops::open(format, path, &text, &keys).unwrap();
        opened.text.expose().to_owned()
    }

    /// The values of both files, which have to be the same.
    fn values(&self) -> [String; 2] {
        let of = |path: &str| {
            let found = files::credentials(path, &self.clear(path))
                .unwrap()
                .unwrap();
            found.values().map(str::to_owned)
        };
        let values = of(CREDENTIALS);
        let other = if self.path(SECRET_VARS).exists() {
            SECRET_VARS
        } else {
            CONFIGVARS
        };
        assert_eq!(of(other), values);
        values
    }

    fn commit(&self) {
        let clone = self
            .repository
            .git
            .open(&self.repository.directory)
            .unwrap();
        let paths = [RECIPIENTS, SECRET_VARS, CREDENTIALS, CONFIGVARS];
        let paths = paths.map(str::to_owned);
        let request = CommitRequest {
            message: "Configure",
            trailers: &[],
            paths: &paths,
        };
        clone.commit(&request).unwrap();
    }

    fn hears(&self, words: &str) -> bool {
        let heard = self.heard.0.lock().unwrap();
        String::from_utf8_lossy(&heard).contains(words)
    }
}

fn context(run: &str) -> Context {
    Context {
        run: run.to_owned(),
        acted: BTreeSet::new(),
        planning: false,
        handed_off: false,
    }
}

fn sentences(seen: &Observation) -> Vec<String> {
    match &seen.finding {
        Finding::Differs { changes } => changes
            .iter()
            .map(crate::engine::Change::sentence)
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn they_are_made_once_encrypted_and_found_again_by_every_run() {
    let operator = Operator::new();
    let step = operator.step(Keeping::Encrypted);
    let seen = operator.look(&step, "one").await;
    let key = operator.keyring.file.display().to_string();
    assert_eq!(
        sentences(&seen),
        [
            format!("creates private key `{key}`"),
            format!("creates file `{RECIPIENTS}`"),
            format!("creates file `{SECRET_VARS}`"),
            format!("creates file `{CREDENTIALS}`"),
        ]
    );
    // To look is to make nothing.
    assert!(!operator.keyring.file.exists() && !operator.path(CREDENTIALS).exists());
    assert!(
        seen.facts
            .get(&WRITTEN)
            .unwrap()
            .values()
            .all(String::is_empty)
    );

    operator.settle(&step, "one").await;
    let [identity, credential] = operator.values();
    assert_eq!((identity.len(), credential.len()), (32, 64));
    let texts = [RECIPIENTS, SECRET_VARS, CREDENTIALS].map(|path| operator.text(path));
    assert!(
        texts
            .iter()
            .all(|text| !text.contains(&identity) && !text.contains(&credential))
    );
    assert!(
        texts[1].contains("daemons.s3d.aws.access_key_id: \"ENC[AES256_GCM,data:"),
        "{}",
        texts[1]
    );
    assert!(texts[2].starts_with("S3PROXY_IDENTITY=ENC[AES256_GCM,data:"));
    assert!(!operator.hears(&identity) && !operator.hears(&credential));
    assert!(operator.hears("ENC[AES256_GCM,data:") && !operator.hears("AGE-SECRET-KEY-"));

    let seen = operator.look(&step, "two").await;
    let written = seen.facts.get(&WRITTEN).unwrap();
    assert_eq!(written.len(), 3);
    step.apply(&Facts::default(), &context("two"))
        .await
        .unwrap();
    assert_eq!(
        [RECIPIENTS, SECRET_VARS, CREDENTIALS].map(|path| operator.text(path)),
        texts
    );
    assert!(format!("{seen:?}").find(&identity).is_none());
}

#[tokio::test]
async fn a_process_killed_between_the_files_leaves_credentials_that_are_used() {
    let operator = Operator::new();
    let step = operator.step(Keeping::Encrypted);
    operator.settle(&step, "one").await;
    let values = operator.values();
    operator.commit();
    for missing in [CREDENTIALS, SECRET_VARS, RECIPIENTS] {
        let text = operator.text(missing);
        fs::remove_file(operator.path(missing)).unwrap();
        assert_eq!(sentences(&operator.look(&step, "two").await).len(), 1);
        operator.settle(&step, "two").await;
        assert_eq!(operator.values(), values);
        assert_eq!(operator.text(missing), text, "as HEAD has it");
    }
}

#[tokio::test]
async fn what_the_operator_put_into_the_files_stays() {
    let operator = Operator::new();
    let step = operator.step(Keeping::Encrypted);
    operator.put(
        CREDENTIALS,
        "# mine\nS3PROXY_LOG=debug\nS3PROXY_IDENTITY=own\nS3PROXY_CREDENTIAL=pair\n",
    );
    let seen = operator.look(&step, "one").await;
    assert!(
        seen.notices[0].contains("stay so in Git's history"),
        "{seen:?}"
    );
    operator.settle(&step, "one").await;
    assert_eq!(operator.values(), ["own", "pair"]);
    assert_eq!(
        operator.clear(CREDENTIALS),
        "# mine\nS3PROXY_LOG=debug\nS3PROXY_IDENTITY=own\nS3PROXY_CREDENTIAL=pair\n"
    );
    // Somebody edits the encrypted file, with a comment and another setting.
    let keys = operator.keyring.keys().unwrap().unwrap();
    let clear = operator.clear(SECRET_VARS).replace(
        "  configVars:\n",
        "  configVars:\n    # Louder.\n    log.level: debug\n",
    );
    let text = operator.text(SECRET_VARS);
    let edited = sops::reseal(
        Format::Yaml,
        "f",
        &text,
        &keys,
        &clear,
        &[],
        jiff::Timestamp::now(),
    )
    .unwrap();
    operator.put(SECRET_VARS, &edited);
    operator.settle(&step, "two").await;
    assert_eq!(operator.text(SECRET_VARS), edited);
    assert!(
        edited.contains("    # Louder.\n    log.level: debug\n"),
        "{edited}"
    );
}

#[tokio::test]
async fn a_colleague_in_the_list_can_read_them_after_the_next_run() {
    let (operator, colleague) = (Operator::new(), Operator::new());
    let step = operator.step(Keeping::Encrypted);
    operator.settle(&step, "one").await;
    let values = operator.values();
    for path in [RECIPIENTS, SECRET_VARS, CREDENTIALS] {
        colleague.put(path, &operator.text(path));
    }
    let theirs = colleague.step(Keeping::Encrypted);
    let error = colleague.refusal(&theirs).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    let key = colleague.keyring.file.display().to_string();
    assert!(
        error
            .message
            .contains(&format!("the private key {key} does not exist")),
        "{error}"
    );
    assert!(!error.hints.is_empty() && !colleague.keyring.file.exists());

    let recipient = colleague
        .keyring
        .open_or_make(jiff::Timestamp::now())
        .unwrap()
        .recipient();
    let error = colleague.refusal(&theirs).await;
    assert!(
        error.message.contains("is encrypted for age1")
            && error.message.contains(recipient.as_str()),
        "{error}"
    );

    operator.put(
        RECIPIENTS,
        &format!("{}# A colleague.\n{recipient}\n", operator.text(RECIPIENTS)),
    );
    let seen = operator.look(&step, "two").await;
    assert_eq!(sentences(&seen).len(), 2);
    operator.settle(&step, "two").await;
    for path in [RECIPIENTS, SECRET_VARS, CREDENTIALS] {
        colleague.put(path, &operator.text(path));
    }
    colleague.settle(&theirs, "three").await;
    assert_eq!(colleague.values(), values);
}

#[tokio::test]
async fn in_clear_is_the_documented_files_and_only_on_that_answer() {
    let operator = Operator::new();
    let step = operator.step(Keeping::of("cleartext"));
    operator.settle(&step, "one").await;
    let [identity, credential] = operator.values();
    assert_eq!(
        operator.text(CREDENTIALS),
        format!("S3PROXY_IDENTITY={identity}\nS3PROXY_CREDENTIAL={credential}\n")
    );
    let vars = operator.text(CONFIGVARS);
    assert!(vars.ends_with(&format!(
        "    daemons.s3d.aws.access_key_id: \"{identity}\"\n    daemons.s3d.aws.secret_access_key: \"{credential}\"\n"
    )), "{vars}");
    assert!(!operator.path(SECRET_VARS).exists() && !operator.path(RECIPIENTS).exists());
    assert!(!operator.keyring.file.exists());
    let seen = operator.look(&step, "two").await;
    assert!(!format!("{seen:?}").contains(&credential));
    // Another answer, later: the same values, encrypted.
    let step = operator.step(Keeping::of("sops"));
    operator.settle(&step, "three").await;
    assert_eq!(operator.values(), [identity.clone(), credential]);
    assert!(!operator.text(CONFIGVARS).contains(&identity));
}

#[tokio::test]
async fn files_that_disagree_are_a_conflict_with_a_way_out() {
    let operator = Operator::new();
    let step = operator.step(Keeping::Encrypted);
    operator.settle(&step, "one").await;
    operator.put(
        CREDENTIALS,
        "S3PROXY_IDENTITY=other\nS3PROXY_CREDENTIAL=pair\n",
    );
    let seen = operator.look(&step, "two").await;
    let Finding::Conflict { reason, hints, .. } = &seen.finding else {
        panic!("{seen:?}");
    };
    assert!(
        reason.contains(CREDENTIALS) && reason.contains(SECRET_VARS),
        "{reason}"
    );
    assert!(hints[0].contains("rok-deploy rotate"), "{hints:?}");
    operator.settle(&operator.rotate(), "three").await;
    operator.values();
}

#[tokio::test]
async fn rotating_renews_both_files_once_a_run() {
    let operator = Operator::new();
    let step = operator.step(Keeping::Encrypted);
    let rotate = operator.rotate();
    let error = operator.refusal(&rotate).await;
    assert!(
        error.message.contains("found no credentials of S3Proxy"),
        "{error}"
    );
    operator.settle(&step, "one").await;
    operator.commit();
    let first = operator.values();
    let seen = operator.look(&rotate, "two").await;
    assert_eq!(
        sentences(&seen),
        [
            format!("updates file `{SECRET_VARS}`"),
            format!("updates file `{CREDENTIALS}`"),
            "commits files `Rotate the credentials of S3Proxy`".to_owned(),
        ]
    );
    operator.settle(&rotate, "two").await;
    let second = operator.values();
    assert_ne!(first, second);
    // The same run once more changes nothing, the next one all of it.
    let text = operator.text(CREDENTIALS);
    operator.settle(&rotate, "two").await;
    assert_eq!(operator.text(CREDENTIALS), text);
    operator.settle(&rotate, "three").await;
    assert_ne!(operator.values(), second);
    let seen = operator.look(&step, "four").await;
    assert!(
        matches!(seen.finding, Finding::Satisfied { .. }),
        "{seen:?}"
    );
    assert!(!operator.hears(&second[0]) && !operator.hears(&second[1]));
}

#[tokio::test]
async fn a_rotation_that_was_killed_ends_with_one_pair() {
    let operator = Operator::new();
    operator
        .settle(&operator.step(Keeping::Encrypted), "one")
        .await;
    operator.commit();
    let before = operator.text(SECRET_VARS);
    let rotate = operator.rotate();
    operator.settle(&rotate, "two").await;
    // Killed after the first file, before the commit: as a crash leaves it.
    operator.put(SECRET_VARS, &before);
    let seen = operator.look(&rotate, "three").await;
    assert!(matches!(seen.finding, Finding::Differs { .. }), "{seen:?}");
    operator.settle(&rotate, "three").await;
    operator.values();
}

#[tokio::test]
async fn a_draft_builds_with_values_that_are_no_secret() {
    let operator = Operator::new();
    let step = operator.step(Keeping::Encrypted);
    let told = |step: &S3ProxyCredentials| {
        let telling = step.drafted(&Facts::default()).unwrap();
        let clone = operator
            .repository
            .git
            .open(&operator.repository.directory)
            .unwrap();
        telling(Some(&clone)).unwrap()
    };
    let drafted = told(&step);
    assert_eq!(drafted.len(), 2);
    assert!(
        drafted
            .iter()
            .all(|(_, text)| String::from_utf8_lossy(text).contains("0000"))
    );
    operator.settle(&step, "one").await;
    operator.commit();
    assert_eq!(told(&step), []);
    assert!(operator.folder.path().exists());
}
