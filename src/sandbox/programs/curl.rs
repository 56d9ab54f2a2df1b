//! `curl`, as far as people ask the metadata service and Azure with it.

use http::{Method, Request, Response};

use super::network::{Network, Unreachable};
use super::tools::failed;
use crate::sandbox::cluster::{Output, Process};

const COULD_NOT_RESOLVE: i32 = 6;
const COULD_NOT_CONNECT: i32 = 7;
const HTTP_ERROR: i32 = 22;
const USAGE: i32 = 2;
const MALFORMED: i32 = 3;

/// A command line, taken apart.
#[derive(Debug, Default)]
struct Wish {
    url: String,
    method: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    silent: bool,
    shows_errors: bool,
    shows_head: bool,
    fails: bool,
    throws_away: bool,
    write_out: Option<String>,
}

pub(super) async fn run(network: &Network, arguments: &[String], process: &Process) -> Output {
    let wish = match Wish::parse(arguments) {
        Ok(wish) => wish,
        Err(words) => return failed(USAGE, &format!("curl: {words}\n")),
    };
    let Some(request) = wish.request() else {
        return wish.failed(MALFORMED, "URL using bad/illegal format or missing URL");
    };
    match network.send(process, request).await {
        Ok(answer) if wish.fails && answer.status().as_u16() >= 400 => {
            let words = format!(
                "The requested URL returned error: {}",
                answer.status().as_u16()
            );
            wish.failed(HTTP_ERROR, &words)
        }
        Ok(answer) => wish.show(&answer),
        Err(Unreachable::NoSuchHost(host)) => wish.failed(
            COULD_NOT_RESOLVE,
            &format!("Could not resolve host: {host}"),
        ),
        Err(Unreachable::Refused { host, port }) => {
            let words = format!("Failed to connect to {host} port {port}: Connection refused");
            wish.failed(COULD_NOT_CONNECT, &words)
        }
    }
}

impl Wish {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut wish = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut next = || {
                let value = arguments.next().cloned();
                value.ok_or_else(|| format!("option {argument}: requires parameter"))
            };
            if let Some(option) = argument.strip_prefix("--") {
                wish.long(option, &mut next)?;
            } else if let Some(letters) = argument.strip_prefix('-') {
                wish.short(letters, &mut next)?;
            } else {
                wish.url.clone_from(argument);
            }
        }
        Ok(wish)
    }

    fn long(
        &mut self,
        option: &str,
        next: &mut impl FnMut() -> Result<String, String>,
    ) -> Result<(), String> {
        let letter = match option {
            "silent" => 's',
            "show-error" => 'S',
            "include" => 'i',
            "fail" => 'f',
            "header" => 'H',
            "request" => 'X',
            "data" => 'd',
            "output" => 'o',
            "write-out" => 'w',
            "max-time" => 'm',
            "url" => {
                self.url = next()?;
                return Ok(());
            }
            "noproxy" | "connect-timeout" | "retry" => return next().map(drop),
            _ => return Err(format!("option --{option}: is unknown")),
        };
        self.one(letter, next)
    }

    /// Letters that stand together; what follows one that takes a value is its value.
    fn short(
        &mut self,
        letters: &str,
        next: &mut impl FnMut() -> Result<String, String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            if "HXdowm".contains(letter) && !rest.is_empty() {
                return self.one(letter, &mut || Ok(rest.to_owned()));
            }
            self.one(letter, next)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        letter: char,
        next: &mut impl FnMut() -> Result<String, String>,
    ) -> Result<(), String> {
        match letter {
            's' => self.silent = true,
            'S' => self.shows_errors = true,
            'i' => self.shows_head = true,
            'f' => self.fails = true,
            'H' => {
                let header = next()?;
                if let Some((name, value)) = header.split_once(':') {
                    let (name, value) = (name.trim(), value.trim());
                    self.headers.push((name.to_owned(), value.to_owned()));
                }
            }
            'X' => self.method = Some(next()?),
            'd' => self.body = Some(next()?),
            'w' => self.write_out = Some(next()?),
            'm' => drop(next()?),
            'o' => {
                let file = next()?;
                if file != "/dev/null" {
                    return Err(format!("(23) Failed to open {file}: Read-only file system"));
                }
                self.throws_away = true;
            }
            _ => return Err(format!("option -{letter}: is unknown")),
        }
        Ok(())
    }

    fn request(&self) -> Option<Request<Vec<u8>>> {
        let url = if self.url.contains("://") {
            self.url.clone()
        } else {
            format!("http://{}", self.url)
        };
        let method = match &self.method {
            Some(method) => method.parse().ok()?,
            None if self.body.is_some() => Method::POST,
            None => Method::GET,
        };
        let mut request = Request::builder().method(method).uri(url);
        if self.body.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .header("user-agent", "curl/7.74.0")
            .body(self.body.clone().unwrap_or_default().into_bytes())
            .ok()?;
        request.uri().host().is_some().then_some(request)
    }

    fn show(&self, answer: &Response<Vec<u8>>) -> Output {
        let mut output = Output::default();
        if self.shows_head {
            let status = answer.status();
            let reason = status.canonical_reason().unwrap_or_default();
            let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16());
            for (name, value) in answer.headers() {
                let value = String::from_utf8_lossy(value.as_bytes());
                head.extend([&title(name.as_str()), ": ", &value, "\r\n"]);
            }
            head.push_str("\r\n");
            output.stdout.extend_from_slice(head.as_bytes());
        }
        if !self.throws_away {
            output.stdout.extend_from_slice(answer.body());
        }
        if let Some(form) = &self.write_out {
            let text = form
                .replace("%{http_code}", answer.status().as_str())
                .replace("\\n", "\n");
            output.stdout.extend_from_slice(text.as_bytes());
        }
        output
    }

    fn failed(&self, code: i32, words: &str) -> Output {
        if self.silent && !self.shows_errors {
            return failed(code, "");
        }
        failed(code, &format!("curl: ({code}) {words}\n"))
    }
}

/// A header's name as servers of this protocol write it: `Content-Type`.
fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Wish, String> {
        let arguments: Vec<String> = line.iter().map(ToString::to_string).collect();
        Wish::parse(&arguments)
    }

    #[test]
    fn options_may_stand_anywhere_and_together() {
        let wish = parse(&["-sS", "http://h/p?a=b", "-H", "Metadata: true", "-i"]).unwrap();
        assert!(wish.silent && wish.shows_errors && wish.shows_head);
        let request = wish.request().unwrap();
        assert_eq!(request.uri(), "http://h/p?a=b");
        assert_eq!(request.headers()["metadata"], "true");
        assert_eq!(request.method(), Method::GET);
        let wish = parse(&["-XPUT", "--data", "x=1", "-o", "/dev/null", "h"]).unwrap();
        assert_eq!(wish.request().unwrap().method(), Method::PUT);
        assert!(wish.throws_away);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert_eq!(
            parse(&["--teapot"]).unwrap_err(),
            "option --teapot: is unknown"
        );
        assert_eq!(parse(&["-H"]).unwrap_err(), "option -H: requires parameter");
        assert!(parse(&[]).unwrap().request().is_none());
    }

    #[test]
    fn names_of_headers_are_written_as_names() {
        assert_eq!(title("x-content-type-options"), "X-Content-Type-Options");
    }
}
