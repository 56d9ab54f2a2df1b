//! Reads the protobuf form of the few objects that kubectl sends in it.
//!
//! kubectl's typed commands (`create token`, `create namespace`, `create secret` and their like)
//! send protobuf and accept JSON. The tables name the fields of these messages by number; a field
//! that is not in them is refused, so that nothing is lost silently.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;

pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
const MAGIC: &[u8] = b"k8s\0";

/// A message: the number, the JSON name and the form of each field.
type Fields = &'static [(u64, &'static str, Form)];

#[derive(Clone, Copy)]
enum Form {
    Text,
    Texts,
    Integer,
    Flag,
    Bytes,
    Message(Fields),
    Messages(Fields),
    /// A map from texts to values of the form in field 2 of its entries.
    Map(Fields),
    /// Only the server sets it.
    Ignored,
}

use Form::{Bytes, Flag, Ignored, Integer, Map as Entries, Message, Messages, Text, Texts};

const ENVELOPE: Fields = &[
    (1, "type", Message(TYPE)),
    (2, "raw", Bytes),
    (3, "contentEncoding", Text),
    (4, "contentType", Text),
];
const TYPE: Fields = &[(1, "apiVersion", Text), (2, "kind", Text)];
const TEXT_ENTRY: Fields = &[(1, "key", Text), (2, "value", Text)];
const BYTES_ENTRY: Fields = &[(1, "key", Text), (2, "value", Bytes)];
const METADATA: Fields = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (4, "selfLink", Ignored),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Ignored),
    (8, "creationTimestamp", Ignored),
    (11, "labels", Entries(TEXT_ENTRY)),
    (12, "annotations", Entries(TEXT_ENTRY)),
    (14, "finalizers", Texts),
];
const NAMESPACE: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(&[(1, "finalizers", Texts)])),
    (3, "status", Message(&[(1, "phase", Text)])),
];
const SERVICE_ACCOUNT: Fields = &[
    (1, "metadata", Message(METADATA)),
    (3, "imagePullSecrets", Messages(&[(1, "name", Text)])),
    (4, "automountServiceAccountToken", Flag),
];
const CONFIG_MAP: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "data", Entries(TEXT_ENTRY)),
    (3, "binaryData", Entries(BYTES_ENTRY)),
    (4, "immutable", Flag),
];
const SECRET: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "data", Entries(BYTES_ENTRY)),
    (3, "type", Text),
    (4, "stringData", Entries(TEXT_ENTRY)),
    (5, "immutable", Flag),
];
const TOKEN_REQUEST: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(TOKEN_REQUEST_SPEC)),
    (3, "status", Ignored),
];
const TOKEN_REQUEST_SPEC: Fields = &[
    (1, "audiences", Texts),
    (3, "boundObjectRef", Message(BOUND_OBJECT)),
    (4, "expirationSeconds", Integer),
];
const BOUND_OBJECT: Fields = &[
    (1, "kind", Text),
    (2, "apiVersion", Text),
    (3, "name", Text),
    (4, "uid", Text),
];

const ACCESS_REVIEW: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(ACCESS_REVIEW_SPEC)),
    (3, "status", Ignored),
];
const ACCESS_REVIEW_SPEC: Fields = &[
    (1, "resourceAttributes", Message(RESOURCE_ATTRIBUTES)),
    (
        2,
        "nonResourceAttributes",
        Message(&[(1, "path", Text), (2, "verb", Text)]),
    ),
];
const RESOURCE_ATTRIBUTES: Fields = &[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
];
const RULES_REVIEW: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(&[(1, "namespace", Text)])),
    (3, "status", Ignored),
];
const REVIEW: Fields = &[(1, "metadata", Message(METADATA)), (2, "status", Ignored)];

const ROLE: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "rules", Messages(RULE)),
];
const RULE: Fields = &[
    (1, "verbs", Texts),
    (2, "apiGroups", Texts),
    (3, "resources", Texts),
    (4, "resourceNames", Texts),
    (5, "nonResourceURLs", Texts),
];
const ROLE_BINDING: Fields = &[
    (1, "metadata", Message(METADATA)),
    (2, "subjects", Messages(SUBJECT)),
    (3, "roleRef", Message(ROLE_REFERENCE)),
];
const SUBJECT: Fields = &[
    (1, "kind", Text),
    (2, "apiGroup", Text),
    (3, "name", Text),
    (4, "namespace", Text),
];
const ROLE_REFERENCE: Fields = &[(1, "apiGroup", Text), (2, "kind", Text), (3, "name", Text)];

/// Reads an object with its kind and version.
pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    let envelope = body
        .strip_prefix(MAGIC)
        .ok_or_else(|| broken("it does not begin like a Kubernetes object"))?;
    let envelope = message(envelope, ENVELOPE)?;
    let kind = envelope["type"]["kind"].as_str().unwrap_or_default();
    let fields = match kind {
        "Namespace" => NAMESPACE,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "ConfigMap" => CONFIG_MAP,
        "Secret" => SECRET,
        "TokenRequest" => TOKEN_REQUEST,
        "Role" | "ClusterRole" => ROLE,
        "RoleBinding" | "ClusterRoleBinding" => ROLE_BINDING,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "SelfSubjectReview" => REVIEW,
        _ => {
            let found = format!("{MEDIA_TYPE} with a {kind}");
            return Err(Refusal::unsupported_media_type(&found, "application/json"));
        }
    };
    let raw = envelope["raw"].as_str().unwrap_or_default();
    let raw = STANDARD.decode(raw).expect("we just encoded it");
    let mut object = message(&raw, fields)?;
    object["kind"] = kind.into();
    object["apiVersion"] = envelope["type"]["apiVersion"].clone();
    Ok(object)
}

fn message(mut bytes: &[u8], fields: Fields) -> Result<Value, Refusal> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let number = tag >> 3;
        let wire = match tag & 7 {
            0 => Wire::Number(varint(&mut bytes)?),
            2 => Wire::Bytes(delimited(&mut bytes)?),
            other => return Err(broken(&format!("wire type {other} is not expected"))),
        };
        let (_, name, form) = fields
            .iter()
            .find(|(known, _, _)| *known == number)
            .ok_or_else(|| broken(&format!("field {number} is not known here")))?;
        set(&mut object, name, *form, wire)?;
    }
    Ok(Value::Object(object))
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Sets a field. Empty texts are left out: Go writes them for fields that are not set.
fn set(
    object: &mut Map<String, Value>,
    name: &str,
    form: Form,
    wire: Wire<'_>,
) -> Result<(), Refusal> {
    match (form, wire) {
        (Ignored, _) => {}
        (Integer, Wire::Number(number)) => {
            object.insert(name.into(), number.cast_signed().into());
        }
        (Flag, Wire::Number(number)) => {
            object.insert(name.into(), (number != 0).into());
        }
        (Text, Wire::Bytes(bytes)) => {
            let text = text(bytes)?;
            if !text.is_empty() {
                object.insert(name.into(), text.into());
            }
        }
        (Bytes, Wire::Bytes(bytes)) => {
            object.insert(name.into(), STANDARD.encode(bytes).into());
        }
        (Message(fields), Wire::Bytes(bytes)) => {
            object.insert(name.into(), message(bytes, fields)?);
        }
        (Texts, Wire::Bytes(bytes)) => push(object, name, text(bytes)?.into()),
        (Messages(fields), Wire::Bytes(bytes)) => push(object, name, message(bytes, fields)?),
        (Entries(fields), Wire::Bytes(bytes)) => {
            let mut entry = message(bytes, fields)?;
            let key = entry["key"].as_str().unwrap_or_default().to_owned();
            let value = match entry["value"].take() {
                Value::Null => "".into(),
                value => value,
            };
            object.entry(name).or_insert_with(|| json!({}))[key] = value;
        }
        _ => return Err(broken(&format!("field {name} has the wrong form"))),
    }
    Ok(())
}

fn push(object: &mut Map<String, Value>, name: &str, value: Value) {
    if let Value::Array(list) = object.entry(name).or_insert_with(|| json!([])) {
        list.push(value);
    }
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| broken(&error.to_string()))
}

fn delimited<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Refusal> {
    let length = varint(bytes)?;
    let (inside, rest) = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.split_at_checked(length))
        .ok_or_else(|| broken("it ends too early"))?;
    *bytes = rest;
    Ok(inside)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Refusal> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes
            .split_first()
            .ok_or_else(|| broken("it ends too early"))?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(broken("a number is too long"))
}

fn broken(why: &str) -> Refusal {
    Refusal::bad_request(format!("cannot read the protobuf body: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[number << 3 | 2, length], content].concat()
    }

    fn object(kind: &str, raw: &[u8]) -> Vec<u8> {
        let kind = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [MAGIC, &field(1, &kind), &field(2, raw)].concat()
    }

    #[test]
    fn a_secret_is_read() {
        let entry = [field(1, b"user"), field(2, b"rok")].concat();
        let metadata = [field(1, b"login"), field(2, b"")].concat();
        let raw = [field(1, &metadata), field(2, &entry)].concat();
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": "login" },
            "data": { "user": "cm9r" },
        });
        assert_eq!(parse(&object("Secret", &raw)), Ok(expected));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let whole = object("Secret", &field(1, &field(1, b"login")));
        parse(&whole).unwrap();
        for broken in [
            &whole[..whole.len() - 1],
            &whole[4..],
            &object("Secret", &field(9, b"")),
            &object("Pod", b""),
            &[MAGIC, &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
        ] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
    }
}
