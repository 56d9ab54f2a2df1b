//! The role that is there, held against the one that we intend.

use serde_json::{Value, json};

use super::adoption::meaning_digest;
use super::identity::Grant;
use super::not_there_yet;
use super::policy::{Certainty, admitted, differences, normal, parse, pretty};
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

/// What is to become of a role's permissions boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounding<'a> {
    /// It is this policy.
    By(&'a str),
    /// There is none.
    No,
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

    /// Returns whom else the trust policy lets in, or will, and what to think of it, a sentence each.
    pub(super) fn others(&self) -> Vec<String> {
        let (name, admitted) = (&self.role.name, admitted(&self.intended));
        let others = admitted.others(&self.grant.admission());
        let others = others
            .iter()
            .map(|other| format!("role `{name}` lets in {other} too"));
        let warnings = admitted.warnings();
        let warnings = warnings
            .iter()
            .map(|warning| format!("role `{name}`: {warning}"));
        others.chain(warnings).collect()
    }

    /// Whether a statement of others keeps us out, whatever ours says.
    pub(super) fn is_denied(&self) -> bool {
        admitted(&self.intended).judge(&self.grant.admission().token()) == Certainty::No
    }

    /// Whether the role lets the service account in as it is, as far as its trust policy tells.
    pub(super) fn lets_us_in(&self) -> bool {
        admitted(&self.trust).judge(&self.grant.admission().token()) != Certainty::No
    }

    /// Returns what to do about the boundary, when it is not as intended.
    pub(super) fn bounding(&self) -> Option<Bounding<'_>> {
        let intended = self.grant.identity.boundary.as_deref();
        match (self.role.permissions_boundary.as_deref(), intended) {
            (found, intended) if found == intended => None,
            (_, Some(arn)) => Some(Bounding::By(arn)),
            (_, None) => Some(Bounding::No),
        }
    }

    /// Whether somebody has put bounds on the role which no answer names.
    pub(super) fn is_bounded_by_others(&self) -> bool {
        self.bounding() == Some(Bounding::No)
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
            && self.bounding().is_none()
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
        let before = self.role.permissions_boundary.as_ref();
        let boundary = self.bounding().map(|bounding| {
            let (verb, after) = match bounding {
                Bounding::No => (Verb::Delete, None),
                Bounding::By(arn) if before.is_none() => (Verb::Attach, Some(arn)),
                Bounding::By(arn) => (Verb::Update, Some(arn)),
            };
            let mut change = Change::new(verb, "permissions boundary of role", name);
            change.before = before.map(line);
            change.after = after.map(line);
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
        if self.bounding().is_some() {
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
            .hint(
                "or have an administrator raise the quota, or remove what nobody needs any more",
            )),
        }
    }

    /// Returns the digest of what the role means: whom it lets in, what it may do, its bounds, its
    /// path. The policy of our name counts by itself, so that it can be brought up to date.
    pub(super) async fn digest(&self, aws: &Aws) -> Result<String, StepError> {
        let name = &self.role.name;
        let (attached, inline) =
            futures::future::try_join(aws.attached_policies(name), aws.inline_policies(name))
                .await
                .map_err(not_there_yet)?;
        let attached = attached.unwrap_or_default().into_iter();
        let attached = attached.filter(|policy| policy.name != self.grant.identity.role);
        let mut attached: Vec<String> = attached.map(|policy| policy.arn).collect();
        attached.sort();
        let inline = inline.unwrap_or_default();
        let inline = inline.iter().map(|policy| normal(&parse(&policy.document)));
        let mut inline: Vec<Value> = inline.collect();
        inline.sort_by_key(Value::to_string);
        Ok(meaning_digest(&json!({
            "trust": normal(&self.trust),
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
