//! What an administrator needs to make the identity that the operator may not make.

use super::build::Parts;
use super::files;
use crate::engine::{Answers, Context, ErrorKind, Facts, StepError};
use crate::recipes::{HandOver, Tools};
use crate::steps::aws::handoff::{About, Handoff, PARTS, Resources, Standing, Template};
use crate::steps::aws::{CALLER_ARN, ISSUER};

/// How it is handed over.
pub(in crate::recipes) const HAND_OVER: HandOver = HandOver {
    parts: PARTS,
    look: |answers, tools, context| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move {
            let handoff = handoff(&answers, &tools, &context).await?;
            Ok(Box::new(handoff) as Box<_>)
        })
    },
};

/// Looks what of the identity is missing, and builds what makes it.
pub(in crate::recipes) async fn handoff(
    answers: &Answers,
    tools: &Tools,
    context: &Context,
) -> Result<Handoff, StepError> {
    let parts = Parts::new(answers, tools).await?;
    build(&parts, context).await
}

async fn build(parts: &Parts, context: &Context) -> Result<Handoff, StepError> {
    let answers = &parts.site.answers;
    if parts.brings_role() {
        return Err(StepError::answers(
            "`aws_identity_method` is `existing`, so there is nothing to make; expected `iam`",
        ));
    }
    let mut facts = Facts::default();
    Standing::look(&parts.place(), &mut facts, context).await?;
    if !facts.has(ISSUER.name()) {
        let Some(issuer) = answers.get("eks_cluster_oidc") else {
            return Err(StepError::new(
                ErrorKind::Permission,
                format!(
                    "the caller may not describe EKS cluster `{}`, and nothing else names its issuer",
                    answers.text("eks_cluster")
                ),
            )
            .hint("`--set eks_cluster_oidc=ISSUER` names it"));
        };
        facts.set(&ISSUER, &issuer.trim_start_matches("https://").to_owned());
    }
    let standing = Standing::look(&parts.iam(), &mut facts, context).await?;
    let identity = parts.identity();
    let held = Resources::held(&parts.aws, &identity).await?;
    let makes = match &held {
        Ok(held) => Resources::missing(&standing, *held),
        Err(taken) => Err(taken.clone()),
    };
    let stack = match makes {
        Ok(makes) => Ok(parts.stack_of(makes, &facts).await?),
        Err(reason) => Err(reason),
    };
    let whole = Resources::whole(&standing, held.unwrap_or_default());
    Ok(Handoff {
        grant: identity.grant(&facts)?,
        standing,
        about: About {
            region: answers.text("aws_default_region"),
            installation: format!("{}/{}", parts.namespace, parts.name),
            operator: facts.get(&CALLER_ARN)?,
        },
        stack,
        whole_stack: parts.stack_of(whole, &facts).await?,
    })
}

impl Parts {
    async fn stack_of(&self, resources: Resources, facts: &Facts) -> Result<String, StepError> {
        let (path, repository) = (files::STACK_FILES[0].template, self.site.repository());
        let clone = self.site.answers.get("gitops_dir").map(|_| &repository);
        let ours = repository.our_template(path)?;
        let template = Template { path, ours: &ours };
        let variables = (files::variables(&self.site.answers, &self.identity()))(facts)?;
        resources.stack(clone, template, &variables).await
    }
}
