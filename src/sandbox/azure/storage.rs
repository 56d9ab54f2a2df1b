//! Storage accounts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::authorization::is_within;
use super::call::{Answer, Call, moment};
use super::operation::{self, What};
use super::path::{group_of, name_of};
use super::refusal::Refusal;
use super::route::{End, Route};
use super::state::{AzureState, StorageAccount, key};
use crate::sandbox::random;

pub(super) const NAMESPACE: &str = "Microsoft.Storage";
pub(super) const TYPE: &str = "Microsoft.Storage/storageAccounts";
const KIND: &str = "storageAccounts";
const CONTAINERS: &str = "storageAccounts/blobServices/containers";

pub(super) const ROUTES: &[Route] = &[
    Route::get(NAMESPACE, KIND, End::Type, list),
    Route::get(NAMESPACE, KIND, End::Name, get),
    Route::get(NAMESPACE, CONTAINERS, End::Type, containers),
    Route::write("PUT", NAMESPACE, KIND, put),
    Route::write("PATCH", NAMESPACE, KIND, patch),
    Route::write("DELETE", NAMESPACE, KIND, delete),
    Route::post(NAMESPACE, "storageAccounts/listKeys", keys),
    Route::post(NAMESPACE, "checkNameAvailability", check_name).for_anyone(),
];

impl StorageAccount {
    /// An account as Azure makes it when nothing else is said.
    pub(super) fn new(id: &str, location: &str, now: jiff::Timestamp) -> Self {
        let key = || STANDARD.encode(random::text(64, random::ALPHANUMERIC));
        Self {
            id: id.into(),
            name: name_of(id).into(),
            location: location.into(),
            tags: super::state::Tags::new(),
            kind: "StorageV2".into(),
            sku: "Standard_LRS".into(),
            created: now,
            properties: json!({
                "accessTier": "Hot",
                "allowBlobPublicAccess": false,
                "allowSharedKeyAccess": true,
                "minimumTlsVersion": "TLS1_2",
                "supportsHttpsTrafficOnly": true,
                "publicNetworkAccess": "Enabled",
                "networkAcls": {
                    "bypass": "AzureServices",
                    "defaultAction": "Allow",
                    "ipRules": [],
                    "virtualNetworkRules": [],
                },
                "provisioningState": "Succeeded",
            }),
            keys: [key(), key()],
            containers: std::collections::BTreeMap::new(),
        }
    }
}

pub(super) fn document(call: &Call<'_>, account: &StorageAccount) -> Value {
    let mut properties = account.properties.clone();
    // The one place where the port shows.
    let authority = call.endpoint.trim_start_matches("https://");
    let blob = format!("https://{}.blob.{authority}/", account.name);
    properties["primaryEndpoints"] = json!({ "blob": blob });
    properties["primaryLocation"] = account.location.as_str().into();
    properties["statusOfPrimary"] = "available".into();
    properties["creationTime"] = moment(account.created).into();
    let tier = account.sku.split('_').next().unwrap_or_default();
    json!({
        "id": account.id,
        "name": account.name,
        "type": TYPE,
        "location": account.location,
        "kind": account.kind,
        "sku": { "name": account.sku, "tier": tier },
        "tags": account.tags,
        "properties": properties,
    })
}

/// Ends the making of an account.
pub(super) fn finish(state: &mut AzureState, id: &str) {
    let account = state.accounts.get_mut(name_of(id));
    if let Some(account) = account {
        account.properties["provisioningState"] = "Succeeded".into();
    }
}

fn find<'a>(state: &'a AzureState, id: &str) -> Result<&'a StorageAccount, Refusal> {
    state
        .accounts
        .get(&key(name_of(id)))
        .filter(|account| key(&account.id) == key(id))
        .ok_or_else(|| Refusal::no_resource(TYPE, name_of(id), group_of(id)))
}

fn list(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let found = state
        .accounts
        .values()
        .filter(|account| is_within(&account.id, &call.path.scope));
    Ok(Answer::list(found.map(|account| document(call, account))))
}

fn get(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    Ok(Answer::ok(document(call, find(state, &call.path.text)?)))
}

/// Whoever may read the account may know its containers, though not what is in them.
fn containers(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let path = call.path.text.to_ascii_lowercase();
    let account = path.split("/blobservices/").next().unwrap_or_default();
    let account = find(state, account)?;
    let container = |name: &String| {
        json!({
            "id": format!("{}/blobServices/default/containers/{name}", account.id),
            "name": name,
            "type": format!("{NAMESPACE}/{CONTAINERS}"),
            "properties": { "publicAccess": "None", "leaseState": "Available" },
        })
    };
    Ok(Answer::list(account.containers.keys().map(container)))
}

fn put(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let location = call
        .required("/location")?
        .to_ascii_lowercase()
        .replace(' ', "");
    let name = call.path.name();
    if let Some((reason, message)) =
        unavailable(state, name).filter(|_| find(state, &call.path.text).is_err())
    {
        let (status, code) = match reason {
            "AlreadyExists" => (409, "StorageAccountAlreadyTaken"),
            _ => (400, "AccountNameInvalid"),
        };
        return Err(Refusal::new(status, code, message));
    }
    let is_known = find(state, &call.path.text).is_ok();
    let mut account = match find(state, &call.path.text) {
        Ok(account) if account.location != location => {
            return Err(Refusal::new(
                409,
                "InvalidResourceLocation",
                format!(
                    "The resource '{name}' already exists in location '{}' in resource group '{}'. A \
                     resource with the same name cannot be created in location '{location}'. Please \
                     select a new resource name.",
                    account.location,
                    group_of(&account.id)
                ),
            ));
        }
        Ok(account) => account.clone(),
        Err(_) => StorageAccount::new(&call.path.text, &location, call.now),
    };
    change(call, &mut account)?;
    account.tags = call.tags()?.unwrap_or_default();
    if is_known {
        let document = document(call, &account);
        state.accounts.insert(account.name.clone(), account);
        return Ok(Answer::ok(document));
    }
    account.properties["provisioningState"] = "Creating".into();
    let subscription = call.path.subscription().unwrap_or_default();
    state.accounts.insert(account.name.clone(), account);
    let operation = operation::begin(state, What::CreateAccount, &call.path.text, call.now);
    let url = format!(
        "{}/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{location}/asyncoperations/\
         {operation}?monitor=true&api-version=2023-01-01",
        call.endpoint
    );
    Ok(Answer::empty(202)
        .header("location", url)
        .header("retry-after", "1"))
}

fn patch(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    let mut account = find(state, &call.path.text)?.clone();
    change(call, &mut account)?;
    if let Some(tags) = call.tags()? {
        account.tags = tags;
    }
    let document = document(call, &account);
    state.accounts.insert(account.name.clone(), account);
    Ok(Answer::ok(document))
}

/// What only Azure sets.
const READ_ONLY: &[&str] = &["provisioningState", "primaryEndpoints", "creationTime"];

/// Takes what the body says of kind, SKU and properties.
fn change(call: &Call<'_>, account: &mut StorageAccount) -> Result<(), Refusal> {
    if let Some(sku) = call.text("/sku/name") {
        account.sku = sku.into();
    }
    if let Some(kind) = call.text("/kind") {
        account.kind = kind.into();
    }
    let given = call.body["properties"].as_object();
    for (name, value) in given.into_iter().flatten() {
        if !READ_ONLY.contains(&name.as_str()) && !value.is_null() {
            account.properties[name.as_str()] = value.clone();
        }
    }
    let tls = account.properties["minimumTlsVersion"].as_str();
    if tls.is_some_and(|version| !["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"].contains(&version)) {
        return Err(Refusal::new(
            400,
            "InvalidValuesForRequestParameters",
            "Values for request parameters are invalid: minimumTlsVersion.",
        ));
    }
    Ok(())
}

fn delete(call: &Call<'_>, state: &mut AzureState) -> Result<Answer, Refusal> {
    if find(state, &call.path.text).is_err() {
        return Ok(Answer::empty(204));
    }
    state.accounts.remove(&key(call.path.name()));
    let id = call.path.text.as_str();
    state
        .assignments
        .retain(|_, one| !is_within(&one.scope, id));
    state.locks.retain(|_, one| !is_within(&one.scope, id));
    Ok(Answer::empty(200))
}

fn keys(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let account = find(state, call.path.parent())?;
    let keys: Vec<Value> = account
        .keys
        .iter()
        .zip(["key1", "key2"])
        .map(|(value, name)| {
            json!({
                "keyName": name,
                "value": value,
                "permissions": "FULL",
                "creationTime": moment(account.created),
            })
        })
        .collect();
    Ok(Answer::ok(json!({ "keys": keys })))
}

fn check_name(call: &Call<'_>, state: &AzureState) -> Result<Answer, Refusal> {
    let name = call.required("/name")?;
    Ok(Answer::ok(match unavailable(state, name) {
        None => json!({ "nameAvailable": true }),
        Some((reason, message)) => json!({
            "nameAvailable": false,
            "reason": reason,
            "message": message,
        }),
    }))
}

/// Why a name cannot be had: names are the same for everybody in the world.
fn unavailable(state: &AzureState, name: &str) -> Option<(&'static str, String)> {
    let is_valid = (3..=24).contains(&name.len())
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    if !is_valid {
        let message = format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and \
             24 characters in length and use numbers and lower-case letters only."
        );
        return Some(("AccountNameInvalid", message));
    }
    state.accounts.contains_key(name).then(|| {
        let message = format!("The storage account named {name} is already taken.");
        ("AlreadyExists", message)
    })
}
