//! What somebody else has done to a world before the run that is looked at.

use serde_json::{Value, json};

/// A change to the half of the world with this name.
pub type Others = (&'static str, fn(&mut Value));

/// Nobody has done anything.
pub const NOBODY: Others = ("aws", |_| ());
/// Somebody else has made role and policy of our name, in another way.
pub const MADE: Others = ("aws", made);
/// Somebody else has deployed the stack of our name, from a template that allows less.
pub const STACK_MADE: Others = ("aws", stack_made);
/// Somebody else has made the managed identity of our name, and a credential of our name that lets in
/// their own service account.
pub const AZURE_MADE: Others = ("azure", azure_made);

/// Somebody else has made the AKS cluster without OIDC issuer and workload identity.
pub const AKS_WITHOUT_ISSUER: Others = ("azure", aks_without_issuer);

fn made(aws: &mut Value) {
    let role = "rok-us-west-2-arrikto-cluster";
    let policy = format!("arn:aws:iam::123451234512:policy/{role}");
    aws["roles"][role]["tags"] = json!({ "owner": "others" });
    let trust = &mut aws["roles"][role]["trust"]["current"];
    let theirs = trust.as_str().expect("a document");
    *trust = theirs.replace("rok:rok", "theirs:theirs").into();
    let policy = &mut aws["policies"][&policy];
    policy["tags"] = json!({});
    let document = &mut policy["versions"][0]["document"];
    let theirs = document.as_str().expect("a document");
    *document = theirs.replace("s3:*", "s3:Get*").into();
}

fn stack_made(aws: &mut Value) {
    let role = "rok-us-west-2-arrikto-cluster";
    let policy = format!("arn:aws:iam::123451234512:policy/{role}");
    let rewritten = |value: &Value| -> Value {
        let mut value = value.clone();
        forget_run(&mut value);
        let text = value.to_string().replace("rok-deploy/", "theirs/");
        let text = text.replace("s3:*", "s3:Get*");
        serde_json::from_str(&text).expect("it is JSON as before")
    };
    let stack = &mut aws["stacks"][format!("us-west-2/{role}")];
    *stack = rewritten(stack);
    for part in ["roles", "policies", "providers"] {
        let key = match part {
            "policies" => policy.as_str(),
            _ => role,
        };
        let objects = aws[part].as_object_mut().expect("objects by name");
        for (name, object) in objects {
            if part == "providers" || name == key {
                *object = rewritten(object);
            }
        }
    }
}

fn azure_made(azure: &mut Value) {
    let identities = azure["identities"].as_object_mut().expect("by id");
    for identity in identities.values_mut() {
        identity["tags"] = json!({ "owner": "others" });
        let credentials = identity["credentials"].as_object_mut().expect("by name");
        for credential in credentials.values_mut() {
            let subject = &mut credential["trust"]["current"]["subject"];
            *subject = "system:serviceaccount:theirs:theirs".into();
        }
    }
}

fn aks_without_issuer(azure: &mut Value) {
    let clusters = azure["clusters"].as_object_mut().expect("by id");
    for cluster in clusters.values_mut() {
        cluster["properties"]["oidcIssuerProfile"]["enabled"] = false.into();
        cluster["properties"]["securityProfile"] = json!({});
    }
}

/// Takes away the tag that names our run, in both forms: others have none, and it is another one
/// each time.
fn forget_run(value: &mut Value) {
    const RUN: &str = "rok-deploy/run";
    match value {
        Value::Object(members) => {
            members.remove(RUN);
            members.values_mut().for_each(forget_run);
        }
        Value::Array(items) => {
            items.retain(|item| item["Key"] != RUN);
            items.iter_mut().for_each(forget_run);
        }
        _ => {}
    }
}
