//! `az storage blob list`, with the token of whoever has logged in.

use http::header::AUTHORIZATION;
use http::{Request, Response};
use serde_json::{Value, json};

use super::arguments::{Arguments, Known, required, value};
use super::{Failure, MISSING, Session};

pub(super) const LIST_OPTIONS: &[Known] = &[
    required(&["--container-name", "-c"]),
    value(&["--account-name"]),
    value(&["--auth-mode"]),
    value(&["--num-results"]),
    value(&["--prefix"]),
];

const RESOURCE: &str = "https://storage.azure.com/";
const VERSION: &str = "2018-11-09";
const USUAL_COUNT: usize = 5000;

/// What the CLI makes of a refusal for want of a role.
const NO_PERMISSION: &str = r#"
You do not have the required permissions needed to perform this operation.
Depending on your operation, you may need to be assigned one of the following roles:
    "Storage Blob Data Contributor"
    "Storage Blob Data Reader"
    "Storage Queue Data Contributor"
    "Storage Queue Data Reader"

If you want to use the old authentication method and allow querying for the right account key, please use the "--auth-mode" parameter and "key" value.
                    "#;

impl Session<'_> {
    pub(super) async fn list_blobs(&self, options: &Arguments) -> Result<Value, Failure> {
        let variable = |name: &str| self.process.environment.get(name).map(String::as_str);
        let account = options
            .get("--account-name")
            .or_else(|| variable("AZURE_STORAGE_ACCOUNT"))
            .ok_or_else(|| Failure::general("Missing credentials to access storage service. The following variations are accepted:\n    (1) account name and key (--account-name and --account-key options or\n        set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY environment variables)"))?;
        let mode = options
            .get("--auth-mode")
            .or_else(|| variable("AZURE_STORAGE_AUTH_MODE"));
        if mode != Some("login") {
            // Without a mode the CLI looks for the account's key, which no Pod here may read.
            return Err(Failure::general(
                "The practice images know `--auth-mode login` only.",
            ));
        }
        let most = match options.get("--num-results") {
            None => USUAL_COUNT,
            Some("*") => usize::MAX,
            Some(count) => count
                .parse()
                .map_err(|_| Failure::general(format!("invalid num_results: '{count}'")))?,
        };
        let login = self.logged_in()?;
        let token = self.token(&login.credential, RESOURCE).await?.text;
        let container = options.get("--container-name").unwrap_or_default();
        let mut blobs = Vec::new();
        let mut marker = String::new();
        loop {
            let count = (most - blobs.len()).min(USUAL_COUNT).to_string();
            let query = query(&[
                ("restype", "container"),
                ("comp", "list"),
                ("maxresults", &count),
                ("prefix", options.get("--prefix").unwrap_or_default()),
                ("marker", &marker),
            ]);
            let url = format!("https://{account}.blob.core.windows.net/{container}?{query}");
            let request = Request::get(url)
                .header(AUTHORIZATION, format!("Bearer {token}"))
                .header("x-ms-version", VERSION)
                .body(Vec::new())
                .map_err(|error| Failure::general(format!("{account}/{container}: {error}")))?;
            let answer = self.send(&request).await?;
            if !answer.status().is_success() {
                return Err(refused(&answer));
            }
            let page = String::from_utf8_lossy(answer.body());
            blobs.extend(elements(&page, "Blob").map(|blob| shown(blob, container)));
            marker = element(&page, "NextMarker").unwrap_or_default();
            if marker.is_empty() || blobs.len() >= most {
                return Ok(blobs.into());
            }
        }
    }
}

/// A query of what is not empty.
fn query(pairs: &[(&str, &str)]) -> String {
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(given)
        .finish()
}

/// The CLI's words for an answer that refuses.
fn refused(answer: &Response<Vec<u8>>) -> Failure {
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let code = header("x-ms-error-code");
    if code == "AuthorizationPermissionMismatch" {
        return Failure::general(NO_PERMISSION);
    }
    // The message ends with the request's id and the time, each in a line of its own.
    let body = String::from_utf8_lossy(answer.body());
    let message = element(&body, "Message").unwrap_or_else(|| answer.status().to_string());
    let exit = match answer.status().as_u16() {
        404 => MISSING,
        _ => super::GENERAL,
    };
    Failure(exit, format!("{message}\nErrorCode:{code}\nError:None"))
}

/// A blob as the CLI shows it.
fn shown(blob: &str, container: &str) -> Value {
    let text = |name: &str| element(blob, name).unwrap_or_default();
    let time = |name: &str| {
        let time = jiff::fmt::rfc2822::parse(&text(name)).ok();
        time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
    };
    json!({
        "container": container,
        "content": "",
        "deleted": null,
        "name": text("Name"),
        "properties": {
            "blobTier": element(blob, "AccessTier"),
            "blobType": text("BlobType"),
            "contentLength": text("Content-Length").parse::<u64>().ok(),
            "contentSettings": { "contentType": text("Content-Type") },
            "creationTime": time("Creation-Time"),
            "etag": text("Etag"),
            "lastModified": time("Last-Modified"),
        },
        "snapshot": null,
    })
}

/// What stands in each element of that name. None of them holds another of its own name.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (inside, after) = after.split_once(&end)?;
        rest = after;
        Some(inside)
    })
}

/// The text of the first element of that name.
fn element(xml: &str, name: &str) -> Option<String> {
    let text = elements(xml, name).next()?;
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_shown_as_the_cli_shows_it() {
        let page = "<Blobs><Blob><Name>a&amp;b</Name><Properties><Creation-Time>Fri, 06 Aug 2021 09:02:35 GMT</Creation-Time><Content-Length>3</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob></Blobs><NextMarker />";
        let blobs: Vec<Value> = elements(page, "Blob")
            .map(|blob| shown(blob, "c"))
            .collect();
        assert_eq!(blobs.len(), 1);
        assert_eq!(blobs[0]["name"], "a&b");
        assert_eq!(blobs[0]["properties"]["contentLength"], 3);
        let created = &blobs[0]["properties"]["creationTime"];
        assert_eq!(created, "2021-08-06T09:02:35+00:00");
        assert_eq!(element(page, "NextMarker"), None);
    }

    #[test]
    fn refusals_are_those_of_the_documentation() {
        let answer = |code: &str, status: u16, message: &str| {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            let answer = Response::builder().status(status);
            let answer = answer.header("x-ms-error-code", code);
            refused(&answer.body(body.into_bytes()).unwrap())
        };
        let message = "The specified container does not exist.\nRequestId:8ec2d64b\nTime:2021-08-06T09:02:35.4218807Z";
        assert_eq!(
            answer("ContainerNotFound", 404, message),
            Failure(
                3,
                format!("{message}\nErrorCode:ContainerNotFound\nError:None")
            )
        );
        let Failure(code, words) = answer("AuthorizationPermissionMismatch", 403, "no");
        assert_eq!(code, 1);
        assert!(words.contains("\"Storage Blob Data Contributor\""));
    }
}
