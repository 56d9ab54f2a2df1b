//! A Git host that wants a password, and a server that repeats what it was sent.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A request, as far as our servers look at it.
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length");
        let length = length.and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method,
            target,
            headers,
            body,
        })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Serves until the test process ends; returns host and port.
fn serve(answer: impl Fn(Request) -> Vec<u8> + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                if let Some(request) = Request::read(&stream) {
                    // Whoever does not wait for the answer does not get it.
                    stream.write_all(&answer(request)).ok();
                }
            });
        }
    });
    address
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Serves the repositories of a folder to the user `rok` with that password.
pub fn git_host(root: &Path, password: &str) -> String {
    let root = root.to_owned();
    let wanted = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("rok:{password}"))
    );
    serve(move |request| {
        if request.header("authorization") != wanted {
            let ask = "WWW-Authenticate: Basic realm=\"git\"\r\n";
            return response("401 Unauthorized", ask, b"");
        }
        backend(&root, &request)
    })
}

/// Git's own server program, by the rules of CGI.
fn backend(root: &PathBuf, request: &Request) -> Vec<u8> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("GIT_PROTOCOL", request.header("git-protocol"))
        .env("REMOTE_USER", "rok")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is on the PATH");
    let mut input = child.stdin.take().expect("it is piped");
    let body = request.body.clone();
    let writing = thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output().expect("it ends").stdout;
    // It may have read enough before all was written.
    writing.join().expect("writing does not panic").ok();
    let split = output.windows(4).position(|part| part == b"\r\n\r\n");
    let (head, body) = output.split_at(split.map_or(0, |at| at + 4));
    let head = String::from_utf8_lossy(head);
    let mut status = "200 OK";
    let mut headers = String::new();
    for line in head.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("Status: ") {
            Some(found) => status = found,
            None => headers.extend([line, "\r\n"]),
        }
    }
    response(status, &headers, body)
}

/// A word of the server's own in every refusal of [`repeater`].
pub const REFUSED: &str = "refused-by-the-repeater";

/// Refuses everything, as AWS and as Kubernetes, and repeats all headers in the message.
pub fn repeater() -> String {
    serve(|request| {
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.replace(['<', '&', '"', '\\'], "_")))
            .collect();
        let said = format!("{REFUSED} ({})", headers.join(", "));
        if request.target.starts_with("/api") || request.target.starts_with("/version") {
            let body = format!(
                r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{said}","reason":"Forbidden","code":403}}"#
            );
            let kind = "content-type: application/json\r\n";
            return response("403 Forbidden", kind, body.as_bytes());
        }
        if request.target.starts_with("/clusters") {
            let kind =
                "content-type: application/json\r\nx-amzn-errortype: AccessDeniedException\r\n";
            let body = format!(r#"{{"message":"{said}"}}"#);
            return response("403 Forbidden", kind, body.as_bytes());
        }
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{said}\
             </Message></Error><RequestId>1</RequestId></ErrorResponse>"
        );
        response(
            "403 Forbidden",
            "content-type: text/xml\r\n",
            body.as_bytes(),
        )
    })
}
