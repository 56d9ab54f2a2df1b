//! Names the buckets that stay: data is never deleted.

use async_trait::async_trait;

use crate::clients::aws::{Aws, AwsErrorKind};
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};
use crate::steps::aws::refused;

/// Lists the buckets under the prefix.
pub struct KeptBuckets {
    /// The account.
    pub aws: Aws,
    /// The prefix.
    pub prefix: String,
}

#[async_trait]
impl Step for KeptBuckets {
    fn meta(&self) -> StepMeta {
        StepMeta::new("aws.kept-buckets", "Buckets, which stay", Phase::Observe)
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let prefix = &self.prefix;
        let buckets = match self.aws.list_buckets().await {
            Ok(buckets) => buckets,
            Err(error) if error.kind == AwsErrorKind::AccessDenied => {
                let text = format!(
                    "buckets `{prefix}*` stay with their data; which there are is unknown, since the caller may not list buckets (s3:ListAllMyBuckets)"
                );
                return Ok(Observation::satisfied("unknown")
                    .notice(text.clone())
                    .next(text));
            }
            Err(error) => return Err(refused(error)),
        };
        let under: Vec<_> = buckets
            .iter()
            .filter(|bucket| bucket.starts_with(prefix.as_str()))
            .map(|bucket| format!("`{bucket}`"))
            .collect();
        if under.is_empty() {
            return Ok(Observation::satisfied(format!("none is named `{prefix}*`")));
        }
        let text = format!(
            "buckets stay with their data, and are yours to delete: {}",
            under.join(", ")
        );
        let note = format!("{} named `{prefix}*`", under.len());
        Ok(Observation::satisfied(note).notice(text.clone()).next(text))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
