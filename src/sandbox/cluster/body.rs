//! Reads what a client sends: its encoding, its kind, and every field of it.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::kinds::Kind;
use super::protobuf;
use super::refusal::Refusal;

const PATCH_TYPES: &str = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";

/// How a body of a `PATCH` is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchType {
    /// A list of operations.
    Json,
    /// Maps merge, all else is replaced.
    Merge,
    /// Lists merge, too, and have directives.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// The body as JSON, whether it came as JSON, YAML or protobuf. An empty body is null.
pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let media_type = media_type(headers);
    match media_type.as_str() {
        "" | "application/json" => json(body),
        "application/yaml" => yaml(body),
        protobuf::MEDIA_TYPE => protobuf::parse(body),
        other => Err(Refusal::unsupported_media_type(
            other,
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// The body of a `PATCH` and how it is meant.
pub(super) fn parse_patch(headers: &HeaderMap, body: &[u8]) -> Result<(PatchType, Value), Refusal> {
    let media_type = media_type(headers);
    match media_type.as_str() {
        "application/json-patch+json" => Ok((PatchType::Json, json(body)?)),
        "application/merge-patch+json" => Ok((PatchType::Merge, json(body)?)),
        "application/strategic-merge-patch+json" => Ok((PatchType::Strategic, json(body)?)),
        "application/apply-patch+yaml" => Ok((PatchType::Apply, yaml(body)?)),
        other => Err(Refusal::unsupported_media_type(other, PATCH_TYPES)),
    }
}

/// Reads an object as the type its kind says. Fields the type lacks are an error when `strict`,
/// and dropped otherwise.
pub(super) fn decode(kind: &Kind, object: Value, strict: bool) -> Result<Value, Refusal> {
    let (typed, unknown) = read(kind, object)?;
    if strict && !unknown.is_empty() {
        let unknown: Vec<String> = unknown
            .iter()
            .map(|field| format!("unknown field \"{field}\""))
            .collect();
        let why = format!("strict decoding error: {}", unknown.join(", "));
        return Err(cannot_be_handled(kind.name, kind.version, kind, &why));
    }
    Ok(typed)
}

/// Reads an object as the type its kind says, and names the fields that the type lacks.
pub(super) fn read(kind: &Kind, mut object: Value) -> Result<(Value, Vec<String>), Refusal> {
    let expected = kind.api_version();
    let Some(fields) = object.as_object_mut() else {
        return Err(Refusal::bad_request(format!(
            "the body is not a {}, it is not even an object",
            kind.name
        )));
    };
    let stated = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    if let Some(found) = stated(fields, "kind")
        && found != kind.name
    {
        let version = stated(fields, "apiVersion").unwrap_or_default();
        return Err(cannot_be_handled(
            &found,
            &version,
            kind,
            "unknown conversion",
        ));
    }
    if let Some(found) = stated(fields, "apiVersion")
        && found != expected
    {
        return Err(Refusal::bad_request(format!(
            "the API version in the data ({found}) does not match the expected API version ({expected})"
        )));
    }
    fields.insert("kind".into(), kind.name.into());
    if (kind.name, expected.as_str()) == ("Secret", "v1") {
        without_breaks(fields);
    }
    fields.insert("apiVersion".into(), expected.into());
    let typed = (kind.typed)(object.clone())
        .map_err(|error| cannot_be_handled(kind.name, kind.version, kind, &error.to_string()))?;
    let mut unknown = Vec::new();
    collect_unknown("", &object, &typed, &mut unknown);
    Ok((typed, unknown))
}

/// Takes line breaks out of the values of a Secret: a real server's decoder of base64 passes over
/// them, and kustomize breaks long values.
fn without_breaks(fields: &mut Map<String, Value>) {
    let data = fields.get_mut("data").and_then(Value::as_object_mut);
    for (_, value) in data.into_iter().flatten() {
        if let Value::String(text) = value {
            text.retain(|letter| letter != '\n' && letter != '\r');
        }
    }
}

fn cannot_be_handled(found: &str, version: &str, kind: &Kind, why: &str) -> Refusal {
    Refusal::bad_request(format!(
        "{found} in version \"{version}\" cannot be handled as a {}: {why}",
        kind.name
    ))
}

/// Names the fields that were given and did not survive.
fn collect_unknown(path: &str, given: &Value, kept: &Value, unknown: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match kept.get(name) {
                    Some(kept) => collect_unknown(&path, value, kept, unknown),
                    None => unknown.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (index, (given, kept)) in given.iter().zip(kept).enumerate() {
                collect_unknown(&format!("{path}[{index}]"), given, kept, unknown);
            }
        }
        _ => {}
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let whole = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let without_parameters = whole.split(';').next().unwrap_or_default();
    without_parameters.trim().to_lowercase()
}

fn json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::bad_request(format!(
            "couldn't get version/kind; json parse error: {error}"
        ))
    })
}

fn yaml(body: &[u8]) -> Result<Value, Refusal> {
    // Most clients send JSON, which is YAML, too.
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    if has_anchors(body) {
        // What aliases add up to knows no bounds, and no client of a cluster writes them.
        return Err(Refusal::bad_request(
            "error decoding YAML: anchors are not read here; spell out what they stand for",
        ));
    }
    serde_yaml::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("error decoding YAML: {error}")))
}

/// Whether something looks like the definition of an anchor, `&name` where a value begins.
fn has_anchors(body: &[u8]) -> bool {
    body.windows(2).enumerate().any(|(at, pair)| {
        let begins = at == 0 || matches!(body[at - 1], b' ' | b'\t' | b'\n' | b',' | b'[' | b'{');
        pair[0] == b'&' && (pair[1].is_ascii_alphanumeric() || pair[1] == b'_') && begins
    })
}

#[cfg(any(test, fuzzing))]
fn headers(kind: &'static str) -> HeaderMap {
    let kind = http::HeaderValue::from_static(kind);
    HeaderMap::from_iter([(header::CONTENT_TYPE, kind)])
}

/// Whatever is sent, it is read or refused, and what is read can be patched or not.
#[cfg(any(test, fuzzing))]
pub fn feed(body: &[u8]) {
    use super::kinds::{PODS, SERVICE_ACCOUNTS};
    use super::patch;
    use super::schema::Schema;

    for kind in ["application/json", "application/yaml", protobuf::MEDIA_TYPE] {
        let Ok(value) = parse(&headers(kind), body) else {
            continue;
        };
        for kind in [&PODS, &SERVICE_ACCOUNTS] {
            let strict = decode(kind, value.clone(), true).is_ok();
            let lax = decode(kind, value.clone(), false).is_ok();
            assert!(
                lax || !strict,
                "what is right is not wrong when looked at less closely"
            );
        }
        // Patches come as a pair of what is there and what is sent.
        let (mut merged, mut strategic) = (value["target"].clone(), value["target"].clone());
        patch::merge(&mut merged, &value["patch"]);
        patch::merge_strategically(Schema::BUILT_IN, &mut strategic, &value["patch"]);
        patch::operate(&value["target"], &value["patch"]).ok();
    }
    for kind in [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
        "text/html",
    ] {
        parse_patch(&headers(kind), body).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_refused_and_what_only_looks_like_them_is_not() {
        let bomb = format!(
            "a: &a [{}]\nb: [{}]\n",
            "x,".repeat(9_000),
            "*a,".repeat(9_000)
        );
        let yaml = headers("application/yaml");
        assert!(parse(&yaml, bomb.as_bytes()).is_err());
        for text in [
            "command: true && false\n",
            "url: http://h/?a=1&b=2\n",
            "a: R&D\n",
        ] {
            parse(&yaml, text.as_bytes()).unwrap();
        }
    }

    crate::corpus::fed!("cluster-body", feed);
}
