//! The role that is there, held against the one that we intend.

use serde_json::{Value, json};

use super::adoption::meaning_digest;
use super::identity::Grant;
use super::not_there_yet;
use super::policy::{differences, parse, pretty};
use super::trust_statement::{excess, has_others, with_ours};
use crate::clients::aws::{Aws, Role};
use crate::engine::{Change, Choice, ErrorKind, StepError, Verb};

/// A role and what it should be.
pub(super) struct FoundRole<'a> {
    role: &'a Role,
    grant: &'a Grant,
    trust: Value,
    intended: Value,
}

impl<'a> FoundRole<'a> {
    pub(super) fn new(role: &'a Role, grant: &'a Grant) -> Self {
        let trust = parse(&role.trust_policy);
        let ours = grant.identity.ownership.is_ours(&role.tags);
        Self {
            intended: with_ours(&trust, &grant.admission(), ours),
            trust,
            role,
            grant,
        }
    }

    /// Returns the trust policy to write, when it is not there yet.
    pub(super) fn new_trust(&self) -> Option<&Value> {
        (self.trust != self.intended).then_some(&self.intended)
    }

    /// Whether somebody else's statements are in the trust policy, or will be.
    pub(super) fn has_others(&self) -> bool {
        has_others(&self.intended, &self.grant.admission())
    }

    /// Whether a statement of others keeps us out, whatever ours says.
    pub(super) fn is_denied(&self) -> bool {
        !self.grant.admission().is_granted_by(&self.intended)
    }

    /// Whether the role lets the service account in as it is.
    pub(super) fn lets_us_in(&self) -> bool {
        self.grant.admission().is_granted_by(&self.trust)
    }

    /// Returns the boundary to write: `None` when it is as intended, `Some(None)` for none.
    pub(super) fn new_boundary(&self) -> Option<Option<&str>> {
        let intended = self.grant.identity.boundary.as_deref();
        (self.role.permissions_boundary.as_deref() != intended).then_some(intended)
    }

    /// Whether somebody has put bounds on the role which no answer names.
    pub(super) fn is_bounded_by_others(&self) -> bool {
        self.new_boundary() == Some(None)
    }

    /// Whether its path is another one, which cannot be changed.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.role.path != self.grant.identity.path
    }

    /// Whether nothing about it differs, and nobody else is let in.
    pub(super) fn is_exact(&self) -> bool {
        self.new_trust().is_none()
            && !self.has_others()
            && !self.is_denied()
            && self.new_boundary().is_none()
            && !self.is_elsewhere()
    }

    /// Returns what is to be changed about it, apart from its tags.
    pub(super) fn changes(&self) -> Vec<Change> {
        let name = &self.role.name;
        let trust = self.new_trust().map(|trust| {
            Change::new(Verb::Update, "role trust policy", name)
                .before(pretty(&self.trust))
                .after(pretty(trust))
        });
        let boundary = self.new_boundary().map(|boundary| {
            let verb = match (&self.role.permissions_boundary, boundary) {
                (_, None) => Verb::Delete,
                (None, _) => Verb::Attach,
                _ => Verb::Update,
            };
            let mut change = Change::new(verb, "permissions boundary of role", name);
            change.before = self.role.permissions_boundary.as_ref().map(line);
            change.after = boundary.map(line);
            change
        });
        trust.into_iter().chain(boundary).collect()
    }

    /// Returns how it differs from what we would make, in words.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut words: Vec<String> = differences(&self.trust, &self.grant.trust_policy())
            .into_iter()
            .map(|difference| format!("trust: {difference}"))
            .collect();
        if self.is_denied() {
            words.push("trust: a statement of others denies the service account".into());
        }
        if self.new_boundary().is_some() {
            let shown = |boundary: Option<&str>| boundary.map_or("none".into(), quoted);
            words.push(format!(
                "boundary: found {}, expected {}",
                shown(self.role.permissions_boundary.as_deref()),
                shown(self.grant.identity.boundary.as_deref())
            ));
        }
        if self.is_elsewhere() {
            words.push(format!(
                "path: found `{}`, expected `{}`; the path of a role cannot be changed",
                self.role.path, self.grant.identity.path
            ));
        }
        words
    }

    /// Returns answers under which it would differ less.
    pub(super) fn accepting(&self) -> Vec<Choice> {
        let boundary = self.role.permissions_boundary.as_ref();
        let boundary = boundary.filter(|_| self.is_bounded_by_others());
        let boundary = boundary.map(|arn| {
            let label = "accepts the boundary that somebody has put on the role";
            Choice::new("aws_permissions_boundary", arn, label)
        });
        let path = self.is_elsewhere().then(|| {
            let label = "accepts the path that the role has";
            Choice::new("aws_iam_path", &self.role.path, label)
        });
        boundary.into_iter().chain(path).collect()
    }

    /// Refuses a trust policy that AWS would not take.
    pub(super) fn check_size(&self) -> Result<(), StepError> {
        match excess(Some(&self.trust), &self.intended) {
            None => Ok(()),
            Some((size, limit)) => Err(StepError::failed(format!(
                "the trust policy of role `{}` would have {size} characters with the statements of \
                 others that it holds; AWS takes {limit} (quota ACLSizePerRole)",
                self.role.name
            ))
            .hint("a role for each cluster keeps it small: `--set aws_s3_role=NAME`")
            .hint("or have an administrator raise the quota, or remove what nobody needs any more")),
        }
    }

    /// Returns the digest of what the role means: whom it lets in, what it may do, its bounds, its
    /// path. The policy of our name counts by itself, so that it can be brought up to date.
    pub(super) async fn digest(&self, aws: &Aws) -> Result<String, StepError> {
        let name = &self.role.name;
        let (attached, inline) = futures::future::try_join(
            aws.attached_policies(name),
            aws.inline_policies(name),
        )
        .await
        .map_err(not_there_yet)?;
        let attached = attached.unwrap_or_default().into_iter();
        let attached = attached.filter(|policy| policy.name != self.grant.identity.role);
        let attached: Vec<String> = attached.map(|policy| policy.arn).collect();
        let inline: Vec<Value> = inline
            .unwrap_or_default()
            .iter()
            .map(|policy| parse(&policy.document))
            .collect();
        Ok(meaning_digest(&json!({
            "trust": self.trust,
            "attached": attached,
            "inline": inline,
            "boundary": self.role.permissions_boundary,
            "path": self.role.path,
        })))
    }

    /// Does the same; none where the caller may not read the role's policies.
    pub(super) async fn digest_if_allowed(&self, aws: &Aws) -> Result<Option<String>, StepError> {
        match self.digest(aws).await {
            Ok(digest) => Ok(Some(digest)),
            Err(error) if error.kind == ErrorKind::Permission => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn line(text: impl AsRef<str>) -> String {
    format!("{}\n", text.as_ref())
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}
