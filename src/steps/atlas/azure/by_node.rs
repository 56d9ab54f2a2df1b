//! Pod identity: judges the links from AKS's own record to the nodes that hold the identity.

use serde_json::Value;

use super::causes::{
    ADD_ON_OFF, BINDING_IDENTITY, BINDING_MISSING, BINDING_SELECTOR, NODE_MISSING,
    NODE_WITHOUT_IDENTITY, OBJECT_CLIENT, OBJECT_MISSING, OBJECT_RESOURCE, OPERATOR_INHERITED,
    OPERATOR_MISSING, POD_EXCEPTION, POD_IDENTITY_FAILED, POD_IDENTITY_MISSING, POD_IDENTITY_OTHER,
    POD_LABEL,
};
use super::evidence::{ByNode, Seeing, pool_of};
use super::permits::{Operator, operates};
use super::pods;
use crate::clients::azure::{AssignedPodIdentity, PodIdentityProfile, ScaleSet, is_same_id};
use crate::engine::Link;
use crate::steps::atlas::bench::{Bench, text};
use crate::steps::atlas::place::Place;

impl Seeing {
    pub(super) fn pod_identity(&self, way: &ByNode, bench: &mut Bench<'_>) {
        let link = Link::PodIdentity;
        let profile = match &self.cluster {
            Err(why) => return bench.unknown(link, why),
            Ok(None) => {
                let cluster = &bench.place.cluster;
                return bench.unknown(link, format!("there is no AKS cluster `{cluster}`"));
            }
            Ok(Some(cluster)) => cluster.pod_identity.as_ref(),
        };
        let Some(profile) = profile.filter(|profile| profile.enabled) else {
            return bench.broken(link, &ADD_ON_OFF, "none");
        };
        let azure = &bench.place.azure;
        let ours = ours(profile, bench.place);
        let is_assigned =
            ours.is_some_and(|ours| ours.state.as_deref().unwrap_or("Assigned") == "Assigned");
        if !is_assigned && Self::operator(way, bench) {
            return;
        }
        match ours {
            None => {
                let others = named(profile.identities.iter().map(place_of));
                bench.broken(link, &POD_IDENTITY_MISSING, others);
            }
            Some(ours) if !is_same_id(&ours.identity.resource_id, &azure.identity_id) => {
                bench.broken(link, &POD_IDENTITY_OTHER, &ours.identity.resource_id);
            }
            Some(_) if is_assigned => Self::exceptions(profile, bench),
            Some(ours) => {
                let state = ours.state.as_deref().unwrap_or("no state");
                let why = ours.error.as_ref().map(|why| format!(": {why}"));
                let found = format!("{state}{}", why.unwrap_or_default());
                if state == "Failed" {
                    bench.broken(link, &POD_IDENTITY_FAILED, found);
                } else {
                    bench.unknown(link, format!("not assigned yet, {found}"));
                }
            }
        }
    }

    /// Whether AKS is still at the Pod identity and has all that it needs for it.
    pub(super) fn is_under_way(&self, way: &ByNode, place: &Place) -> bool {
        let (Ok(Some(cluster)), Ok(roles)) = (&self.cluster, &way.operator) else {
            return false;
        };
        let profile = cluster.pod_identity.as_ref();
        let ours = profile.and_then(|profile| ours(profile, place));
        ours.is_some_and(|ours| ours.state.as_deref() == Some("Updating"))
            && matches!(operates(roles, &place.azure.identity_id), Operator::Direct)
    }

    /// Looks whether the cluster may hand the identity out. Whether that is what is wrong.
    fn operator(way: &ByNode, bench: &mut Bench<'_>) -> bool {
        let link = Link::PodIdentity;
        let Ok(roles) = &way.operator else {
            return false;
        };
        match operates(roles, &bench.place.azure.identity_id) {
            Operator::Direct => return false,
            Operator::Inherited(scope) => bench.broken(link, &OPERATOR_INHERITED, scope),
            Operator::Missing(roles) => bench.broken(link, &OPERATOR_MISSING, roles),
        }
        true
    }

    /// AKS makes exceptions for its own namespaces; one in ours lets Pods past.
    fn exceptions(profile: &PodIdentityProfile, bench: &mut Bench<'_>) {
        let link = Link::PodIdentity;
        let Place {
            namespace, azure, ..
        } = bench.place;
        let here = profile.exceptions.iter();
        let here = here.filter(|exception| exception.namespace == *namespace);
        let here = here.map(|exception| format!("`{}`", exception.name));
        let here: Vec<_> = here.collect();
        if here.is_empty() {
            let note = format!(
                "`{namespace}/{}` is Assigned; no exceptions",
                azure.pod_identity
            );
            bench.proven(link, note);
        } else {
            bench.broken(link, &POD_EXCEPTION, here.join(", "));
        }
    }

    pub(super) fn object(way: &ByNode, bench: &mut Bench<'_>) {
        let link = Link::AzureIdentity;
        let spec = match &way.object {
            Err(why) => return bench.unknown(link, why),
            Ok(None) => return bench.broken(link, &OBJECT_MISSING, "none"),
            Ok(Some(object)) => &object["spec"],
        };
        let (client, resource) = (text(&spec["clientID"]), text(&spec["resourceID"]));
        let azure = &bench.place.azure;
        if !client.eq_ignore_ascii_case(&azure.client_id) {
            bench.broken(link, &OBJECT_CLIENT, client);
        } else if is_same_id(&resource, &azure.identity_id) {
            bench.proven(link, format!("client id {client}, {resource}"));
        } else {
            bench.broken(link, &OBJECT_RESOURCE, resource);
        }
    }

    pub(super) fn binding(&self, way: &ByNode, bench: &mut Bench<'_>) {
        let link = Link::Binding;
        let spec = match &way.binding {
            Err(why) => return bench.unknown(link, why),
            Ok(None) => return bench.broken(link, &BINDING_MISSING, "none"),
            Ok(Some(binding)) => &binding["spec"],
        };
        let expected = &bench.place.azure.pod_identity;
        let is = |value: &Value| value == expected.as_str();
        if !is(&spec["azureIdentity"]) {
            return bench.broken(link, &BINDING_IDENTITY, text(&spec["azureIdentity"]));
        }
        if !is(&spec["selector"]) {
            return bench.broken(link, &BINDING_SELECTOR, text(&spec["selector"]));
        }
        if let Ok(Some(pod)) = &self.pod
            && let Some(label) = pods::wrong_label(expected, pod)
        {
            return bench.broken(link, &POD_LABEL, label);
        }
        let note = format!(
            "selects Pods labelled `{}: {expected}`",
            pods::BINDING_LABEL
        );
        bench.proven(link, note);
    }

    /// The identity has to be on the nodes that the Pod may run on: on those of its own pool, once it
    /// runs somewhere.
    pub(super) fn node(&self, way: &ByNode, bench: &mut Bench<'_>) {
        let link = Link::Node;
        let (scale_sets, pool) = match (&way.scale_sets, &self.pool) {
            (Err(why), _) | (_, Err(why)) => return bench.unknown(link, why),
            (Ok(scale_sets), Ok(pool)) => (scale_sets, pool),
        };
        let pools = scale_sets.iter().filter(|it| pool_of(it).is_some());
        let mut pools: Vec<_> = pools.collect();
        if let Some(pool) = pool {
            let is_ours =
                |it: &&ScaleSet| pool_of(it).is_some_and(|name| name.eq_ignore_ascii_case(pool));
            pools.retain(is_ours);
        }
        if pools.is_empty() {
            let found = match pool {
                Some(pool) => format!("none of pool `{pool}`"),
                None => named(scale_sets.iter().map(|it| it.name.clone())),
            };
            return bench.broken(link, &NODE_MISSING, found);
        }
        let identity = &bench.place.azure.identity_id;
        let holds = |it: &&&ScaleSet| it.identities.iter().any(|id| is_same_id(id, identity));
        let holding = named(pools.iter().filter(holds).map(|it| it.name.clone()));
        if pools.iter().any(|it| holds(&it)) {
            bench.proven(link, format!("{holding} holds the identity"));
        } else {
            let found = named(pools.iter().map(|it| it.name.clone()));
            bench.broken(link, &NODE_WITHOUT_IDENTITY, found);
        }
    }
}

/// Our Pod identity in AKS's own record.
fn ours<'a>(profile: &'a PodIdentityProfile, place: &Place) -> Option<&'a AssignedPodIdentity> {
    let mut all = profile.identities.iter();
    all.find(|it| it.name == place.azure.pod_identity && it.namespace == place.namespace)
}

fn place_of(pod_identity: &AssignedPodIdentity) -> String {
    format!("{}/{}", pod_identity.namespace, pod_identity.name)
}

fn named(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
