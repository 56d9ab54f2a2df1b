//! Builds Rok's overlay and looks whether role, region, endpoint and prefix are in what comes out.
//!
//! The build is parsed, not searched: the same words in a comment or in another object prove
//! nothing.

use async_trait::async_trait;

use super::ground::AwsGround;
use crate::clients::kustomize::{Kustomize, KustomizeError};
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::aws::{ROLE_ARN, s3_endpoint};
use crate::steps::proof::workload::{OVERLAY, shown};
use crate::steps::secrets;

/// The kind that holds the values.
const KIND: &str = "RokCluster";

/// Builds and compares.
pub struct ManifestValues {
    /// Whose values they are.
    pub ground: AwsGround,
    /// What builds.
    pub kustomize: Kustomize,
}

#[async_trait]
impl Step for ManifestValues {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![ROLE_ARN.name()],
            ..StepMeta::new(
                "rok.manifests",
                "Rok's manifests hold role, region and prefix",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let directory = self.ground.workload.clone.join(OVERLAY);
        let objects = self.kustomize.build(&directory).await.map_err(not_built)?;
        let Some(cluster) = objects.iter().find(|object| object["kind"] == KIND) else {
            let kinds: Vec<_> = objects
                .iter()
                .filter_map(|object| object["kind"].as_str())
                .collect();
            return Err(StepError::verification(format!(
                "`{OVERLAY}` builds no {KIND}; found {}",
                if kinds.is_empty() {
                    "nothing".into()
                } else {
                    kinds.join(", ")
                }
            ))
            .hint(format!(
                "name its base in {OVERLAY}/kustomization.yaml: `- ../eks`"
            )));
        };
        let spec = &cluster["spec"];
        let region = &self.ground.region;
        let endpoint = s3_endpoint(region);
        let mut wrong = Vec::new();
        for (name, found, expected) in [
            (
                "daemons.s3d.bucket_prefix",
                &spec["configVars"]["daemons.s3d.bucket_prefix"],
                &self.ground.prefix,
            ),
            (
                "AWSRoleARN",
                &spec["s3"]["AWSRoleARN"],
                &facts.get(&ROLE_ARN)?,
            ),
            ("region", &spec["s3"]["region"], region),
        ] {
            if found != expected.as_str() {
                wrong.push(format!(
                    "{name}: found {}, expected {expected}",
                    shown(found)
                ));
            }
        }
        let own_endpoint = spec["s3"]["endpoint"] != endpoint.as_str();
        if own_endpoint && spec["s3"]["endpoint"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("endpoint: found nothing, expected {endpoint}"));
        }
        if !wrong.is_empty() {
            return Err(StepError::verification(format!(
                "`{OVERLAY}` builds other values: {}",
                wrong.join("; ")
            ))
            .hint(format!(
                "look at the patches in {OVERLAY}/patches, and at `git log` of them"
            ))
            .hint("`rok-deploy plan` shows what would be rendered"));
        }
        let observation =
            Observation::satisfied("prefix, role, endpoint and region are in the build");
        Ok(if own_endpoint {
            // An endpoint of one's own (a private link) is the operator's choice.
            observation.notice(format!(
                "Rok is told another endpoint than {endpoint}: {}",
                shown(&spec["s3"]["endpoint"])
            ))
        } else {
            observation
        })
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

fn not_built(error: KustomizeError) -> StepError {
    match error {
        KustomizeError::NoProgram => {
            StepError::failed(error.to_string()).hint("install kustomize or kubectl, then go on")
        }
        KustomizeError::NotRun { .. } => StepError::failed(error.to_string()),
        KustomizeError::Encrypted(error) => secrets::refused(&error),
        _ => StepError::verification(error.to_string()).hint(format!(
            "`kubectl kustomize {OVERLAY}` in the clone shows the same"
        )),
    }
}
