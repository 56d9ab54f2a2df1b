//! EKS: the clusters of the practice account, read only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::authority::{authorize, context};
use super::caller::Caller;
use super::cloud::Cloud;
use super::policy::Request;
use super::refusal::Refusal;
use super::sigv4::query_pairs;
use super::state::{AwsState, Cluster};
use super::text::decode;

/// What a request asks of EKS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    ListClusters,
    DescribeCluster(String),
    Unknown,
}

impl Operation {
    pub(super) fn of(parts: &Parts) -> Self {
        let segments: Vec<&str> = parts
            .uri
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        match (&parts.method, segments.as_slice()) {
            (&Method::GET, ["clusters"]) => Self::ListClusters,
            (&Method::GET, ["clusters", name]) => Self::DescribeCluster(decode(name)),
            _ => Self::Unknown,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ListClusters => "ListClusters",
            Self::DescribeCluster(_) => "DescribeCluster",
            Self::Unknown => "Unknown",
        }
    }
}

pub(super) fn answer(
    cloud: &Cloud,
    operation: &Operation,
    parts: &Parts,
    caller: &Caller,
    region: &str,
    now: Timestamp,
) -> Result<Value, Refusal> {
    cloud.store.read(|state| {
        let allow = |action: &str, resource: &str| {
            let context = context(state, caller, region, now);
            let request = Request {
                action,
                resource,
                context: &context,
            };
            authorize(state, caller, now, request)
                .map_err(|denied| Refusal::new(403, "AccessDeniedException", denied.to_string()))
        };
        match operation {
            Operation::ListClusters => {
                allow("eks:ListClusters", &arn(state, region, "*"))?;
                list(state, region, parts.uri.query().unwrap_or_default())
            }
            Operation::DescribeCluster(name) => {
                allow("eks:DescribeCluster", &arn(state, region, name))?;
                state
                    .clusters
                    .get(name)
                    .filter(|_| region == state.region)
                    .map(|cluster| json!({ "cluster": describe(state, cluster) }))
                    .ok_or_else(|| {
                        let message = format!("No cluster found for name: {name}.");
                        Refusal::new(404, "ResourceNotFoundException", message)
                    })
            }
            Operation::Unknown => Err(Refusal::new(
                404,
                "UnknownOperationException",
                "The practice cloud does not know this operation.",
            )),
        }
    })
}

fn list(state: &AwsState, region: &str, query: &str) -> Result<Value, Refusal> {
    let query = query_pairs(query);
    let field = |name: &str| {
        query
            .iter()
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1.as_str())
    };
    let max: usize = match field("maxResults") {
        None => 100,
        Some(text) => text
            .parse()
            .ok()
            .filter(|max| (1..=100).contains(max))
            .ok_or_else(|| {
                Refusal::new(
                    400,
                    "InvalidParameterException",
                    "maxResults must be between 1 and 100",
                )
            })?,
    };
    let after = match field("nextToken") {
        None => String::new(),
        Some(token) => STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                Refusal::new(400, "InvalidParameterException", "Invalid pagination token")
            })?,
    };
    let names: Vec<&str> = state
        .clusters
        .keys()
        .filter(|name| region == state.region && **name > after)
        .map(String::as_str)
        .collect();
    let page = &names[..names.len().min(max)];
    let next = page
        .last()
        .filter(|_| names.len() > max)
        .map(|name| STANDARD.encode(name));
    Ok(json!({ "clusters": page, "nextToken": next }))
}

fn describe(state: &AwsState, cluster: &Cluster) -> Value {
    json!({
        "name": cluster.name,
        "arn": arn(state, &state.region, &cluster.name),
        "createdAt": cluster.created.as_second(),
        "version": "1.33",
        "endpoint": cluster.endpoint,
        "roleArn": state.iam_arn("role/eks-cluster-role"),
        "resourcesVpcConfig": {
            "subnetIds": ["subnet-0a1b2c3d4e5f60718", "subnet-18070f5e4d3c2b1a0"],
            "securityGroupIds": [],
            "clusterSecurityGroupId": "sg-0a1b2c3d4e5f60718",
            "vpcId": "vpc-0a1b2c3d4e5f60718",
            "endpointPublicAccess": true,
            "endpointPrivateAccess": false,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
        "kubernetesNetworkConfig": { "serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4" },
        "logging": { "clusterLogging": [] },
        "identity": { "oidc": { "issuer": cluster.issuer } },
        "status": cluster.status,
        "certificateAuthority": { "data": STANDARD.encode(&cluster.certificate_authority_pem) },
        "platformVersion": "eks.5",
        "tags": cluster.tags,
    })
}

fn arn(state: &AwsState, region: &str, cluster: &str) -> String {
    format!("arn:aws:eks:{region}:{}:cluster/{cluster}", state.account)
}
