//! What a webhook has to give a Pod, compared with what the Pod has.

use serde_json::Value;

use super::probe::Probe;
use super::workload::shown;
use crate::steps::atlas::Webhook;

/// What a webhook has to give.
pub(super) struct Injection {
    /// Who gives it.
    pub(super) webhook: &'static Webhook,
    /// The variables of every container; the first names the identity.
    pub(super) variables: Vec<(&'static str, String)>,
    /// The volume with the token.
    pub(super) volume: &'static str,
    /// Whom the token is for.
    pub(super) audience: String,
    /// How long it lives.
    pub(super) seconds: i64,
    /// Its file in the volume.
    pub(super) path: &'static str,
}

impl Injection {
    /// Returns what is missing or wrong: found beside expected.
    pub(super) fn faults(&self, probe: &Probe) -> Vec<String> {
        let volume = self.volume;
        if self.webhook.is_absent(&probe.object) {
            let (name, expected) = &self.variables[0];
            return vec![
                format!("{name}: found nothing, expected {expected}"),
                format!("volume {volume}: found nothing"),
            ];
        }
        let mut wrong = Vec::new();
        let mut compare = |what: &str, found: &Value, expected: Value| {
            if *found != expected {
                wrong.push(format!(
                    "{what}: found {}, expected {}",
                    shown(found),
                    shown(&expected)
                ));
            }
        };
        let nothing = Value::Null;
        for container in probe.own_containers() {
            let of = |list: &str, key: &str, name: &str| {
                let items = container[list].as_array().into_iter().flatten();
                items
                    .into_iter()
                    .find(|item| item[key] == name)
                    .unwrap_or(&nothing)
            };
            for (name, expected) in &self.variables {
                let found = &of("env", "name", name)["value"];
                compare(name, found, expected.as_str().into());
            }
            let mount = of("volumeMounts", "name", volume);
            compare(
                &format!("mount of {volume}, read-only"),
                &mount["readOnly"],
                true.into(),
            );
        }
        let volumes = probe.object["spec"]["volumes"]
            .as_array()
            .into_iter()
            .flatten();
        let found = volumes.into_iter().find(|found| found["name"] == volume);
        let sources = found.and_then(|volume| volume["projected"]["sources"].as_array());
        let token = sources
            .into_iter()
            .flatten()
            .find_map(|source| source.get("serviceAccountToken"))
            .unwrap_or(&nothing);
        for (field, expected) in [
            ("audience", Value::from(self.audience.as_str())),
            ("expirationSeconds", self.seconds.into()),
            ("path", self.path.into()),
        ] {
            compare(&format!("{field} of {volume}"), &token[field], expected);
        }
        wrong
    }
}
