//! The practice account as it is kept on disk.
//!
//! Everything is public and plain, so that a test can break the world on purpose.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use super::cloudformation::stack;
use super::cloudformation::stack::Stack;
use super::lagged::Lagged;
use super::text::unique_id;
use super::{ClusterSeed, Seed};

/// The managed policy that the operator holds, as every AWS account has it.
pub const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// Tags of an object.
pub type Tags = BTreeMap<String, String>;

/// One AWS account with its clusters and buckets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AwsState {
    pub account: String,
    /// The region that has the clusters.
    pub region: String,
    /// By name.
    pub users: BTreeMap<String, User>,
    /// By access key id.
    pub access_keys: BTreeMap<String, AccessKey>,
    /// Temporary credentials, by access key id.
    pub sessions: BTreeMap<String, Session>,
    /// By name.
    pub roles: BTreeMap<String, Role>,
    /// By ARN.
    pub policies: BTreeMap<String, Policy>,
    /// By name.
    #[serde(default)]
    pub instance_profiles: BTreeMap<String, InstanceProfile>,
    /// OIDC providers, by ARN.
    pub providers: BTreeMap<String, Provider>,
    /// By name.
    pub clusters: BTreeMap<String, Cluster>,
    /// By name.
    pub buckets: BTreeMap<String, Bucket>,
    /// CloudFormation stacks that live, by region and name.
    #[serde(default)]
    pub stacks: BTreeMap<String, Stack>,
    /// Those that were deleted, which can be asked for by their ids.
    #[serde(default)]
    pub deleted_stacks: Vec<Stack>,
}

/// What a user or role may do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Grants {
    /// Attached managed policies, by ARN.
    pub attached: BTreeMap<String, Lagged<()>>,
    /// Inline policy documents, by name.
    pub inline: BTreeMap<String, Lagged<String>>,
    /// ARN of the policy that limits the others.
    pub boundary: Option<String>,
}

/// An IAM user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub path: String,
    pub id: String,
    pub created: Timestamp,
    pub tags: Tags,
    pub grants: Grants,
}

/// A long-lived key of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessKey {
    pub user: String,
    pub secret: String,
    pub created: Timestamp,
}

/// Temporary credentials of a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pub secret: String,
    pub token: String,
    pub role: String,
    /// A role made anew under the same name is another role, and old sessions are not its own.
    pub role_id: String,
    pub name: String,
    pub expires_at: Timestamp,
    /// The policy given with the request, a further limit.
    pub policy: Option<String>,
}

/// An IAM role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    pub path: String,
    pub id: String,
    pub created: Timestamp,
    pub description: Option<String>,
    pub max_session_seconds: i64,
    pub trust: Lagged<String>,
    pub tags: Tags,
    pub grants: Grants,
}

/// A managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub path: String,
    pub id: String,
    pub arn: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub description: Option<String>,
    pub versions: Vec<PolicyVersion>,
    /// Version numbers are not given twice.
    pub last_version: u32,
    pub default_version: Lagged<u32>,
    pub tags: Tags,
}

/// One version of a managed policy; its id is `v` and the number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyVersion {
    pub number: u32,
    pub document: String,
    pub created: Timestamp,
}

/// What gives its role to virtual machines.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceProfile {
    pub name: String,
    pub path: String,
    pub id: String,
    pub created: Timestamp,
    /// The role's name; AWS allows one.
    pub role: Option<String>,
}

/// An OIDC provider: whose tokens STS accepts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Provider {
    /// Without the scheme, as IAM shows it.
    pub url: String,
    pub created: Timestamp,
    pub client_ids: Lagged<BTreeSet<String>>,
    pub thumbprints: Vec<String>,
    pub tags: Tags,
}

/// An EKS cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub endpoint: String,
    pub certificate_authority_pem: String,
    pub issuer: String,
    pub status: String,
    pub created: Timestamp,
    pub tags: Tags,
}

/// An S3 bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    pub region: String,
    pub created: Timestamp,
    pub objects: BTreeMap<String, Object>,
}

/// An S3 object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    pub body: Bytes,
    pub content_type: String,
    pub etag: String,
    pub modified: Timestamp,
    /// The `x-amz-meta-…` headers, without their prefix.
    pub metadata: BTreeMap<String, String>,
}

impl AwsState {
    pub(super) fn from_seed(seed: &Seed, now: Timestamp) -> Self {
        let mut state = Self {
            account: seed.account.clone(),
            region: seed.region.clone(),
            users: BTreeMap::new(),
            access_keys: BTreeMap::new(),
            sessions: BTreeMap::new(),
            roles: BTreeMap::new(),
            policies: BTreeMap::from([(ADMINISTRATOR.into(), administrator(now))]),
            instance_profiles: BTreeMap::new(),
            providers: BTreeMap::new(),
            clusters: BTreeMap::new(),
            buckets: BTreeMap::new(),
            stacks: BTreeMap::new(),
            deleted_stacks: Vec::new(),
        };
        state.add_user("operator", &seed.access_key, &seed.secret_key, &[]);
        if let Some(operator) = state.users.get_mut("operator") {
            operator
                .grants
                .attached
                .insert(ADMINISTRATOR.into(), Lagged::settled(()));
        }
        for cluster in &seed.clusters {
            state
                .clusters
                .insert(cluster.name.clone(), Cluster::from_seed(cluster, now));
        }
        state
    }

    /// Whether a cluster's API server is elsewhere than the stored world thinks.
    pub(super) fn is_moved(&self, seed: &Seed) -> bool {
        seed.clusters.iter().any(|given| {
            self.clusters.get(&given.name).is_some_and(|known| {
                known.endpoint != given.endpoint
                    || known.certificate_authority_pem != given.certificate_authority_pem
            })
        })
    }

    /// Takes endpoints and CAs from the seed: ports change between starts, all else is kept.
    pub(super) fn move_clusters(&mut self, seed: &Seed) {
        for given in &seed.clusters {
            if let Some(known) = self.clusters.get_mut(&given.name) {
                known.endpoint.clone_from(&given.endpoint);
                known
                    .certificate_authority_pem
                    .clone_from(&given.certificate_authority_pem);
            }
        }
    }

    /// Adds a user with one access key and these policy documents.
    pub fn add_user(&mut self, name: &str, access_key: &str, secret: &str, policies: &[&str]) {
        let created = Timestamp::now();
        let inline = policies.iter().enumerate().map(|(index, document)| {
            (
                format!("policy-{index}"),
                Lagged::settled((*document).to_owned()),
            )
        });
        let user = User {
            name: name.into(),
            path: "/".into(),
            id: unique_id("AIDA", 17),
            created,
            tags: Tags::new(),
            grants: Grants {
                inline: inline.collect(),
                ..Grants::default()
            },
        };
        let key = AccessKey {
            user: name.into(),
            secret: secret.into(),
            created,
        };
        self.users.insert(name.into(), user);
        self.access_keys.insert(access_key.into(), key);
    }

    /// Builds an IAM ARN of this account, from `role/path/name` and the like.
    pub fn iam_arn(&self, rest: &str) -> String {
        format!("arn:aws:iam::{}:{rest}", self.account)
    }

    /// The role's ARN.
    pub fn role_arn(&self, role: &Role) -> String {
        self.iam_arn(&format!("role{}{}", role.path, role.name))
    }

    /// The user's ARN.
    pub fn user_arn(&self, user: &User) -> String {
        self.iam_arn(&format!("user{}{}", user.path, user.name))
    }

    /// Whether the name is taken: names that differ only in case are the same to IAM.
    pub(super) fn has_role(&self, name: &str) -> bool {
        self.roles
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// How many users and roles hold the policy.
    pub(super) fn attachments(&self, policy: &str) -> usize {
        let roles = self.roles.values().map(|role| &role.grants);
        let users = self.users.values().map(|user| &user.grants);
        roles
            .chain(users)
            .filter(|grants| grants.attached.contains_key(policy))
            .count()
    }

    /// How many users and roles are limited by the policy.
    pub(super) fn boundary_uses(&self, policy: &str) -> usize {
        let roles = self.roles.values().map(|role| &role.grants);
        let users = self.users.values().map(|user| &user.grants);
        roles
            .chain(users)
            .filter(|grants| grants.boundary.as_deref() == Some(policy))
            .count()
    }
}

impl Policy {
    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    /// The document that the API shows as default.
    pub fn current(&self) -> Option<&str> {
        self.version(self.default_version.current)
            .map(|version| version.document.as_str())
    }

    /// The document that is decided on.
    pub fn seen(&self, now: Timestamp) -> Option<&str> {
        let number = *self.default_version.seen(now)?;
        self.version(number)
            .map(|version| version.document.as_str())
            .or_else(|| self.current())
    }
}

impl Cluster {
    fn from_seed(seed: &ClusterSeed, created: Timestamp) -> Self {
        Self {
            name: seed.name.clone(),
            endpoint: seed.endpoint.clone(),
            certificate_authority_pem: seed.certificate_authority_pem.clone(),
            issuer: seed.issuer.clone(),
            status: seed.status.clone(),
            created,
            tags: Tags::new(),
        }
    }
}

fn administrator(now: Timestamp) -> Policy {
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    Policy {
        name: "AdministratorAccess".into(),
        path: "/".into(),
        id: unique_id("ANPA", 17),
        arn: ADMINISTRATOR.into(),
        created: now,
        updated: now,
        description: Some("Provides full access to AWS services and resources.".into()),
        versions: vec![PolicyVersion {
            number: 1,
            document: document.into(),
            created: now,
        }],
        last_version: 1,
        default_version: Lagged::settled(1),
        tags: Tags::new(),
    }
}

fn write_bytes<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(serde::de::Error::custom)
}
