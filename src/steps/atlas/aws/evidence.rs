//! What was seen of the chain, before anybody judges it.

use serde_json::Value;

use super::permits::Held;
use super::prober::AwsProber;
use crate::clients::aws::{Aws, AwsError, OidcProvider, Role, SessionCredentials};
use crate::clients::cluster::{Token, token_claims};
use crate::steps::atlas::in_cluster::{Seen, in_words};
use crate::steps::aws::policy::parse;

/// What was seen of the chain.
pub(super) struct Seeing {
    /// The service account, as the server has it.
    pub(super) account: Seen<Option<Value>>,
    /// The claims of a token of it.
    pub(super) claims: Seen<Value>,
    /// The issuer that EKS names for the cluster, without its scheme.
    pub(super) issuer: Seen<String>,
    pub(super) provider: Seen<Option<OidcProvider>>,
    /// The account's other providers, where the right one is missing.
    pub(super) other_providers: Vec<String>,
    pub(super) role: Seen<Option<Role>>,
    pub(super) policies: Seen<Option<Policies>>,
    /// What came of using the token.
    pub(super) walk: Walk,
}

/// What a role may do.
pub(super) struct Policies {
    pub(super) held: Vec<Held>,
    pub(super) boundary: Option<Held>,
    /// Whether our own policy is there, although the role does not have it.
    pub(super) ours_is_detached: bool,
}

/// How far a token led.
pub(super) enum Walk {
    /// There was no token, or STS could not be asked.
    NotBegun(String),
    /// STS gave no session.
    Refused(AwsError),
    /// There was a session of this ARN, and S3 answered.
    Answered(String, Result<usize, AwsError>),
}

impl AwsProber {
    /// Looks at everything at once. Nothing here changes anything.
    pub(super) async fn evidence(&self) -> Seeing {
        let place = &self.place;
        let cluster = self.in_cluster();
        let token = async {
            let token = cluster.token(place.audience()).await;
            let claims = match &token {
                Ok(token) => token_claims(token).map_err(in_words),
                Err(why) => Err(why.clone()),
            };
            (claims, self.walk(token).await)
        };
        let arn = place.provider_arn();
        let (account, (claims, walk), issuer, (provider, other_providers), (role, policies)) = futures::join!(
            cluster.account(),
            token,
            issuer(&self.aws, &place.cluster),
            provider(&self.aws, &arn, &place.issuer),
            self.role(),
        );
        Seeing {
            account,
            claims,
            issuer,
            provider,
            other_providers,
            role,
            policies,
            walk,
        }
    }

    async fn walk(&self, token: Seen<Token>) -> Walk {
        let token = match token {
            Ok(token) => token,
            Err(why) => return Walk::NotBegun(why),
        };
        let assumed = self
            .aws
            .assume_role_with_web_identity(
                &self.place.role_arn,
                "rok-deploy-probe",
                token.secret.expose(),
            )
            .await;
        match assumed {
            Ok(session) => Walk::Answered(session.arn.clone(), self.listed(&session).await),
            Err(error) => Walk::Refused(error),
        }
    }

    async fn listed(&self, session: &SessionCredentials) -> Result<usize, AwsError> {
        let bucket = self.place.probe_bucket();
        let listing = self
            .aws
            .list_object_versions(&bucket, Some(session))
            .await?;
        Ok(listing.versions)
    }

    /// The boundary is read with the role, since only the role names it.
    async fn role(&self) -> (Seen<Option<Role>>, Seen<Option<Policies>>) {
        let (role, held) = futures::join!(self.aws.role(&self.place.role), self.held());
        let policies = match (&role, held) {
            (_, Err(why)) => Err(why),
            (_, Ok(None)) | (Ok(None), _) => Ok(None),
            (role, Ok(Some(held))) => {
                let boundary = role.as_ref().ok().and_then(Option::as_ref);
                let boundary = boundary.and_then(|role| role.permissions_boundary.as_deref());
                self.policies(held, boundary).await.map(Some)
            }
        };
        (role.map_err(in_words), policies)
    }

    async fn policies(&self, held: Vec<Held>, boundary: Option<&str>) -> Seen<Policies> {
        let boundary = match boundary {
            Some(arn) => managed(&self.aws, arn).await?,
            None => None,
        };
        let ours = self.place.policy_arn.as_deref();
        let ours = ours.filter(|ours| !held.iter().any(|held| held.name == *ours));
        let ours_is_detached = match ours {
            Some(arn) => self.aws.policy(arn).await.map_err(in_words)?.is_some(),
            None => false,
        };
        Ok(Policies {
            held,
            boundary,
            ours_is_detached,
        })
    }

    /// Every policy of the role with its document, managed ones and its own.
    async fn held(&self) -> Seen<Option<Vec<Held>>> {
        let role = &self.place.role;
        let (attached, inline) = futures::try_join!(
            self.aws.attached_policies(role),
            self.aws.inline_policies(role)
        )
        .map_err(in_words)?;
        let (Some(attached), Some(inline)) = (attached, inline) else {
            return Ok(None);
        };
        let managed = attached
            .iter()
            .map(|policy| managed(&self.aws, &policy.arn));
        let managed = futures::future::try_join_all(managed).await?;
        let inline = inline.into_iter().map(|policy| Held {
            document: parse(&policy.document),
            name: policy.name,
        });
        Ok(Some(managed.into_iter().flatten().chain(inline).collect()))
    }
}

async fn managed(aws: &Aws, arn: &str) -> Seen<Option<Held>> {
    let Some(policy) = aws.policy(arn).await.map_err(in_words)? else {
        return Ok(None);
    };
    let document = aws
        .policy_document(arn, &policy.default_version)
        .await
        .map_err(in_words)?;
    Ok(Some(Held {
        name: arn.to_owned(),
        document: parse(&document),
    }))
}

async fn issuer(aws: &Aws, cluster: &str) -> Seen<String> {
    let found = aws.cluster(cluster).await.map_err(in_words)?;
    let issuer = found.and_then(|cluster| cluster.issuer);
    let issuer = issuer.ok_or_else(|| format!("EKS names no issuer of cluster `{cluster}`"))?;
    Ok(bare(&issuer).to_owned())
}

async fn provider(aws: &Aws, arn: &str, issuer: &str) -> (Seen<Option<OidcProvider>>, Vec<String>) {
    let provider = aws.oidc_provider(arn).await.map_err(in_words);
    if !matches!(provider, Ok(None)) {
        return (provider, Vec::new());
    }
    let host = issuer.split('/').next().unwrap_or(issuer);
    let others = aws.list_oidc_providers().await.unwrap_or_default();
    let near = others.into_iter().filter(|other| other.contains(host));
    (provider, near.collect())
}

/// An issuer without its scheme.
pub(super) fn bare(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
}
