//! A bare repository with our skeleton, and the servers that others run in front of such a one:
//! lighttpd with `git http-backend` over TLS and basic authentication, and sshd with keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::env::{TestEnv, finish};
use super::peers::installed;
use super::runs::git;
use super::server::Server;

/// What the HTTPS server wants from whoever comes.
pub const USER: &str = "rok";
pub const PASSWORD: &str = "s3cret-of-the-operator";

const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// Ends the server with the test process, which holds its standard input.
const LEASH: &str = r#""$@" & server=$!; read -r _; kill "$server"; wait "$server""#;

/// A bare repository `ops.git` that refuses every push that is not forward, and remembers all.
pub struct Hosted {
    folder: TempDir,
    place: TestEnv,
}

impl Hosted {
    /// Makes one with the skeleton in its one commit on `main`.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rok-hosted-")
            .tempdir()
            .expect("a temporary folder");
        let hosted = Self {
            folder,
            place: TestEnv::new(),
        };
        let (repository, seed) = (hosted.repository(), hosted.folder.path().join("seed"));
        let skeleton = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/gitops");
        copy(&skeleton, &seed);
        for (folder, script) in [
            (
                hosted.folder.path(),
                "init --quiet --bare --initial-branch=main ops.git",
            ),
            (&repository, "config receive.denyNonFastForwards true"),
            (&repository, "config receive.denyDeletes true"),
            (&repository, "config core.logAllRefUpdates always"),
            (&seed, "init --quiet --initial-branch=main"),
            (&seed, "add ."),
            (&seed, "commit --quiet --message=Start"),
            (&seed, "push --quiet ../ops.git main"),
        ] {
            hosted.git_in(folder, script);
        }
        hosted
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("ops.git")
    }

    /// Its address for whoever is on this machine.
    pub fn url(&self) -> String {
        format!("file://{}", self.repository().display())
    }

    /// What git prints in the repository.
    pub fn git(&self, arguments: &str) -> String {
        self.git_in(&self.repository(), arguments)
    }

    fn git_in(&self, folder: &Path, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        git(&self.place, folder, &arguments).trim_end().to_owned()
    }

    /// Every branch and tag with what it points to.
    pub fn refs(&self) -> String {
        self.git("for-each-ref --format=%(refname)=%(objectname)")
    }

    /// Lets this script decide about pushes; it gets the references on standard input.
    pub fn pre_receive(&self, script: &str) {
        let hook = self.repository().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().expect("it is in a folder")).expect("it is writable");
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).expect("it is writable");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// Takes every push again.
    pub fn without_hook(&self) {
        fs::remove_file(self.repository().join("hooks/pre-receive")).expect("there is a hook");
    }

    /// No update of a branch or tag ever went anywhere but forward.
    pub fn assert_only_forward(&self) {
        for name in self.git("for-each-ref --format=%(refname)").lines() {
            let moves = self.git(&format!("reflog show --no-abbrev --format=%H {name}"));
            let moves: Vec<&str> = moves.lines().collect();
            for pair in moves.windows(2) {
                self.git(&format!("merge-base --is-ancestor {} {}", pair[1], pair[0]));
            }
        }
        self.git("fsck --strict --no-dangling");
    }
}

/// `git http-backend` behind lighttpd.
pub struct Https {
    server: Server,
    authority: PathBuf,
}

impl Https {
    pub fn start(hosted: &Hosted) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
            .expect("a certificate can be made");
        let folder = hosted.folder.path().to_owned();
        let (key, authority) = (folder.join("server.pem"), folder.join("authority.pem"));
        let both = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
        fs::write(&key, both).expect("it is writable");
        fs::write(&authority, made.cert.pem()).expect("it is writable");
        fs::write(folder.join("users"), format!("{USER}:{PASSWORD}\n")).expect("it is writable");
        let server = Server::start_listening("lighttpd", |port, place| {
            let settings = place.join("lighttpd.conf");
            let text = https_settings(port, &folder);
            fs::write(&settings, text).expect("it is writable");
            let mut command = leashed(&installed("git-servers", "lighttpd"), place);
            command.arg("-D").arg("-f").arg(settings);
            command
        });
        Self { server, authority }
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}/git/ops.git", self.server.port())
    }

    /// Git settings by which an operator trusts this server.
    pub fn trusted(&self) -> String {
        format!("[http]\n\tsslCAInfo = {}\n", self.authority.display())
    }

    /// Git settings of an operator whose credential helper knows this password.
    pub fn credentials(&self, place: &TestEnv, password: &str) -> String {
        let store = place.home().join("git-credentials");
        let port = self.server.port();
        let line = format!("https://{USER}:{password}@127.0.0.1:{port}\n");
        fs::write(&store, line).expect("the home is writable");
        format!(
            "[credential]\n\thelper = store --file={}\n",
            store.display()
        )
    }
}

fn https_settings(port: u16, folder: &Path) -> String {
    let place = folder.display();
    let backend = Command::new("git")
        .arg("--exec-path")
        .output()
        .expect("git is on the PATH");
    let backend = String::from_utf8_lossy(&backend.stdout).trim().to_owned();
    let path = std::env::var("PATH").expect("tests run with a PATH");
    format!(
        r#"server.document-root = "{place}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_alias", "mod_auth", "mod_authn_file", "mod_cgi", "mod_setenv", "mod_openssl")
ssl.engine = "enable"
ssl.pemfile = "{place}/server.pem"
auth.backend = "plain"
auth.backend.plain.userfile = "{place}/users"
auth.require = ("/git/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
alias.url = ("/git" => "{backend}/git-http-backend")
$HTTP["url"] =~ "^/git" {{
  cgi.assign = ("" => "")
  setenv.add-environment = ("GIT_PROJECT_ROOT" => "{place}", "GIT_HTTP_EXPORT_ALL" => "", "PATH" => "{path}")
}}
"#
    )
}

/// sshd that lets one key in.
pub struct Ssh {
    server: Server,
    folder: PathBuf,
    user: String,
}

impl Ssh {
    pub fn start(hosted: &Hosted) -> Self {
        let folder = hosted.folder.path().join("ssh");
        fs::create_dir(&folder).expect("it is writable");
        make_key(&folder.join("host"));
        make_key(&folder.join("operator"));
        make_key(&folder.join("stranger"));
        fs::copy(folder.join("operator.pub"), folder.join("authorized")).expect("it is writable");
        let server = Server::start_listening("sshd", |port, place| {
            let settings = place.join("sshd_config");
            fs::write(&settings, ssh_settings(port, place, &folder)).expect("it is writable");
            let mut command = leashed(&installed("git-servers", "sshd"), place);
            command.args(["-D", "-e", "-f"]).arg(settings);
            command
        });
        let user = Command::new("id").arg("-un").output().expect("id is there");
        let known = fs::read_to_string(folder.join("host.pub")).expect("it was made");
        let known = format!("[127.0.0.1]:{} {known}", server.port());
        fs::write(folder.join("known_hosts"), known).expect("it is writable");
        Self {
            server,
            folder,
            user: String::from_utf8_lossy(&user.stdout).trim().to_owned(),
        }
    }

    pub fn url(&self, hosted: &Hosted) -> String {
        let path = hosted.repository();
        format!(
            "ssh://{}@127.0.0.1:{}{}",
            self.user,
            self.server.port(),
            path.display()
        )
    }

    /// Git settings of an operator with this key (`operator`, `stranger`) and these known hosts.
    pub fn client(&self, key: &str, known_hosts: &Path) -> String {
        format!(
            "[core]\n\tsshCommand = ssh -F none -o IdentitiesOnly=yes -o BatchMode=yes \
             -o UserKnownHostsFile={} -i {}\n",
            known_hosts.display(),
            self.folder.join(key).display()
        )
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }
}

fn ssh_settings(port: u16, place: &Path, keys: &Path) -> String {
    let path = std::env::var("PATH").expect("tests run with a PATH");
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\n\
         PidFile {place}/sshd.pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPermitTTY no\n\
         MaxStartups 100\nSetEnv PATH={path}\n",
        keys = keys.display(),
        place = place.display(),
    )
}

/// Makes an ed25519 key without a passphrase.
pub fn make_key(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(file);
    let made = finish(&mut command, ANSWER_WITHIN);
    assert!(made.status.success(), "{made:?}");
}

fn leashed(program: &Path, place: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", LEASH, "leash"])
        .arg(program)
        .current_dir(place)
        .env_clear()
        .env("HOME", place)
        .env(
            "PATH",
            std::env::var_os("PATH").expect("tests run with a PATH"),
        );
    command
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it is writable");
    for entry in fs::read_dir(from).expect("it is readable") {
        let entry = entry.expect("it is readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it is writable");
        }
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn the_git_servers_end_when_their_test_is_gone() {
    let hosted = Hosted::new();
    Https::start(&hosted).server.abandon(ANSWER_WITHIN);
    Ssh::start(&hosted).server.abandon(ANSWER_WITHIN);
}
