//! Opening, cloning, reading, writing and tagging.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::{World, commit, commit_paths};
use crate::clients::git::{Git, GitError, GitSettings, Remote};

#[test]
fn types_may_cross_threads() {
    fn is_send<T: Send + Sync + 'static>() {}
    is_send::<Git>();
    is_send::<crate::clients::git::Clone>();
    is_send::<GitError>();
}

#[test]
fn a_clone_knows_its_head_and_remote() {
    let world = World::new();
    let clone = world.clone("ops");
    let head = clone.head().unwrap();
    assert_eq!(head.branch.as_deref(), Some("main"));
    assert_eq!(
        head.commit,
        Some(world.run(&world.remote(), &["rev-parse", "main"]))
    );
    let origin = Remote {
        name: "origin".into(),
        url: world.url(),
    };
    assert_eq!(clone.remote().unwrap(), Some(origin));
    let records = world.wire.records();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].client.as_str(), records[0].method.as_str()),
        ("git", "clone")
    );
    assert_eq!((records[0].status, records[0].write), (Some(0), false));
}

#[test]
fn the_upstream_decides_before_origin() {
    let world = World::new();
    let clone = world.clone("ops");
    let directory = clone.directory();
    world.run(directory, &["remote", "rename", "origin", "company"]);
    assert_eq!(clone.remote().unwrap().unwrap().name, "company");
    world.run(
        directory,
        &[
            "remote",
            "add",
            "origin",
            "https://rok:s3cret@git.example/ops.git",
        ],
    );
    assert_eq!(clone.remote().unwrap().unwrap().name, "company");
    world.run(directory, &["branch", "--unset-upstream"]);
    let origin = clone.remote().unwrap().unwrap();
    assert_eq!(
        (origin.name.as_str(), origin.url.as_str()),
        ("origin", "https://git.example/ops.git")
    );
    world.run(directory, &["remote", "remove", "origin"]);
    assert_eq!(clone.remote().unwrap().unwrap().name, "company");
    world.run(directory, &["remote", "remove", "company"]);
    assert_eq!(clone.remote().unwrap(), None);
}

#[test]
fn a_failed_clone_leaves_nothing() {
    let world = World::new();
    let (git, target) = (world.git(), world.path().join("new/ops"));
    let error = git
        .clone("file:///not/there.git", None, &target)
        .unwrap_err();
    assert!(
        matches!(error, GitError::RepositoryNotFound { .. }),
        "{error:?}"
    );
    let error = git.clone(&world.url(), Some("nope"), &target).unwrap_err();
    assert!(
        matches!(&error, GitError::BranchNotFound { branch, .. } if branch == "nope"),
        "{error:?}"
    );
    assert_eq!(fs::read_dir(world.path().join("new")).unwrap().count(), 0);
}

#[test]
fn a_killed_clone_is_begun_anew() {
    let world = World::new();
    World::put(world.path(), ".ops.rok-deploy-partial/.git/half", "x");
    let clone = world.clone("ops");
    assert!(!world.path().join(".ops.rok-deploy-partial").exists());
    assert!(clone.read("README.md").unwrap().is_some());
    let error = world
        .git()
        .clone(&world.url(), None, clone.directory())
        .unwrap_err();
    assert!(matches!(error, GitError::Exists { .. }), "{error:?}");
}

#[test]
fn unreachable_remotes_are_told_apart_and_never_show_the_password() {
    let world = World::new();
    let target = world.path().join("ops");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://rok:s3cret@127.0.0.1:{port}/ops.git");
    let error = world.git().clone(&url, None, &target).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    let shown = format!("{error} {error:?} {:?}", world.wire.records());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn a_server_that_wants_a_password_is_an_authentication_error() {
    use std::io::{Read as _, Write as _};
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ops.git", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).unwrap();
        let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let error = world
        .git()
        .clone(&url, None, &world.path().join("ops"))
        .unwrap_err();
    server.join().unwrap();
    assert!(
        matches!(error, GitError::Authentication { .. }),
        "{error:?}"
    );
}

#[test]
fn a_new_repository_has_one_commit() {
    let world = World::new();
    let directory = world.path().join("fresh");
    let files = [
        ("rok/a.yaml".to_owned(), b"a\n".to_vec()),
        ("README.md".to_owned(), b"r\n".to_vec()),
    ];
    world
        .git()
        .start_repository(&files, "trunk", &directory, "Start from the skeleton")
        .unwrap();
    let clone = world.git().open(&directory).unwrap();
    assert_eq!(clone.head().unwrap().branch.as_deref(), Some("trunk"));
    assert_eq!(world.run(&directory, &["status", "--porcelain"]), "");
    assert_eq!(world.run(&directory, &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(
        world.run(&directory, &["ls-files"]),
        "README.md\nrok/a.yaml"
    );
    assert_eq!(clone.remote().unwrap(), None);
    assert!(!clone.unpushed().unwrap().remote_known);
}

#[test]
fn what_is_no_working_clone_is_refused() {
    let world = World::new();
    let git = world.git();
    let open = |path: &Path| git.open(path).unwrap_err();
    assert!(matches!(
        open(&world.path().join("home")),
        GitError::NotARepository { .. }
    ));
    assert!(matches!(
        open(&world.path().join("nowhere")),
        GitError::NotARepository { .. }
    ));
    assert!(matches!(
        open(&world.remote()),
        GitError::Unsupported { .. }
    ));
    world.run(
        world.path(),
        &["init", "-q", "--object-format=sha256", "new-format"],
    );
    let error = open(&world.path().join("new-format"));
    assert!(matches!(error, GitError::Unsupported { .. }), "{error:?}");
}

#[test]
fn a_clone_of_another_user_is_dubious() {
    let world = World::new();
    let clone = world.clone("ops");
    // Only root may give a directory away; elsewhere there is nothing to see.
    if std::os::unix::fs::chown(clone.directory(), Some(12345), None).is_err() {
        return;
    }
    std::os::unix::fs::chown(clone.directory().join(".git"), Some(12345), None).unwrap();
    let error = world.git().open(clone.directory()).unwrap_err();
    assert!(
        matches!(error, GitError::DubiousOwnership { .. }),
        "{error:?}"
    );
}

#[test]
fn files_are_read_from_tree_and_head() {
    let world = World::new();
    let clone = world.clone("ops");
    clone.write("README.md", b"edited\n").unwrap();
    clone.write("deploy/env.new", b"A=1\n").unwrap();
    assert_eq!(
        clone.read("README.md").unwrap().as_deref(),
        Some(&b"edited\n"[..])
    );
    assert_eq!(
        clone.read_head("README.md").unwrap().as_deref(),
        Some(&b"ops\n"[..])
    );
    assert_eq!(
        clone.read("deploy/env.new").unwrap().as_deref(),
        Some(&b"A=1\n"[..])
    );
    for path in ["deploy/env.new", "nope", "README.md/x", "theirs"] {
        assert_eq!(clone.read_head(path).unwrap(), None, "{path}");
    }
    assert_eq!(clone.read("README.md/x").unwrap(), None);
}

#[test]
fn writing_keeps_the_mode_and_leaves_no_other_file() {
    let world = World::new();
    let clone = world.clone("ops");
    let file = clone.directory().join("README.md");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    clone.write("README.md", b"new\n").unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    clone.write("new", b"new\n").unwrap();
    assert_eq!(
        fs::metadata(clone.directory().join("new"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o644
    );
    assert_eq!(
        world.run(clone.directory(), &["status", "--porcelain"]),
        " M README.md\n?? new"
    );
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    clone.write("README.md", b"new\n").unwrap();
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
}

#[test]
fn links_are_followed_inside_the_clone_only() {
    let world = World::new();
    let clone = world.clone("ops");
    let outside = world.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "keep").unwrap();
    symlink(&outside, clone.directory().join("out")).unwrap();
    symlink("README.md", clone.directory().join("alias")).unwrap();
    for path in [
        "out/file",
        "../outside/file",
        ".git/config",
        outside.join("file").to_str().unwrap(),
    ] {
        assert!(
            matches!(clone.write(path, b"x"), Err(GitError::PathEscapes { .. })),
            "{path}"
        );
        assert!(
            matches!(clone.read(path), Err(GitError::PathEscapes { .. })),
            "{path}"
        );
    }
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "keep");
    assert!(commit(&clone, "alias", "by link\n", "s").is_some());
    assert_eq!(
        clone.read_head("README.md").unwrap().as_deref(),
        Some(&b"by link\n"[..])
    );
    assert!(clone.directory().join("alias").is_symlink());
}

#[test]
fn somebody_at_work_is_named_with_the_file_that_says_so() {
    let world = World::new();
    let clone = world.clone("ops");
    assert_eq!(clone.operation_in_progress(), None);
    let directory = clone.directory();
    world.run(directory, &["switch", "-qc", "side"]);
    World::put(directory, "README.md", "side\n");
    world.run(directory, &["commit", "-qam", "side"]);
    world.run(directory, &["switch", "-q", "main"]);
    World::put(directory, "README.md", "main\n");
    world.run(directory, &["commit", "-qam", "main"]);
    let merge = Command::new("git")
        .args(["merge", "-q", "side"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(!merge.status.success());
    assert!(
        clone
            .operation_in_progress()
            .unwrap()
            .contains("MERGE_HEAD")
    );
    clone.write("mine", b"x").unwrap();
    let paths = ["mine".to_owned()];
    let error = clone.commit(&super::request("m", &[], &paths)).unwrap_err();
    assert!(
        matches!(&error, GitError::Busy { what } if what.contains("a merge is in progress")),
        "{error:?}"
    );
    world.run(directory, &["merge", "--abort"]);
    fs::write(directory.join(".git/index.lock"), "").unwrap();
    let error = clone.commit(&super::request("m", &[], &paths)).unwrap_err();
    assert!(
        matches!(&error, GitError::Busy { what } if what.contains("index.lock")),
        "{error:?}"
    );
}

#[test]
fn tags_are_annotated_and_never_moved() {
    let world = World::new();
    let clone = world.clone("ops");
    let first = clone.head().unwrap().commit.unwrap();
    let older = "deploy/2024-01-01T00.00.00Z/release-1.5/cloudidentity";
    let newer = "deploy/2024-01-02T00.00.00Z/release-1.5/objectstorage";
    clone.tag(older, &first, "Create Cloud Identity").unwrap();
    clone.tag(older, &first, "Create Cloud Identity").unwrap();
    let second = commit(&clone, "a", "1", "s").unwrap();
    let error = clone.tag(older, &second, "again").unwrap_err();
    assert!(
        matches!(&error, GitError::TagExists { commit, .. } if *commit == first),
        "{error:?}"
    );
    clone.tag(newer, &second, "Authorize Access").unwrap();
    world.run(clone.directory(), &["tag", "unrelated"]);
    let tags = clone.tags("deploy/*").unwrap();
    let names: Vec<_> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, [newer, older]);
    assert_eq!(
        (tags[1].commit.as_str(), tags[1].message.as_str()),
        (first.as_str(), "Create Cloud Identity")
    );
    assert_eq!(
        world.run(clone.directory(), &["cat-file", "-t", older]),
        "tag"
    );
    let shown = world.run(
        clone.directory(),
        &[
            "for-each-ref",
            "--format=%(taggername) %(contents)",
            "refs/tags/deploy",
        ],
    );
    assert!(
        shown.contains("Ann Operator Create Cloud Identity"),
        "{shown}"
    );
}

#[test]
fn reading_writes_nothing() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "a", "1", "s");
    clone
        .tag("deploy/x", &clone.head().unwrap().commit.unwrap(), "m")
        .unwrap();
    let snapshot = || {
        let listing = Command::new("find")
            .args([".", "-printf", "%p %T@ %s %m\n"])
            .current_dir(clone.directory())
            .output()
            .unwrap();
        let mut lines: Vec<_> = String::from_utf8(listing.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let before = snapshot();
    clone.log(5).unwrap();
    clone.tags("*").unwrap();
    clone.unpushed().unwrap();
    clone.can_push().unwrap();
    clone.oldest("a").unwrap();
    clone.read_head("a").unwrap();
    assert_eq!(commit_paths(&clone, &["a"], "s"), None);
    assert_eq!(snapshot(), before);
}

#[test]
fn the_default_author_is_the_tool() {
    let (name, email) = GitSettings::default().author;
    assert!(name.starts_with("Rok Deploy v0."), "{name}");
    assert_eq!(email, "no-reply@arrikto.com");
}
