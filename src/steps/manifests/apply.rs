//! Applies objects of a build on the server's side, as our field manager and never by force.
//!
//! Namespaces and resource definitions go first, in a step of their own: most other objects cannot
//! even be tried before they are there.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::build::{BUILT, Manifests};
use super::standing::{Standing, standing};
use super::target::SERVER;
use super::{object, owner, text, together};
use crate::clients::cluster::{Cluster, ClusterError, ClusterErrorKind, FieldConflict};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb,
};
use crate::steps::cluster::{ClusterAccess, FIELD_MANAGER, refused};

/// Which objects of the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Namespaces and custom resource definitions.
    Definitions,
    /// All others.
    Objects,
}

/// Applies one part of the manifests.
pub struct ApplyManifests {
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The manifests.
    pub manifests: Manifests,
    /// Which of them.
    pub part: Part,
}

/// What a dry run said about one object.
enum Look {
    /// It is as it should be.
    Same,
    /// It is not.
    Differs {
        change: Change,
        /// Who will undo the change.
        keeper: Option<String>,
    },
    /// Fields of other managers are in the way.
    Conflict {
        change: Change,
        reason: String,
        hint: Option<String>,
    },
}

#[async_trait]
impl Step for ApplyManifests {
    fn meta(&self) -> StepMeta {
        let (id, title, after, settle) = match self.part {
            Part::Definitions => (
                "manifests.definitions",
                "Namespaces and resource definitions",
                vec![],
                Settle {
                    reason: "waits until they are served",
                    ..Settle::SHORT
                },
            ),
            Part::Objects => (
                "manifests.objects",
                "Objects of the manifests",
                vec!["manifests.definitions"],
                Settle {
                    limit: Duration::from_mins(2),
                    ..Settle::SHORT
                },
            ),
        };
        StepMeta {
            needs: vec![BUILT.name(), SERVER.name()],
            after,
            settle,
            ..StepMeta::new(id, title, Phase::Apply)
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let looks = self.looks().await?;
        let found = looks.len();
        let (mut changes, mut notices) = (Vec::new(), Vec::new());
        let (mut conflicts, mut reasons, mut hints) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (_, look) in looks {
            match look {
                Look::Same => {}
                Look::Differs { change, keeper } => {
                    notices.extend(keeper.map(|keeper| {
                        let what = format!("{} `{}`", change.target, change.name);
                        format!("{what} is kept by {keeper}, which may undo this: push it to Git instead")
                    }));
                    changes.push(change);
                }
                Look::Conflict {
                    change,
                    reason,
                    hint,
                } => {
                    conflicts.push(change);
                    reasons.push(reason);
                    hints.extend(hint);
                }
            }
        }
        let mut observation = if !conflicts.is_empty() {
            let mut hints: Vec<_> = hints.into_iter().collect();
            hints.push("leave the fields to their managers: take them out of the manifests".into());
            hints.push(format!(
                "or take them over: `kubectl apply --server-side --force-conflicts --field-manager \
                 {FIELD_MANAGER} -k {}`",
                self.manifests.directory().display()
            ));
            Observation::conflict(reasons.join("; "), conflicts, hints)
        } else if !changes.is_empty() {
            Observation::differs(changes)
        } else if found == 0 {
            Observation::satisfied("there are none")
        } else {
            self.served(found).await?
        };
        observation.notices = notices;
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let client = self.access.client().await?;
        let all = self.manifests.objects().await?;
        let differing: Vec<_> = self
            .looks()
            .await?
            .into_iter()
            .filter(|(_, look)| !matches!(look, Look::Same))
            .map(|(object, _)| object)
            .collect();
        for wave in 0..=2 {
            let in_wave = differing.iter().filter(|it| object::wave(it) == wave);
            let applies = in_wave.map(async |object| {
                let applied = client.apply(object, FIELD_MANAGER).await;
                applied.map(|_| ()).map_err(|error| {
                    // What it needs was applied a moment ago: it does not show everywhere yet, or
                    // is a webhook that does not answer yet.
                    let passes = is_coming(all, object, error.kind, &error.message);
                    let error = refused(error);
                    if passes { error.retryable() } else { error }
                })
            });
            together(applies.collect()).await?;
        }
        Ok(())
    }
}

impl ApplyManifests {
    fn takes(&self, object: &Value) -> bool {
        object::is_definition(object) == (self.part == Part::Definitions)
    }

    async fn looks(&self) -> Result<Vec<(&Value, Look)>, StepError> {
        let client = self.access.client().await?;
        let all = self.manifests.objects().await?;
        let ours = all.iter().filter(|object| self.takes(object));
        let looks = ours.map(async |object| {
            let looking = Box::pin(look(client, all, object));
            Ok((object, looking.await?))
        });
        together(looks.collect()).await
    }

    /// All are applied; whether the server serves what they define takes a moment longer.
    async fn served(&self, found: usize) -> Result<Observation, StepError> {
        let note = match found {
            1 => "1 is as in the manifests".to_owned(),
            _ => format!("{found} are as in the manifests"),
        };
        if self.part == Part::Objects {
            return Ok(Observation::satisfied(note));
        }
        let client = self.access.client().await?;
        let all = self.manifests.objects().await?;
        for definition in all.iter().filter(|object| self.takes(object)) {
            let stored = client.read(definition).await.map_err(refused)?;
            let title = object::title(definition);
            match stored.as_ref().map(standing) {
                Some(Standing::Ready) => {}
                Some(Standing::Waiting(reason)) => {
                    return Ok(Observation::pending(format!("{title}: {reason}")));
                }
                Some(Standing::Failed(reason)) => {
                    return Err(StepError::failed(format!("{title}: {reason}")));
                }
                None => return Ok(Observation::pending(format!("{title} is gone"))),
            }
        }
        Ok(Observation::satisfied(note))
    }
}

/// Asks what the server has, and what it would have.
async fn look(client: &Cluster, all: &[Value], object: &Value) -> Result<Look, StepError> {
    let (stored, foreseen) = tokio::join!(
        client.read(object),
        client.apply_dry_run(object, FIELD_MANAGER)
    );
    let change = |verb| Change::new(verb, object::kind(object), object::place(object));
    let update = |stored: &Value, foreseen: &Value| {
        let (before, after) = text::texts(stored, foreseen);
        change(Verb::Update).before(before).after(after)
    };
    match (stored.map_err(refused)?, foreseen) {
        (None, foreseen) => {
            if let Err(error) = foreseen
                && !is_coming(all, object, error.kind, &error.message)
            {
                return Err(missing(object, error));
            }
            // The text is that of the manifests, so that it is the same text before and after what
            // the object needs is there, and is approved once.
            Ok(Look::Differs {
                change: change(Verb::Create).after(text::new_text(object)),
                keeper: None,
            })
        }
        (Some(stored), Ok(foreseen)) => {
            if text::intended(&stored) == text::intended(&foreseen) {
                return Ok(Look::Same);
            }
            Ok(Look::Differs {
                change: update(&stored, &foreseen),
                keeper: owner::keeper(&stored),
            })
        }
        (Some(stored), Err(error)) if !error.conflicts.is_empty() => {
            let forced = client.forced_dry_run(object, FIELD_MANAGER).await;
            let change = match forced {
                Ok(forced) => update(&stored, &forced),
                Err(_) => change(Verb::Update),
            };
            Ok(in_the_way(object, &stored, change, &error.conflicts))
        }
        (Some(_), Err(error)) => Err(refused(error)),
    }
}

/// Puts a conflict in words: whose fields, and where to change them instead.
fn in_the_way(object: &Value, stored: &Value, change: Change, conflicts: &[FieldConflict]) -> Look {
    let title = object::title(object);
    let fields: Vec<_> = conflicts
        .iter()
        .map(|conflict| format!("`{}` of `{}`", conflict.field, conflict.manager))
        .collect();
    let is = if fields.len() == 1 { "is" } else { "are" };
    let tool = || {
        let mut tools = conflicts
            .iter()
            .filter_map(|conflict| owner::tool(&conflict.manager));
        tools.next().map(str::to_owned)
    };
    let keeper = owner::keeper(stored).or_else(tool);
    Look::Conflict {
        change,
        reason: format!("{title}: {} {is} in the way", fields.join(", ")),
        hint: keeper
            .map(|keeper| format!("{title} is kept by {keeper}: push the change to Git instead")),
    }
}

/// Whether an object was refused for want of what this build brings with it.
fn is_coming(all: &[Value], object: &Value, kind: ClusterErrorKind, message: &str) -> bool {
    match kind {
        ClusterErrorKind::NotFound => all.iter().any(|it| match object::kind(it) {
            "Namespace" => object::name(it) == object::namespace(object),
            "CustomResourceDefinition" => {
                object::text(it, "/spec/group") == object::group(object)
                    && object::text(it, "/spec/names/kind") == object::kind(object)
            }
            _ => false,
        }),
        // A Pod is refused, not "not found", when its account is missing.
        ClusterErrorKind::Forbidden => {
            let account = object::text(object, "/spec/serviceAccountName");
            message.contains("looking up service account")
                && all.iter().any(|it| {
                    object::kind(it) == "ServiceAccount"
                        && object::name(it) == account
                        && object::namespace(it) == object::namespace(object)
                })
        }
        _ => false,
    }
}

fn missing(object: &Value, error: ClusterError) -> StepError {
    if error.kind != ClusterErrorKind::NotFound {
        return refused(error);
    }
    let title = object::title(object);
    StepError::failed(format!("{title} cannot be applied: {error}"))
        .hint("neither the cluster nor the build has its namespace, or its kind")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_build_brings_is_not_missing() {
        use ClusterErrorKind::{Forbidden, Invalid, NotFound};
        let all = [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rok"}}),
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "clusters.rok.example"},
                "spec": {"group": "rok.example", "names": {"kind": "Cluster"}}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": "rok", "namespace": "other"}}),
        ];
        let object = |version: &str, kind: &str, namespace: &str| {
            json!({"apiVersion": version, "kind": kind,
                "metadata": {"name": "x", "namespace": namespace},
                "spec": {"serviceAccountName": "rok"}})
        };
        let in_rok = object("v1", "ConfigMap", "rok");
        let elsewhere = object("v1", "ConfigMap", "elsewhere");
        let custom = object("rok.example/v1", "Cluster", "elsewhere");
        let foreign = object("other.example/v1", "Cluster", "elsewhere");
        assert!(is_coming(&all, &in_rok, NotFound, ""));
        assert!(!is_coming(&all, &in_rok, Invalid, ""));
        assert!(!is_coming(&all, &elsewhere, NotFound, ""));
        assert!(is_coming(&all, &custom, NotFound, ""));
        assert!(!is_coming(&all, &foreign, NotFound, ""));

        let refused = "pods \"x\" is forbidden: error looking up service account other/rok: \
                       serviceaccount \"rok\" not found";
        let (pod, other) = (
            object("v1", "Pod", "other"),
            object("v1", "Pod", "elsewhere"),
        );
        assert!(is_coming(&all, &pod, Forbidden, refused));
        assert!(!is_coming(
            &all,
            &pod,
            Forbidden,
            "pods \"x\" is forbidden: no right"
        ));
        assert!(!is_coming(&all, &other, Forbidden, refused));
    }

    #[test]
    fn a_conflict_names_field_and_manager_and_where_to_change_it() {
        let stored = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "rok"}});
        let told = |managers: &[&str]| {
            let conflicts: Vec<_> = managers
                .iter()
                .map(|manager| FieldConflict {
                    manager: (*manager).into(),
                    field: ".spec.replicas".into(),
                })
                .collect();
            let change = Change::new(Verb::Update, "Deployment", "rok/web");
            match in_the_way(&stored, &stored, change, &conflicts) {
                Look::Conflict { reason, hint, .. } => (reason, hint),
                _ => panic!("it is a conflict"),
            }
        };
        let (reason, hint) = told(&["kubectl-client-side-apply"]);
        assert_eq!(
            reason,
            "Deployment `rok/web`: `.spec.replicas` of `kubectl-client-side-apply` is in the way"
        );
        assert_eq!(hint, None);
        let (reason, hint) = told(&["hpa", "kustomize-controller"]);
        assert!(reason.ends_with("`.spec.replicas` of `kustomize-controller` are in the way"));
        assert_eq!(
            hint.unwrap(),
            "Deployment `rok/web` is kept by Flux: push the change to Git instead"
        );
    }
}
