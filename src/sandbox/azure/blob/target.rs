//! What a request is about: an account, a container of it, a blob in that.

use http::request::Parts;

use super::refusal::Refusal;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) account: String,
    pub(super) container: Option<String>,
    pub(super) blob: Option<String>,
}

/// The account that the host names: `rok` of `rok.blob.localhost:1234`.
pub(super) fn account_of_host(head: &Parts) -> Option<String> {
    let named = head.headers.get(http::header::HOST);
    let host = named
        .and_then(|host| host.to_str().ok())
        .or_else(|| head.uri.host())?;
    let (account, rest) = host.split_once('.')?;
    rest.to_ascii_lowercase()
        .starts_with("blob.")
        .then(|| account.to_ascii_lowercase())
}

impl Target {
    pub(super) fn of(head: &Parts) -> Self {
        let mut path = head.uri.path().trim_start_matches('/');
        let account = account_of_host(head).unwrap_or_else(|| {
            let (account, rest) = path.split_once('/').unwrap_or((path, ""));
            path = rest;
            account.to_ascii_lowercase()
        });
        let (container, blob) = path.split_once('/').unwrap_or((path, ""));
        let text = |part: &str| {
            let part = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
            (!part.is_empty()).then(|| part.into_owned())
        };
        Self {
            account,
            container: text(container),
            blob: text(blob),
        }
    }

    /// The container of an operation on one.
    pub(super) fn container(&self) -> &str {
        self.container.as_deref().unwrap_or_default()
    }

    /// The blob of an operation on one.
    pub(super) fn blob(&self) -> &str {
        self.blob.as_deref().unwrap_or_default()
    }

    /// Refuses names that no container can have.
    pub(super) fn check_name(&self) -> Result<(), Refusal> {
        let Some(name) = &self.container else {
            return Ok(());
        };
        if !(3..=63).contains(&name.len()) {
            return Err(Refusal::name_out_of_range());
        }
        let fits = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !fits || name.starts_with('-') || name.ends_with('-') || name.contains("--") {
            return Err(Refusal::bad_name());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, path: &str) -> Target {
        let request = http::Request::get(path).header("host", host).body(());
        Target::of(&request.unwrap().into_parts().0)
    }

    #[test]
    fn the_account_is_in_the_host_or_in_the_path() {
        let expected = |container: &str, blob: &str| Target {
            account: "rok".into(),
            container: (!container.is_empty()).then(|| container.into()),
            blob: (!blob.is_empty()).then(|| blob.into()),
        };
        let host = "Rok.blob.localhost:1234";
        assert_eq!(target(host, "/?comp=list"), expected("", ""));
        assert_eq!(target(host, "/c/a%20b/c"), expected("c", "a b/c"));
        assert_eq!(target("localhost:1234", "/rok"), expected("", ""));
        assert_eq!(target("127.0.0.1:1", "/rok/c/b"), expected("c", "b"));
    }

    #[test]
    fn names_of_containers_are_checked() {
        for (name, fits) in [
            ("rok-chocks-ca", true),
            ("ab", false),
            ("Rok", false),
            ("a--b", false),
            ("-ab", false),
        ] {
            let target = target("rok.blob.localhost", &format!("/{name}"));
            assert_eq!(target.check_name().is_ok(), fits, "{name}");
        }
    }
}
