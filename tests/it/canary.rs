//! Marked secrets go in wherever a secret can come in, and come out nowhere.
//!
//! Each journey is the built binary's, against a practice cloud that another process serves. What
//! was left behind is searched whole: output, the state directory, temporary files, repositories with
//! all their objects, and what every child was started with. A harmless word that does reach each of
//! these places shows that the search reads them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::env::{Output, TestEnv, finish};
use crate::support::practice::{DEADLINE, json_of};
use crate::support::served::PracticeCloud;
use crate::support::terminal::{CONTROL_C, Terminal};

mod azure;
mod search;
mod servers;
mod spies;

use search::{Marks, Places};
use spies::Spies;

const GIT_PASSWORD: &str = "canary-Git+pass/word1";
const PLUGIN_VARIABLE: &str = "canary-variable-of-the-plugin";
const IN_A_SECRET: &str = "canary-inside-of-a-Secret";
const LATER_IN_A_SECRET: &str = "canary-changed-in-a-Secret";

/// The name of the role: no secret, and found wherever secrets are looked for.
const CONTROL: &str = "control-4f8a2c-role";

/// An operator whose login, cluster and Git host all want secrets.
struct Operator {
    place: TestEnv,
    exported: BTreeMap<String, String>,
    spies: Spies,
    cloud: PracticeCloud,
    root: tempfile::TempDir,
    host: String,
    marks: Marks,
    places: Places,
    commands: usize,
}

impl Operator {
    fn new() -> Self {
        let cloud = PracticeCloud::start();
        let spies = Spies::new();
        let root = tempfile::tempdir().expect("a temporary folder");
        let host = servers::git_host(root.path(), GIT_PASSWORD);
        let mut marks = Marks::default();
        marks.add("password of the Git host", GIT_PASSWORD);
        marks.add("variable of the exec plugin", PLUGIN_VARIABLE);
        marks.add("secret key", cloud.variable("AWS_SECRET_ACCESS_KEY"));
        let mut operator = Self {
            place: TestEnv::new(),
            exported: BTreeMap::new(),
            spies,
            cloud,
            root,
            host,
            marks,
            places: Places::default(),
            commands: 0,
        };
        for name in ["git", "kubectl"] {
            operator.spies.watch(name);
        }
        operator.clone_remote();
        let url = format!(
            "http://rok:canary-Git%2Bpass%2Fword1@{}/ops.git",
            operator.host
        );
        let temporary = operator.home("tmp");
        fs::create_dir(&temporary).expect("it is new");
        let config = operator.log_in_by_process();
        let kubeconfig = operator.log_in_by_plugin();
        for (name, value) in [
            ("GITOPS_URL", url),
            ("TMPDIR", text(&temporary)),
            ("AWS_CONFIG_FILE", config),
            ("KUBECONFIG", kubeconfig),
            ("PATH", operator.spies.path()),
        ] {
            operator.export(name, value);
        }
        for name in ["AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"] {
            let value = operator.cloud.variable(name).to_owned();
            operator.export(name, value);
        }
        operator
    }

    fn home(&self, name: &str) -> PathBuf {
        self.place.home().join(name)
    }

    fn export(&mut self, name: &str, value: String) {
        self.exported.insert(name.to_owned(), value.clone());
        let place = std::mem::replace(&mut self.place, TestEnv::new());
        self.place = place.with_variable(name, value);
    }

    /// Copies the repository of the practice cloud to the Git host.
    fn clone_remote(&self) {
        let from = self.cloud.variable("GITOPS_URL");
        for arguments in [
            &["clone", "--quiet", "--bare", from, "ops.git"][..],
            &["--git-dir=ops.git", "config", "http.receivepack", "true"],
        ] {
            let mut git = self.place.program("git", arguments);
            let output = finish(git.current_dir(self.root.path()), DEADLINE);
            assert!(output.status.success(), "{output:?}");
        }
    }

    /// The secret key comes from a program that the AWS configuration names.
    fn log_in_by_process(&self) -> String {
        let keys = format!(
            r#"{{"Version": 1, "AccessKeyId": "{}", "SecretAccessKey": "{}"}}"#,
            self.cloud.variable("AWS_ACCESS_KEY_ID"),
            self.cloud.variable("AWS_SECRET_ACCESS_KEY"),
        );
        let file = self.home("keys.json");
        fs::write(&file, keys).expect("the home is writable");
        let program = self
            .spies
            .put("keys", &format!("exec cat '{}'", file.display()));
        let config = self.home("aws.config");
        let text_of = format!("[default]\ncredential_process = {}\n", program.display());
        fs::write(&config, text_of).expect("the home is writable");
        text(&config)
    }

    /// The token comes from a plugin that has a secret of its own.
    fn log_in_by_plugin(&mut self) -> String {
        let practice = fs::read_to_string(self.cloud.variable("KUBECONFIG"));
        let practice = practice.expect("the practice cloud has a kubeconfig");
        let token = practice
            .lines()
            .find_map(|line| line.trim().trim_start_matches("- ").strip_prefix("token: "))
            .expect("its user has a token")
            .to_owned();
        self.marks.add("token of the cluster", &token);
        let answer = format!(
            r#"{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{"token": "{token}"}}}}"#
        );
        let file = self.home("token.json");
        fs::write(&file, answer).expect("the home is writable");
        let plugin = self
            .spies
            .put("plugin", &format!("exec cat '{}'", file.display()));
        let exec = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, \
             command: {}, args: [], env: [{{name: PLUGIN_SECRET, value: {PLUGIN_VARIABLE}}}]}}",
            plugin.display()
        );
        let kubeconfig = self.home("kubeconfig");
        fs::write(
            &kubeconfig,
            practice.replace(&format!("token: {token}"), &exec),
        )
        .expect("the home is writable");
        text(&kubeconfig)
    }

    /// Runs a command; what it says is searched later.
    fn run(&mut self, code: i32, arguments: &[&str]) -> Output {
        let output = self.place.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        self.heard(&arguments.join(" "), &output);
        output
    }

    fn heard(&mut self, what: &str, output: &Output) {
        self.commands += 1;
        let name = |stream: &str| format!("{stream} of command {}: {what}", self.commands);
        let (stdout, stderr) = (name("stdout"), name("stderr"));
        self.places.add(&stdout, output.stdout.as_bytes());
        self.places.add(&stderr, output.stderr.as_bytes());
    }

    /// Adds what an exported archive holds.
    fn open_archive(&mut self, name: &str) {
        let archive = fs::File::open(self.home(name)).expect("it was exported");
        let mut content = Vec::new();
        GzDecoder::new(archive)
            .read_to_end(&mut content)
            .expect("it is an archive");
        self.places.add("archive", content);
    }

    /// The id of the run that a command told of.
    fn run_id(output: &Output) -> String {
        let line = output
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("Starts run "));
        let id = line.and_then(|line| line.split(' ').next());
        id.unwrap_or_else(|| panic!("no run began: {output:?}"))
            .to_owned()
    }

    /// Every object of a repository, as text.
    fn objects(&self, repository: &Path) -> String {
        let arguments = ["cat-file", "--batch-all-objects", "--batch"];
        let mut git = self.place.program("/usr/bin/env", &["git"]);
        let output = finish(git.args(arguments).current_dir(repository), DEADLINE);
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    /// Gathers all that was left behind, but for the one file that Git's own helper reads.
    fn gather(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.add_folder("state", &self.place.state_dir());
        places.add_folder("tmp", &self.home("tmp"));
        let clone = self.home("ops/deployments");
        if clone.exists() {
            places.add_folder("clone", &clone);
            places.add("objects of the clone", self.objects(&clone));
            let file = ".git/rok-deploy-credentials";
            let mode = fs::metadata(clone.join(file))
                .expect("it is kept")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            places.assert_read(&format!("clone/{file}"), GIT_PASSWORD);
            places.take(&format!("clone/{file}"));
        }
        places.add(
            "objects of the remote",
            self.objects(&self.root.path().join("ops.git")),
        );
        self.spies.add_to(&mut places, &self.exported);
        // By its contract, a plugin is started with the variables that the kubeconfig gives it.
        let own = format!("ENV PLUGIN_SECRET={PLUGIN_VARIABLE}");
        for (place, content) in &mut places.0 {
            if place.starts_with("children/plugin.") && !place.contains(".files/") {
                let record = String::from_utf8_lossy(content);
                assert!(record.contains(&own), "{place} was started without it");
                *content = record.replace(&own, "").into_bytes();
            }
        }
        self.places = places;
    }

    /// What STS has handed out, and the practice cluster has been told.
    fn mark_what_was_handed_out(&mut self) {
        let kubeconfig = PathBuf::from(self.cloud.variable("KUBECONFIG"));
        let world = kubeconfig.parent().expect("it is in the world");
        let sessions = json_of(&world.join("aws.json"))["sessions"].clone();
        let sessions = sessions.as_object().expect("there were sessions").clone();
        assert!(!sessions.is_empty(), "the proof assumes the role");
        for (id, session) in sessions {
            for field in ["secret", "token"] {
                let Value::String(secret) = &session[field] else {
                    panic!("session {id} has no {field}");
                };
                self.marks.add(&format!("{field} of session {id}"), secret);
            }
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a temporary path is text").to_owned()
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn nothing_that_is_secret_is_left_behind() {
    let mut operator = Operator::new();
    let role = format!("aws_s3_role={CONTROL}");
    let chosen = ["--recipe", "rok-eks", "--set", &role];
    operator.run(3, &[&["plan"], &chosen[..]].concat());
    operator.run(3, &[&["plan", "--output", "json"], &chosen[..]].concat());
    let run = operator.run(0, &[&["run", "--yes"], &chosen[..]].concat());
    let id = Operator::run_id(&run);
    operator.run(
        0,
        &[&["run", "--yes", "--output", "json"], &chosen[..]].concat(),
    );
    operator.run(0, &[&["verify"], &chosen[..]].concat());
    operator.run(0, &["runs"]);
    operator.run(0, &["runs", &id]);
    operator.run(0, &["replay", &id]);
    operator.run(0, &["replay", &id, "--output", "json"]);
    operator.run(0, &["runs", "export", &id, "-o", "case.tar.gz"]);
    operator.open_archive("case.tar.gz");
    operator.gather();
    operator.mark_what_was_handed_out();

    let places = &operator.places;
    assert_eq!(places.find(&operator.marks), [""; 0]);
    for place in [
        "stdout of command 1",
        "stdout of command 2",
        "stderr of command 3",
        "stdout of command 4",
        "stdout of command 7",
        "stderr of command 8",
        "stdout of command 9",
        &format!("state/runs/{id}/journal.jsonl"),
        &format!("state/runs/{id}/answers.yaml"),
        "clone/deploy/",
        "objects of the clone",
        "objects of the remote",
        "archive",
    ] {
        places.assert_read(place, CONTROL);
    }
    places.assert_read(&format!("state/runs/{id}/wire.jsonl"), &operator.host);
    places.assert_read("children/git.", &operator.host);
    for child in ["git", "kubectl", "keys", "plugin"] {
        places.assert_read(&format!("children/{child}."), "ENV LANG=C.UTF-8");
    }
    assert_eq!(
        fs::read_dir(operator.home("tmp"))
            .expect("it is there")
            .count(),
        0,
        "temporary files were left behind"
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_a_secret_of_kubernetes_keeps_is_shown_nowhere() {
    let mut operator = Operator::new();
    operator.marks.add("value of a Secret", IN_A_SECRET);
    operator
        .marks
        .add("later value of a Secret", LATER_IN_A_SECRET);
    let folder = operator.home("shop");
    fs::create_dir(&folder).expect("it is new");
    fs::write(
        folder.join("kustomization.yaml"),
        "resources: [secret.yaml]\n",
    )
    .expect("it is writable");
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {CONTROL}, namespace: default}}\n\
             stringData: {{password: {value}}}\n"
        )
    };
    for value in [IN_A_SECRET, LATER_IN_A_SECRET] {
        fs::write(folder.join("secret.yaml"), secret(value)).expect("it is writable");
        operator.run(3, &["plan", "--apply", "shop"]);
        operator.run(3, &["plan", "--apply", "shop", "--output", "json"]);
        operator.run(0, &["apply", "shop", "--yes"]);
    }
    operator.gather();
    assert_eq!(operator.places.find(&operator.marks), [""; 0]);
    for place in ["stdout of command 1", "stdout of command 5", "state/runs/"] {
        operator.places.assert_read(place, CONTROL);
    }
    // The practice cloud was given both, so there was something to show.
    let stored = operator
        .cloud
        .kubectl(&["get", "secret", CONTROL, "-o", "json"]);
    let mut kept = Places::default();
    kept.add("the cluster", stored);
    kept.assert_read("the cluster", LATER_IN_A_SECRET);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_servers_and_programs_repeat_is_hushed() {
    let mut operator = Operator::new();
    let host = servers::repeater();
    let token = "canary-session-token-AAAA1111BBBB2222";
    let bearer = "canary-bearer-token-CCCC3333DDDD4444";
    operator.marks.add("session token", token);
    operator.marks.add("bearer token", bearer);
    let kubeconfig = operator.home("repeated");
    let lines = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: 'http://{host}'}}}}]\n\
         users: [{{name: u, user: {{token: {bearer}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    );
    fs::write(&kubeconfig, lines).expect("it is writable");
    // What Git itself leaves out, a proxy or a hook may repeat.
    let url = operator.exported["GITOPS_URL"].clone();
    operator.spies.put(
        "git",
        &format!(
            "case \" $* \" in *' fetch '*|*' clone '*|*' ls-remote '*)\n\
             echo \"fatal: unable to access '{url}/': {} returned error: 403\" >&2\nexit 128;;\nesac\n\
             exec /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin git \"$@\"",
            servers::REFUSED
        ),
    );
    let key = "canary/secret+key/of/the/credentials/file";
    operator.marks.add("secret key of a file", key);
    let file = operator.home("repeated.aws");
    let lines = format!(
        "[default]\naws_access_key_id = AKIAREPEATED00000000\n\
         aws_secret_access_key = {key}\naws_session_token = {token}\n"
    );
    fs::write(&file, lines).expect("it is writable");
    let ours = [
        ("AWS_CONFIG_FILE", text(&file)),
        ("AWS_ENDPOINT_URL", format!("http://{host}")),
    ];
    let theirs = ours
        .clone()
        .map(|(name, _)| (name, operator.exported[name].clone()));
    operator.export("KUBECONFIG", text(&kubeconfig));
    for (variables, said) in [
        (ours, "authorization: AWS4-HMAC-SHA256"),
        (theirs, "authorization: Bearer ***"),
    ] {
        for (name, value) in variables {
            operator.export(name, value);
        }
        let output = operator
            .place
            .run(&given(&["run", "--yes", "--wait", "1s"]));
        assert!(!output.status.success(), "{output:?}");
        operator.heard("run", &output);
        let id = Operator::run_id(&output);
        operator.run(0, &["runs", &id]);
        operator.run(0, &["replay", &id]);
        let journal = operator
            .place
            .state_dir()
            .join("runs")
            .join(&id)
            .join("journal.jsonl");
        let journal = fs::read_to_string(journal).expect("a run has a journal");
        assert!(
            journal.contains(said) && journal.contains(servers::REFUSED),
            "{journal}"
        );
    }
    operator.gather();
    assert_eq!(operator.places.find(&operator.marks), [""; 0]);
    for place in [
        "stderr of command 1",
        "stdout of command 2",
        "stderr of command 4",
    ] {
        operator.places.assert_read(place, servers::REFUSED);
    }
}

/// A command with answers that leave nothing to be discovered.
fn given<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let answers = [
        "aws_account_id=123451234512",
        "aws_default_region=us-west-2",
        "eks_cluster=arrikto-cluster",
        "eks_cluster_oidc=oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
        "kube_context=c",
        "kube_context_accept=yes",
    ];
    let mut arguments = [command, &["--recipe", "rok-eks"]].concat();
    for answer in answers {
        arguments.extend(["--set", answer]);
    }
    arguments
}

#[test]
fn logins_that_are_broken_are_told_without_what_they_hold() {
    let secret = "canary-in-a-broken-login";
    let mut marks = Marks::default();
    marks.add("secret", secret);
    let spies = Spies::new();
    let keys = [
        (
            "no JSON",
            format!(
                "[default]\ncredential_process = {}\n",
                spies
                    .put("words", &format!("echo 'key {secret}'"))
                    .display()
            ),
        ),
        (
            "half a JSON",
            format!(
                "[default]\ncredential_process = {}\n",
                spies
                    .put(
                        "half",
                        &format!("echo '{{\"Version\": 1, \"SecretAccessKey\": \"{secret}\"'")
                    )
                    .display()
            ),
        ),
        (
            "no key id",
            format!(
                "[default]\ncredential_process = {}\n",
                spies
                    .put(
                        "no-id",
                        &format!("echo '{{\"Version\": 1, \"SecretAccessKey\": \"{secret}\"}}'")
                    )
                    .display()
            ),
        ),
        (
            "no assignment",
            format!("[default]\naws_access_key_id = AKIA\naws_secret_access_key {secret}\n"),
        ),
        ("no section", format!("aws_secret_access_key = {secret}\n")),
        (
            "half a section",
            format!("[default\naws_secret_access_key = {secret}\n"),
        ),
    ];
    let users = [
        (
            "plugin with words",
            format!(
                "exec: {{apiVersion: client.authentication.k8s.io/v1, command: {}, env: [{{name: A, value: {secret}}}]}}",
                spies
                    .put("failing", "echo \"no login with $A\" >&2; exit 1")
                    .display()
            ),
        ),
        (
            "plugin without token",
            format!(
                "exec: {{apiVersion: client.authentication.k8s.io/v1, command: {}}}",
                spies
                    .put(
                        "tokenless",
                        &format!("echo '{{\"status\": {{\"tokn\": \"{secret}\"}}}}'")
                    )
                    .display()
            ),
        ),
        ("list for a token", format!("token: [{secret}]")),
        ("torn", format!("token: \"{secret}")),
        (
            "bad key",
            format!("client-certificate-data: QQ==, client-key-data: {secret}"),
        ),
    ];
    let mut places = Places::default();
    let cloud = PracticeCloud::start();
    let mut told = |name: &str, config: &str, kubeconfig: &str| {
        let place = TestEnv::new()
            .with_variable("PATH", spies.path())
            .with_variable("AWS_ENDPOINT_URL", cloud.variable("AWS_ENDPOINT_URL"));
        let (aws, kube) = (place.home().join("aws"), place.home().join("kube"));
        fs::write(&aws, config).expect("it is writable");
        fs::write(&kube, kubeconfig).expect("it is writable");
        let place = place
            .with_variable("AWS_CONFIG_FILE", text(&aws))
            .with_variable("AWS_SHARED_CREDENTIALS_FILE", text(&aws))
            .with_variable("KUBECONFIG", text(&kube));
        let output = place.run(&given(&["run", "--yes", "--wait", "1s"]));
        assert!(!output.status.success(), "{name}: {output:?}");
        places.add(&format!("stdout with {name}"), output.stdout.as_bytes());
        places.add(&format!("stderr with {name}"), output.stderr.as_bytes());
        places.add_folder(&format!("state with {name}"), &place.state_dir());
    };
    let kubeconfig = |user: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:9'}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        )
    };
    for (name, config) in &keys {
        told(name, config, &kubeconfig(""));
    }
    let sound = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        cloud.variable("AWS_ACCESS_KEY_ID"),
        cloud.variable("AWS_SECRET_ACCESS_KEY"),
    );
    for (name, user) in &users {
        told(name, &sound, &kubeconfig(user));
    }
    assert_eq!(places.find(&marks), [""; 0]);
    places.assert_read("stderr with plugin with words", "no login with ***");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn no_screen_of_the_wizard_shows_a_secret() {
    let mut operator = Operator::new();
    // Here the login is in the environment.
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let value = operator.cloud.variable(name).to_owned();
        operator.export(name, value);
    }
    let mut terminal = Terminal::start(&operator.place, (120, 40), &["--recipe", "rok-eks"]);
    terminal.wait_for("every question has an answer");
    terminal.type_keys("p");
    terminal.wait_for("`a` approves");
    terminal.type_keys(CONTROL_C);
    terminal.type_keys(CONTROL_C);
    terminal.type_keys(CONTROL_C);
    let bytes = terminal.bytes();
    drop(terminal);
    operator.places.add("screen", bytes);
    operator.gather();
    assert_eq!(operator.places.find(&operator.marks), [""; 0]);
    operator.places.assert_read("screen", "arrikto-cluster");
    operator.places.assert_read("screen", &operator.host);
}
