//! What the Azure half of a practice world means, without what Azure gives to whatever is made: times,
//! ids, and the names that follow from them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a subscription and its AKS cluster mean.
pub fn meaning(azure: &Value, aks: &Value) -> Value {
    let mut who: BTreeMap<String, String> = BTreeMap::new();
    for (_, identity) in fields(&azure["identities"]) {
        let name = text(&identity["name"]);
        who.insert(text(&identity["client_id"]), format!("<client of {name}>"));
        who.insert(
            text(&identity["principal_id"]),
            format!("<principal of {name}>"),
        );
    }
    // Who was there before anybody ran has other ids in every world, too.
    for (_, application) in fields(&azure["applications"]) {
        let name = text(&application["name"]);
        who.insert(
            text(&application["object_id"]),
            format!("<object of {name}>"),
        );
    }
    for (_, cluster) in fields(&azure["clusters"]) {
        let name = text(&cluster["name"]);
        let principal = text(&cluster["identity"]["principalId"]);
        who.insert(principal, format!("<control plane of {name}>"));
    }
    let identities: BTreeMap<_, _> = fields(&azure["identities"])
        .map(|(id, identity)| {
            let credentials: BTreeMap<_, _> = fields(&identity["credentials"])
                .map(|(name, credential)| (name, &credential["trust"]["current"]))
                .collect();
            (
                id,
                json!([identity["location"], tags(identity), credentials]),
            )
        })
        .collect();
    let mut assignments: Vec<_> = fields(&azure["assignments"])
        .map(|(_, one)| {
            let scope = text(&one["scope"]).to_ascii_lowercase();
            let principal = text(&one["principal"]);
            let principal = who.get(&principal).cloned().unwrap_or(principal);
            format!("{scope} {principal} {}", text(&one["role"]))
        })
        .collect();
    assignments.sort();
    let clusters: BTreeMap<_, _> = fields(&azure["clusters"])
        .map(|(id, cluster)| {
            let properties = &cluster["properties"];
            let parts = ["oidcIssuerProfile", "securityProfile", "podIdentityProfile"];
            let parts = parts.map(|part| properties[part].clone());
            (id, json!(parts))
        })
        .collect();
    let accounts: BTreeMap<_, _> = fields(&azure["accounts"])
        .map(|(name, account)| {
            let containers: Vec<_> = fields(&account["containers"])
                .map(|(name, _)| name)
                .collect();
            let told = json!([account["kind"], account["properties"], tags(account)]);
            (name, json!([told, containers]))
        })
        .collect();
    let objects: BTreeMap<_, _> = fields(&aks["objects"])
        // A Lease whose removal was refused to the last expires within half a minute.
        .filter(|(key, _)| !key.starts_with("events/") && !key.starts_with("leases."))
        .map(|(key, object)| {
            let metadata = &object["metadata"];
            let meant = json!([metadata["labels"], metadata["annotations"], object["spec"]]);
            (key, meant)
        })
        .collect();
    let meaning = json!({
        "identities": identities,
        "assignments": assignments,
        "clusters": clusters,
        "accounts": accounts,
        "objects": objects,
    });
    let mut told = meaning.to_string();
    let issuer = text(&aks["issuer"]);
    for (from, to) in who.iter().chain([(&issuer, &"<issuer>".to_owned())]) {
        if !from.is_empty() {
            told = told.replace(from.as_str(), to);
        }
    }
    serde_json::from_str(&told).expect("it still is JSON")
}

fn tags(object: &Value) -> Value {
    let mut tags = object["tags"].clone();
    if let Some(tags) = tags.as_object_mut() {
        tags.remove("rok-deploy-run");
    }
    tags
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
