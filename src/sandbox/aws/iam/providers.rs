//! OIDC providers: the issuers whose tokens STS takes.

use std::collections::BTreeSet;

use super::super::call::Call;
use super::super::lagged::Lagged;
use super::super::refusal::Refusal;
use super::super::state::{AwsState, Provider};
use super::super::text::{iso, sha256_hex};
use super::super::xml::Xml;
use super::tags::{self, context};

pub(super) fn create(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let full_url = call.params.required("Url")?;
    let given_tags = call.params.tags()?;
    let url = full_url
        .strip_prefix("https://")
        .filter(|rest| !rest.is_empty() && !rest.contains(['?', '#', ' ']))
        .ok_or_else(|| Refusal::validation("Invalid Open ID Connect Provider URL"))?;
    let arn = state.iam_arn(&format!("oidc-provider/{url}"));
    call.authorize_with(state, &arn, |given| context(given, &given_tags))?;
    if state.providers.contains_key(&arn) {
        return Err(Refusal::exists(format!(
            "Provider with url {full_url} already exists."
        )));
    }
    if state.providers.len() >= 100 {
        return Err(Refusal::limit(
            "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100",
        ));
    }
    let thumbprints = match call.params.list("ThumbprintList") {
        // AWS fetches one itself; nobody compares it any more.
        given if given.is_empty() => vec![sha256_hex(url.as_bytes())[..40].to_owned()],
        given => given
            .into_iter()
            .map(thumbprint)
            .collect::<Result<_, _>>()?,
    };
    let client_ids: BTreeSet<String> = call
        .params
        .list("ClientIDList")
        .into_iter()
        .map(str::to_owned)
        .collect();
    if client_ids.len() > 100 {
        return Err(Refusal::limit(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
        ));
    }
    tags::within(&given_tags)?;
    let provider = Provider {
        url: url.into(),
        created: call.now,
        client_ids: Lagged::new(client_ids, call.visible_after(call.lag.provider)),
        thumbprints,
        tags: given_tags,
    };
    let shown = Xml::new()
        .text("OpenIDConnectProviderArn", &arn)
        .and(tags::show_unless_empty(&provider.tags));
    state.providers.insert(arn, provider);
    Ok(shown)
}

pub(super) fn get(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    let (_, provider) = find(call, state)?;
    Ok(Xml::new()
        .text("Url", &provider.url)
        .members("ClientIDList", &provider.client_ids.current, |id| {
            Xml::value(id)
        })
        .members("ThumbprintList", &provider.thumbprints, |print| {
            Xml::value(print)
        })
        .text("CreateDate", iso(provider.created))
        .and(tags::show(&provider.tags)))
}

pub(super) fn list(call: &Call<'_>, state: &AwsState) -> Result<Xml, Refusal> {
    call.authorize(state, &state.iam_arn("oidc-provider/*"))?;
    Ok(
        Xml::new().members("OpenIDConnectProviderList", state.providers.keys(), |arn| {
            Xml::new().text("Arn", arn)
        }),
    )
}

pub(super) fn delete(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let arn = find(call, state)?.0.to_owned();
    state.providers.remove(&arn);
    Ok(Xml::new())
}

pub(super) fn add_client(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let id = call.params.required("ClientID")?;
    let client_ids = &mut find_mut(call, state)?.client_ids;
    let mut wanted = client_ids.current.clone();
    if !wanted.insert(id.into()) {
        return Ok(Xml::new());
    }
    if wanted.len() > 100 {
        return Err(Refusal::limit(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
        ));
    }
    client_ids.set(wanted, call.now, call.lag.provider);
    Ok(Xml::new())
}

pub(super) fn remove_client(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let id = call.params.required("ClientID")?;
    let client_ids = &mut find_mut(call, state)?.client_ids;
    let mut wanted = client_ids.current.clone();
    if wanted.remove(id) {
        client_ids.set(wanted, call.now, call.lag.provider);
    }
    Ok(Xml::new())
}

pub(super) fn update_thumbprints(call: &Call<'_>, state: &mut AwsState) -> Result<Xml, Refusal> {
    let given = call.params.list("ThumbprintList");
    let thumbprints = given
        .into_iter()
        .map(thumbprint)
        .collect::<Result<_, _>>()?;
    find_mut(call, state)?.thumbprints = thumbprints;
    Ok(Xml::new())
}

/// The provider that the call names, when this is allowed.
pub(super) fn find<'a>(
    call: &Call<'_>,
    state: &'a AwsState,
) -> Result<(&'a str, &'a Provider), Refusal> {
    let arn = call.params.required("OpenIDConnectProviderArn")?;
    let found = state.providers.get_key_value(arn);
    call.authorize_with(state, arn, |given| {
        let tags = found.iter().flat_map(|(_, provider)| &provider.tags);
        tags.fold(given, |given, (key, value)| {
            given.with(&format!("aws:ResourceTag/{key}"), value)
        })
    })?;
    found
        .map(|(arn, provider)| (arn.as_str(), provider))
        .ok_or_else(|| {
            Refusal::no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
        })
}

pub(super) fn find_mut<'a>(
    call: &Call<'_>,
    state: &'a mut AwsState,
) -> Result<&'a mut Provider, Refusal> {
    let arn = find(call, state)?.0.to_owned();
    Ok(state
        .providers
        .get_mut(&arn)
        .expect("the provider was just found"))
}

fn thumbprint(text: &str) -> Result<String, Refusal> {
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.into())
    } else {
        Err(Refusal::new(
            400,
            "InvalidInput",
            format!("Invalid thumbprint {text}"),
        ))
    }
}
