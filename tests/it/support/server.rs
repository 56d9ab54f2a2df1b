//! A server process of one test: started on a free loopback port, waited for, and never left behind.
//!
//! It is killed with its children when its value is dropped. Its standard input is a pipe from the
//! test, so that a server on `tests/peers/leash.py` ends even when the test process is killed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::kill_group;

const READY_WITHIN: Duration = Duration::from_mins(1);
const STARTS: usize = 3;

/// A running server, its port and the folder with its log.
pub struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts the command made for a port and a folder of its own, and waits until a GET of `health` succeeds.
    ///
    /// The port is free when it is chosen and may be taken before the server binds it, so a server
    /// that ends instead of answering gets another chance with another port.
    pub fn start(name: &str, health: &str, command: impl Fn(u16, &Path) -> Command) -> Self {
        Self::start_when(name, |port| answers_ok(port, health), command)
    }

    /// The same for a server that speaks something else: it is there when it takes a connection.
    pub fn start_listening(name: &str, command: impl Fn(u16, &Path) -> Command) -> Self {
        Self::start_when(name, is_listening, command)
    }

    fn start_when(
        name: &str,
        answers: impl Fn(u16) -> bool,
        command: impl Fn(u16, &Path) -> Command,
    ) -> Self {
        let mut log = String::new();
        for _ in 0..STARTS {
            let mut server = Self::spawn(&command);
            if server.is_ready(&answers) {
                return server;
            }
            log = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        }
        panic!("{name} does not answer; its log:\n{log}");
    }

    fn spawn(command: impl Fn(u16, &Path) -> Command) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rok-peer-")
            .tempdir()
            .expect("a temporary folder");
        let log =
            File::create(folder.path().join("log")).expect("the temporary folder is writable");
        let port = free_port();
        let mut command = command(port, folder.path());
        let child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        Self {
            child,
            port,
            folder,
        }
    }

    fn is_ready(&mut self, answers: impl Fn(u16) -> bool) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let answers = answers(self.port);
            // Another process may have taken the port: only a living server's answer counts.
            if self
                .child
                .try_wait()
                .expect("a child can be asked")
                .is_some()
            {
                return false;
            }
            if answers {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Lets go of the server's standard input, as the end of the test process would, and waits for its end.
    pub fn abandon(&mut self, deadline: Duration) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + deadline;
        while self
            .child
            .try_wait()
            .expect("a child can be asked")
            .is_none()
        {
            assert!(Instant::now() < deadline, "the server outlives its test");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill_group(self.child.id());
        self.child.wait().ok();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}

fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

fn answers_ok(port: u16, path: &str) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        Ok(status.split(' ').nth(1) == Some("200"))
    };
    ask().unwrap_or(false)
}
