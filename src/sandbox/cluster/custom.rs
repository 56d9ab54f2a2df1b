//! Custom resources: the kinds that definitions add, and what a definition must be like.

use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::groups::CUSTOM_RESOURCE_DEFINITIONS;
use super::kinds::{CORE, KINDS, Kind, typed};
use super::refusal::{FieldProblem, Refusal};
use super::schema::Schema;
use super::state::{ClusterState, key, prefix};

/// Groups of this form belong to Kubernetes, and so does the leave to define something there.
const PROTECTED: [&str; 2] = ["k8s.io", "kubernetes.io"];
const APPROVAL: &str = "api-approved.kubernetes.io";

/// Kinds are referred to for as long as the process lives. Those of definitions are few and come
/// back with every request, so each one is made once and stays.
static MADE: Mutex<Vec<&'static Kind>> = Mutex::new(Vec::new());

impl ClusterState {
    /// The custom kind behind a path.
    pub(super) fn custom_kind(
        &self,
        group: &str,
        version: &str,
        resource: &str,
    ) -> Option<&'static Kind> {
        let definition = self.definition(&format!("{resource}.{group}"))?;
        kinds_of(definition)
            .into_iter()
            .find(|kind| kind.version == version)
    }

    /// Every kind that is served now.
    pub(super) fn kinds(&self) -> Vec<&'static Kind> {
        let prefix = prefix(&CUSTOM_RESOURCE_DEFINITIONS, None);
        let definitions = self.objects.range(&prefix);
        let custom = definitions.flat_map(|(_, definition)| kinds_of(definition));
        let mut all: Vec<_> = KINDS.iter().chain(custom).collect();
        // A group's kinds stand together, the older groups first.
        all.sort_by_key(|kind| (kind.custom, if kind.custom { kind.group } else { "" }));
        all
    }

    /// How objects of a kind are merged.
    pub(super) fn schema(&self, kind: &Kind) -> Schema<'_> {
        if !kind.custom {
            return Schema::BUILT_IN;
        }
        Schema::Resource(self.custom_schema(kind).unwrap_or(&Value::Null))
    }

    /// The OpenAPI schema of a custom kind.
    pub(super) fn custom_schema(&self, kind: &Kind) -> Option<&Value> {
        let definition = self.definition(&kind.qualified())?;
        let version = versions(definition).find(|version| version["name"] == kind.version)?;
        version["schema"].get("openAPIV3Schema")
    }

    /// The columns of a table of a custom kind.
    pub(super) fn custom_columns(&self, kind: &Kind) -> Option<&Vec<Value>> {
        let definition = self.definition(&kind.qualified())?;
        let version = versions(definition).find(|version| version["name"] == kind.version)?;
        version["additionalPrinterColumns"].as_array()
    }

    fn definition(&self, name: &str) -> Option<&Value> {
        self.objects
            .get(&key(&CUSTOM_RESOURCE_DEFINITIONS, "", name))
    }
}

/// The kinds that a definition adds, once it is established: one per version that is served.
fn kinds_of(definition: &Value) -> Vec<&'static Kind> {
    let conditions = definition["status"]["conditions"].as_array();
    let is_established = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
    if !is_established {
        return Vec::new();
    }
    let is_storage = |version: &&Value| version["storage"] == true;
    let storage = versions(definition)
        .find(is_storage)
        .map(|version| made(definition, version, None));
    versions(definition)
        .filter(|version| version["served"] == true)
        .map(|version| {
            made(
                definition,
                version,
                storage.filter(|_| !is_storage(&version)),
            )
        })
        .collect()
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
}

/// The kind of one version of a definition.
fn made(definition: &Value, version: &Value, kept_as: Option<&'static Kind>) -> &'static Kind {
    fn text(value: &Value) -> &str {
        value.as_str().unwrap_or_default()
    }
    let names = &definition["spec"]["names"];
    let short_names: Vec<&str> = names["shortNames"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let namespaced = definition["spec"]["scope"] == "Namespaced";
    let status = version["subresources"].get("status").is_some();
    let is_same = |kind: &&&'static Kind| {
        kind.group == text(&definition["spec"]["group"])
            && kind.version == text(&version["name"])
            && kind.resource == text(&names["plural"])
            && kind.singular == text(&names["singular"])
            && kind.name == text(&names["kind"])
            && kind.short_names == short_names
            && kind.namespaced == namespaced
            && kind.status == status
            && kind.kept_as == kept_as
    };
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kind) = made.iter().find(is_same) {
        return kind;
    }
    let lasting = |text: &str| -> &'static str { text.to_owned().leak() };
    let short_names: Vec<&'static str> = short_names.into_iter().map(lasting).collect();
    let kind = Box::leak(Box::new(Kind {
        group: lasting(text(&definition["spec"]["group"])),
        version: lasting(text(&version["name"])),
        resource: lasting(text(&names["plural"])),
        singular: lasting(text(&names["singular"])),
        name: lasting(text(&names["kind"])),
        short_names: short_names.leak(),
        namespaced,
        versioned_update: true,
        status,
        generation: true,
        custom: true,
        kept_as,
        typed: with_typed_metadata,
        ..CORE
    }));
    made.push(kind);
    kind
}

/// A custom resource is kept as it comes; only its metadata are everyone's.
fn with_typed_metadata(mut object: Value) -> Result<Value, serde_json::Error> {
    let metadata = object["metadata"].take();
    if !metadata.is_null() {
        object["metadata"] = typed::<ObjectMeta>(metadata)?;
    }
    Ok(object)
}

/// Sets what a definition leaves open.
pub(super) fn complete(definition: &mut Value) {
    let spec = &mut definition["spec"];
    let kind = spec["names"]["kind"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let usual = [
        ("listKind", format!("{kind}List")),
        ("singular", kind.to_lowercase()),
    ];
    for (name, usual) in usual {
        if spec["names"][name].as_str().unwrap_or_default().is_empty() {
            spec["names"][name] = usual.into();
        }
    }
    if spec["conversion"].is_null() {
        spec["conversion"] = serde_json::json!({ "strategy": "None" });
    }
}

/// Refuses definitions that no server would take.
pub(super) fn check(definition: &Value) -> Result<(), Refusal> {
    let kind = &CUSTOM_RESOURCE_DEFINITIONS;
    let name = definition["metadata"]["name"].as_str().unwrap_or_default();
    let group = definition["spec"]["group"].as_str().unwrap_or_default();
    let plural = definition["spec"]["names"]["plural"]
        .as_str()
        .unwrap_or_default();
    let invalid = |field: &str, problem: FieldProblem| {
        Err(Refusal::invalid(
            &kind.qualified_kind(),
            name,
            field,
            &problem,
        ))
    };
    if name != format!("{plural}.{group}") {
        let why = "must be spec.names.plural+\".\"+spec.group";
        return invalid(
            "metadata.name",
            FieldProblem::Invalid(format!("{name:?}"), why),
        );
    }
    let is_protected = PROTECTED.iter().any(|domain| {
        group
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    let approval = &definition["metadata"]["annotations"][APPROVAL];
    if is_protected && approval.as_str().unwrap_or_default().is_empty() {
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111";
        let field = format!("metadata.annotations[{APPROVAL}]");
        return invalid(&field, FieldProblem::Required(why));
    }
    let stored = versions(definition).filter(|version| version["storage"] == true);
    if stored.count() != 1 {
        let why = "must have exactly one version marked as storage version";
        let found = definition["spec"]["versions"].to_string();
        return invalid("spec.versions", FieldProblem::Invalid(found, why));
    }
    for (at, version) in versions(definition).enumerate() {
        if version["schema"]["openAPIV3Schema"].is_null() {
            let field = format!("spec.versions[{at}].schema.openAPIV3Schema");
            return invalid(&field, FieldProblem::Required("schemas are required"));
        }
    }
    Ok(())
}
