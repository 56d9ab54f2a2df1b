//! The account's own keys: a signature over the request's lines, as Azure has it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::super::state::StorageAccount;
use super::Call;

/// The headers whose values are signed, in their order.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Whether `account:signature` was made with one of the account's keys.
pub(super) fn is_good(account: &StorageAccount, call: &Call<'_>, given: &str) -> bool {
    let Some((name, signature)) = given.trim().split_once(':') else {
        return false;
    };
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let signed = string_to_sign(call, &account.name);
    let is_of = |key: &String| {
        let key = STANDARD.decode(key).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
    };
    name.eq_ignore_ascii_case(&account.name) && account.keys.iter().any(is_of)
}

fn string_to_sign(call: &Call<'_>, account: &str) -> String {
    let headers = &call.head.headers;
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let mut text = format!("{}\n", call.head.method);
    for name in SIGNED {
        let value = match (name, header(name)) {
            ("content-length", "0") => "",
            ("date", _) if headers.contains_key("x-ms-date") => "",
            (_, value) => value,
        };
        text.push_str(value);
        text.push('\n');
    }
    let own: BTreeMap<&str, &str> = headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-ms-"))
        .map(|name| (name, header(name).trim()))
        .collect();
    for (name, value) in own {
        text.extend([name, ":", value, "\n"]);
    }
    text.extend(["/", account, call.head.uri.path()]);
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let query = call.head.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let values = parameters.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.into_owned());
    }
    for (name, mut values) in parameters {
        values.sort();
        text.extend(["\n", &name, ":", &values.join(",")]);
    }
    text
}
