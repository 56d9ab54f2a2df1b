//! Takes secrets out of what goes into a recording.
//!
//! What a rerun does not read is gone for good. What it compares keeps being comparable: values of a
//! Secret become a hash under a key that nobody keeps, so that equal values stay equal. Redacting
//! twice is redacting once, so that what a rerun sends can be compared with what was recorded.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use serde::Deserialize as _;
use serde_json::Value;

use super::format::hex;
use crate::clients::git;
use crate::clients::sops::is_encrypted;

/// What stands in the place of a secret that nobody compares.
const GONE: &str = "redacted";

/// What stands before the hash of one that may be compared.
const HASHED: &str = "redacted-";

/// Names whose text is a secret, in small letters and without dashes.
const SECRET: [&str; 17] = [
    "token",
    "idtoken",
    "accesstoken",
    "refreshtoken",
    "sessiontoken",
    "securitytoken",
    "webidentitytoken",
    "secretaccesskey",
    "secretkey",
    "clientsecret",
    "clientassertion",
    "clientkeydata",
    "privatekey",
    "password",
    "authorization",
    "s3proxyidentity",
    "s3proxycredential",
];

/// Ends of names with dots whose text is a secret: settings of Rok's daemons.
pub const DOTTED: [&str; 2] = [".access_key_id", ".secret_access_key"];

/// How private keys of age begin.
const AGE_KEY: &str = "AGE-SECRET-KEY-";

/// Elements of an XML answer whose text is a secret.
const ELEMENTS: [&str; 3] = ["SecretAccessKey", "SessionToken", "WebIdentityToken"];

/// Takes secrets out, each time the same way.
pub struct Redactor {
    key: hmac::Key,
}

impl Redactor {
    /// Returns one with a key of its own, which is gone when it is dropped.
    ///
    /// # Errors
    ///
    /// When the machine has no random numbers.
    pub fn new() -> std::io::Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            key: key.map_err(|_| std::io::Error::other("the machine gives no random numbers"))?,
        })
    }

    /// Redacts what a request sends or a program reads: a line that says what, and a body.
    pub fn input(&self, input: &[u8]) -> Vec<u8> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (line, body) = input.split_at(end.map_or(0, |end| end + 1));
        let mut redacted = text(&String::from_utf8_lossy(line)).into_bytes();
        redacted.extend(self.body(body));
        redacted
    }

    /// Redacts an answer's body, or what a program wrote.
    pub fn body(&self, body: &[u8]) -> Vec<u8> {
        let Ok(found) = std::str::from_utf8(body) else {
            return body.to_vec();
        };
        self.document(found).into_bytes()
    }

    fn document(&self, found: &str) -> String {
        if found.trim_start().starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(found)
        {
            self.value(&mut value, "");
            return value.to_string();
        }
        // Documents of YAML, as kustomize writes them. Those without a secret stay as they are.
        if (found.contains("kind: Secret") || found.contains(DOTTED[1]))
            && let Ok(documents) = serde_yaml::Deserializer::from_str(found)
                .map(Value::deserialize)
                .collect::<Result<Vec<_>, _>>()
        {
            let mut redacted = documents.clone();
            for value in &mut redacted {
                self.value(value, "");
            }
            if redacted != documents || found.contains("kind: Secret") {
                let redacted: Vec<_> = redacted.iter().map(Value::to_string).collect();
                return redacted.join("\n---\n");
            }
        }
        text(found)
    }

    fn value(&self, value: &mut Value, name: &str) {
        self.value_in(value, name, false);
    }

    /// Redacts a value; the items of a list of Secrets do not say what they are.
    fn value_in(&self, value: &mut Value, name: &str, is_listed_secret: bool) {
        match value {
            Value::Object(fields) => {
                let kind = fields.get("kind").and_then(Value::as_str).unwrap_or("");
                let is_secret = is_listed_secret || kind == "Secret";
                let lists_secrets = kind == "SecretList";
                for (name, value) in fields.iter_mut() {
                    match name.as_str() {
                        "data" | "stringData" if is_secret => self.secret(value, name == "data"),
                        "kubeconfigs" => self.kubeconfigs(value),
                        _ => self.value_in(value, name, lists_secrets && name == "items"),
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.value_in(item, name, is_listed_secret);
                }
            }
            Value::String(found) => {
                let is_readable = found.is_empty() || is_encrypted(found);
                let redacted = if is_secret_name(name) && !is_readable {
                    let told = text(found);
                    // Of a token's three parts the last one is the secret, and the others are read.
                    if told == *found && !is_redacted_token(found) {
                        self.hashed(found.as_bytes())
                    } else {
                        told
                    }
                } else {
                    self.document(found)
                };
                *found = redacted;
            }
            _ => {}
        }
    }

    /// Redacts the values of a Secret, which are in base64 or plain.
    fn secret(&self, values: &mut Value, is_encoded: bool) {
        for (_, value) in values.as_object_mut().into_iter().flatten() {
            let Some(found) = value.as_str() else {
                continue;
            };
            // Kustomize breaks long values.
            let joined: String = found.split_whitespace().collect();
            let plain = match BASE64_STANDARD.decode(joined) {
                Ok(plain) if is_encoded => plain,
                _ => found.into(),
            };
            let hashed = self.hashed(&plain);
            *value = if is_encoded {
                BASE64_STANDARD.encode(hashed).into()
            } else {
                hashed.into()
            };
        }
    }

    /// Redacts what AKS gives to reach a cluster: files in base64, of which the server is read.
    fn kubeconfigs(&self, listed: &mut Value) {
        for item in listed.as_array_mut().into_iter().flatten() {
            let value = &mut item["value"];
            let file = value
                .as_str()
                .and_then(|found| BASE64_STANDARD.decode(found).ok());
            if let Some(file) = file {
                *value = BASE64_STANDARD.encode(self.body(&file)).into();
            }
        }
    }

    fn hashed(&self, secret: &[u8]) -> String {
        if secret.starts_with(HASHED.as_bytes()) {
            return String::from_utf8_lossy(secret).into_owned();
        }
        let tag = hmac::sign(&self.key, secret);
        format!("{HASHED}{}", hex(&tag.as_ref()[..12]))
    }
}

/// Returns a file of YAML without the values of settings that are secrets, to be shown.
pub fn without_settings(found: &str) -> String {
    let shown = |line: &str| match line.split_once(':') {
        Some((name, value)) if is_dotted_secret(name.trim()) && !value.trim().is_empty() => {
            let end = if line.ends_with('\n') { "\n" } else { "" };
            format!("{name}: ***{end}")
        }
        _ => line.to_owned(),
    };
    found.split_inclusive('\n').map(shown).collect()
}

/// Redacts a text of no known form: addresses, tokens, keys, and what is assigned to a secret name.
pub fn text(found: &str) -> String {
    let mut clean = git::redact(found);
    clean = tokens(&clean);
    for element in ELEMENTS {
        clean = between(&clean, &format!("<{element}>"), &format!("</{element}>"));
    }
    if clean.contains("PRIVATE KEY-----") {
        clean = between(&clean, "PRIVATE KEY-----", "-----END");
    }
    if clean.contains(AGE_KEY) {
        clean = age_keys(&clean);
    }
    assignments(&clean)
}

/// Returns a name as [`SECRET`] writes it.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn is_secret_name(name: &str) -> bool {
    SECRET.contains(&plain(name).as_str()) || is_dotted_secret(name)
}

/// Whether a setting of Rok's daemons is a secret, by its name.
pub fn is_dotted_secret(name: &str) -> bool {
    DOTTED.iter().any(|end| name.ends_with(end))
}

fn is_redacted_token(found: &str) -> bool {
    found.starts_with("eyJ") && found.ends_with(&format!(".{GONE}"))
}

/// Replaces the signature of every JSON web token.
fn tokens(found: &str) -> String {
    let mut clean = String::with_capacity(found.len());
    let mut rest = found;
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_=".contains(letter);
    while let Some(start) = rest.find("eyJ") {
        let (before, token) = rest.split_at(start);
        clean.push_str(before);
        let end = token
            .find(|letter: char| !is_part(letter) && letter != '.')
            .unwrap_or(token.len());
        let parts: Vec<&str> = token[..end].splitn(3, '.').collect();
        match parts[..] {
            [header, payload, signature] if !payload.is_empty() && !signature.is_empty() => {
                clean.extend([header, ".", payload, ".", GONE]);
            }
            _ => clean.push_str(&token[..end]),
        }
        rest = &token[end..];
    }
    clean.push_str(rest);
    clean
}

/// Replaces every private key of age.
fn age_keys(found: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(found.len()), found);
    while let Some(start) = rest.find(AGE_KEY) {
        let (before, key) = rest.split_at(start + AGE_KEY.len());
        clean.push_str(before);
        clean.push_str(GONE);
        rest =
            key.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
    }
    clean.push_str(rest);
    clean
}

/// Replaces what stands between two marks, each time.
fn between(found: &str, open: &str, close: &str) -> String {
    let mut clean = String::with_capacity(found.len());
    let mut rest = found;
    while let Some(start) = rest.find(open) {
        let (before, after) = rest.split_at(start + open.len());
        clean.push_str(before);
        clean.push_str(GONE);
        rest = after.find(close).map_or("", |end| &after[end..]);
    }
    clean.push_str(rest);
    clean
}

/// Replaces what is assigned to a secret name: `PASSWORD=…`, `aws_secret_access_key = …`,
/// `"token": "…"`.
fn assignments(found: &str) -> String {
    let mut clean = String::with_capacity(found.len());
    let mut rest = found;
    while let Some(place) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(place + 1);
        clean.push_str(before);
        rest = after;
        let name = before[..place].trim_end_matches(['"', '\'', ' ']);
        let start = name
            .rfind(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter))
            .map_or(0, |start| start + 1);
        let is_setting =
            name[..start].ends_with('.') && is_dotted_secret(&format!(".{}", &name[start..]));
        if !is_setting && !is_assigned_secret(&name[start..]) {
            continue;
        }
        let value = after.trim_start_matches(['"', '\'', ' ']);
        let opening = after.len() - value.len();
        let value = value.strip_prefix("Bearer ").unwrap_or(value);
        let end = value
            .find(|letter: char| letter.is_whitespace() || "\"'&,;".contains(letter))
            .unwrap_or(value.len());
        if end == 0 || is_redacted_token(&value[..end]) || is_encrypted(value) {
            continue;
        }
        clean.push_str(&after[..opening]);
        clean.push_str(GONE);
        rest = &value[end..];
    }
    clean.push_str(rest);
    clean
}

/// A name with a prefix counts too: `AWS_SECRET_ACCESS_KEY`, `S3_PASSWORD`.
fn is_assigned_secret(name: &str) -> bool {
    let plain = plain(name);
    SECRET
        .iter()
        .any(|secret| plain == *secret || (*secret != "token" && plain.ends_with(secret)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJyb2sifQ.canary-signature";

    fn redacted(body: &str) -> String {
        let redactor = Redactor::new().unwrap();
        let once = redactor.body(body.as_bytes());
        // Another process has another key, and must come to the same.
        let twice = Redactor::new().unwrap().body(&once);
        assert_eq!(
            String::from_utf8_lossy(&twice),
            String::from_utf8_lossy(&once)
        );
        String::from_utf8(once).unwrap()
    }

    #[test]
    fn no_form_of_a_secret_stays() {
        let secret = json!({"kind": "Secret", "data": {"password": BASE64_STANDARD.encode("canary")},
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
                "{\"kind\":\"Secret\",\"stringData\":{\"x\":\"canary\"}}"}}});
        let list = json!({"kind": "SecretList", "items": [{"data": {"x": "Y2FuYXJ5"}}]});
        for body in [
            secret.to_string(),
            list.to_string(),
            json!({"items": [secret, {"kind": "List", "items": [list]}]}).to_string(),
            "kind: ConfigMap\n---\napiVersion: v1\nkind: Secret\nstringData:\n  x: canary\n".into(),
            json!({"status": {"token": TOKEN}}).to_string(),
            json!({"status": {"token": "canary"}, "users": [{"client-key-data": "Y2FuYXJ5"}]}).to_string(),
            json!({"stdout": "{\"SecretAccessKey\": \"canary\"}", "stderr": "password=canary"}).to_string(),
            "<Credentials><SecretAccessKey>canary</SecretAccessKey><SessionToken>canary</SessionToken>".into(),
            format!("Action=AssumeRoleWithWebIdentity&WebIdentityToken={TOKEN}&Version=1"),
            "WebIdentityToken=canary&Version=1".into(),
            format!("client_id=c&client_assertion={TOKEN}&client_secret=canary"),
            "grant_type=client_credentials&client_assertion=canary".into(),
            json!({"access_token": "canary", "token_type": "Bearer"}).to_string(),
            "fatal: https://ops:canary@git.example/x and Authorization: Bearer canary".into(),
            "-----BEGIN EC PRIVATE KEY-----\ncanary\n-----END EC PRIVATE KEY-----".into(),
            "kind: RokCluster\nspec:\n  configVars:\n    daemons.s3d.aws.access_key_id: canary\n    daemons.s3d.secret_access_key: \"canary\"\n".into(),
            json!({"spec": {"configVars": {"daemons.s3d.access_key_id": "canary", "daemons.s3d.aws.secret_access_key": "canary"}}}).to_string(),
            "S3PROXY_IDENTITY=canary\nS3PROXY_CREDENTIAL=canary\n# key: AGE-SECRET-KEY-1CANARYcanary".into(),
            "export AWS_SECRET_ACCESS_KEY=\"canary\"\nS3_PASSWORD: canary".into(),
        ] {
            let redacted = redacted(&body);
            assert!(!redacted.contains("canary"), "{redacted}");
            assert!(!redacted.contains("Y2FuYXJ5"), "{redacted}");
        }
    }

    #[test]
    fn of_a_kubeconfig_the_server_stays() {
        let file = "clusters:\n- cluster:\n    server: https://c.hcp:443\nusers:\n- user:\n    \
                    client-key-data: Y2FuYXJ5\n    token: canary\n";
        let body = json!({"kubeconfigs": [{"value": BASE64_STANDARD.encode(file)}]});
        let redacted: Value = serde_json::from_str(&redacted(&body.to_string())).unwrap();
        let file = redacted["kubeconfigs"][0]["value"].as_str().unwrap();
        let file = String::from_utf8(BASE64_STANDARD.decode(file).unwrap()).unwrap();
        assert!(file.contains("server: https://c.hcp:443"), "{file}");
        assert!(
            !file.contains("canary") && !file.contains("Y2FuYXJ5"),
            "{file}"
        );
    }

    #[test]
    fn a_token_keeps_what_is_read_of_it() {
        let redacted = redacted(&json!({"token": TOKEN}).to_string());
        assert!(redacted.contains("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJyb2sifQ.redacted"));
    }

    #[test]
    fn equal_values_of_secrets_stay_equal_and_others_differ() {
        let redactor = Redactor::new().unwrap();
        let of = |secret: Value| -> Value {
            serde_json::from_slice(&redactor.body(secret.to_string().as_bytes())).unwrap()
        };
        let data = of(json!({"kind": "Secret", "data": {"a": "YQ==", "b": "Yg=="}}));
        let text = of(json!({"kind": "Secret", "stringData": {"a": "a"}}));
        assert_ne!(data["data"]["a"], data["data"]["b"]);
        let decoded = BASE64_STANDARD.decode(data["data"]["a"].as_str().unwrap());
        assert_eq!(
            decoded.unwrap(),
            text["stringData"]["a"].as_str().unwrap().as_bytes()
        );
    }

    #[test]
    fn settings_that_are_secrets_are_not_shown() {
        let text = "vars:\n  a.secret_access_key: \"canary\" # x\n  a.prefix: p\n  a.access_key_id: canary";
        let shown = "vars:\n  a.secret_access_key: ***\n  a.prefix: p\n  a.access_key_id: ***";
        assert_eq!(without_settings(text), shown);
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for body in [
            "kind: ConfigMap\ndata:\n  key: value\n",
            "<GetRoleResponse><RoleName>rok</RoleName></GetRoleResponse>",
            "arn:aws:iam::123451234512:role/rok?x=1&token_type=a b: c",
            "https://git.example/ops.git",
            "a.secret_access_key: \"ENC[AES256_GCM,data:abc=,iv:b,tag:c,type:str]\"\nS3PROXY_IDENTITY=ENC[AES256_GCM,data:x]",
        ] {
            assert_eq!(redacted(body), body);
        }
        let policy = json!({"Statement": [{"Action": "s3:*", "Condition": {"x:sub": "y"}}]});
        assert_eq!(redacted(&policy.to_string()), policy.to_string());
    }
}
