//! Clone, fetch and push over HTTP with a password, served by Git's own `http-backend`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use super::{World, commit};
use crate::clients::git::{GitError, PushOutcome, PushRight};

/// `rok:s3cret` and `reader:s3cret`.
const WRITER: &str = "Basic cm9rOnMzY3JldA==";
const READER: &str = "Basic cmVhZGVyOnMzY3JldA==";

/// Serves the repositories in `root` until the test ends; returns host and port.
fn serve(root: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let root = root.clone();
            thread::spawn(move || answer(stream, &root));
        }
    });
    address
}

fn answer(stream: TcpStream, root: &std::path::Path) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut words = first.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return;
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = std::collections::BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let mut stream = stream;
    let is_write = path.ends_with("receive-pack") || query.ends_with("receive-pack");
    let refusal = match header("authorization") {
        WRITER => None,
        READER if !is_write => None,
        READER => Some("403 Forbidden"),
        _ => Some("401 Unauthorized"),
    };
    if let Some(status) = refusal {
        let head = format!(
            "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: \
             0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        return;
    }
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", "rok")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    backend.stdin.take().unwrap().write_all(&body).unwrap();
    let output = backend.wait_with_output().unwrap().stdout;
    let split = output
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&output[..split]).into_owned();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let whole = format!("HTTP/1.1 {status}\r\n{head}\r\nConnection: close\r\n\r\n");
    stream.write_all(whole.as_bytes()).unwrap();
    stream.write_all(&output[split + 4..]).unwrap();
}

#[test]
fn a_password_in_the_address_stays_out_of_sight_and_works() {
    let world = World::new();
    let host = serve(world.path().to_owned());
    let directory = world.path().join("it's ops");
    let url = format!("http://rok:s3cret@{host}/remote.git");
    world.git().clone(&url, None, &directory).unwrap();
    let clone = world.git().open(&directory).unwrap();
    let config = std::fs::read_to_string(directory.join(".git/config")).unwrap();
    assert!(!config.contains("s3cret"), "{config}");
    let kept = std::fs::metadata(directory.join(".git/rok-deploy-credentials")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        clone.remote().unwrap().unwrap().url,
        format!("http://{host}/remote.git")
    );
    commit(&clone, "rok/a", "1", "s").unwrap();
    world.other_pushes("theirs/notes.txt", "second\n");
    assert_eq!(clone.can_push().unwrap(), PushRight::Allowed);
    assert_eq!(clone.push("side", &[]).unwrap(), PushOutcome::Pushed);
    assert_eq!(
        clone.head().unwrap().commit,
        Some(world.run(&world.remote(), &["rev-parse", "main"]))
    );
    let log = format!("{:?}", world.wire.records());
    assert!(!log.contains("s3cret"), "{log}");
    let left: Vec<_> = std::fs::read_dir(world.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn a_missing_or_wrong_password_is_an_authentication_error() {
    let world = World::new();
    let host = serve(world.path().to_owned());
    for user in ["", "rok:wr0ng@"] {
        let url = format!("http://{user}{host}/remote.git");
        let error = world
            .git()
            .clone(&url, None, &world.path().join("ops"))
            .unwrap_err();
        assert!(
            matches!(error, GitError::Authentication { .. }),
            "{error:?}"
        );
        assert!(!format!("{error:?}{:?}", world.wire.records()).contains("wr0ng"));
    }
    let url = format!("http://rok:s3cret@{host}/nope.git");
    let error = world
        .git()
        .clone(&url, None, &world.path().join("ops"))
        .unwrap_err();
    assert!(
        matches!(error, GitError::RepositoryNotFound { .. }),
        "{error:?}"
    );
}

#[test]
fn a_reader_may_not_push() {
    let world = World::new();
    let host = serve(world.path().to_owned());
    let directory = world.path().join("ops");
    world
        .git()
        .clone(
            &format!("http://reader:s3cret@{host}/remote.git"),
            None,
            &directory,
        )
        .unwrap();
    let clone = world.git().open(&directory).unwrap();
    commit(&clone, "rok/a", "1", "s").unwrap();
    assert!(matches!(clone.can_push().unwrap(), PushRight::Denied(_)));
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(error, GitError::Authentication { .. }),
        "{error:?}"
    );
}
