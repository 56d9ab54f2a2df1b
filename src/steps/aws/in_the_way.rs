//! An object that has our name and is not ours: said in words, with the ways out.

use std::collections::BTreeMap;

use super::adoption::{Decisions, Object};
use super::identity::Identity;
use crate::engine::{Change, Choice, Observation};
use crate::steps::names;
use crate::steps::ownership::Ownership;

/// What was found where ours would be.
#[derive(Debug, Clone)]
pub struct InTheWay<'a> {
    /// What it is.
    pub object: Object,
    /// Its name.
    pub name: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// How it differs from what we intend, a sentence each, apart from its tags.
    pub differences: Vec<String>,
    /// What taking it over would change, apart from its tags.
    pub changes: Vec<Change>,
    /// Whether it can be taken over: some things cannot be changed.
    pub can_be_taken: bool,
    /// The digest of what it means now, when it could be made.
    pub digest: Option<String>,
    /// Other answers under which it would not be in the way.
    pub accepting: Vec<Choice>,
}

impl InTheWay<'_> {
    /// Returns the conflict: what was found, how it differs, what can be done.
    pub fn conflict(self, identity: &Identity) -> Observation {
        let Self {
            object, name, tags, ..
        } = self;
        let (title, ownership) = (object.title(), &identity.ownership);
        let is_ours = ownership.is_ours(tags);
        let subject = match (identity.adopt.kept(object), &self.digest) {
            (Some(accepted), now) => {
                let word = object.word();
                let now = now.as_deref().unwrap_or("another one");
                format!(
                    "{title} `{name}` was accepted as `{word}@{accepted}` and has been changed \
                     since: it is `{word}@{now}` now"
                )
            }
            (None, _) if is_ours => format!("{title} `{name}` is ours and not as intended"),
            (None, _) => format!(
                "{title} `{name}` exists and is not ours: found {}, expected {}",
                Ownership::found(tags),
                ownership.expected()
            ),
        };
        let reason = if self.differences.is_empty() {
            format!("{subject}; apart from that it is as intended")
        } else {
            let lines = self.differences.iter().map(|line| format!("\n- {line}"));
            format!("{subject}; it differs:{}", lines.collect::<String>())
        };
        let choices = self.choices(identity);
        let held = identity.adopt.to_string();
        let hints = choices.iter().map(|choice| choice.hint(&held)).collect();
        let marking = (!is_ours).then(|| ownership.marking(title, name, tags));
        let changes = marking.into_iter().chain(self.changes).collect();
        Observation::conflict(reason, changes, hints).offers(choices)
    }

    fn choices(&self, identity: &Identity) -> Vec<Choice> {
        let object = self.object;
        let is_of_another =
            !Ownership::is_unmarked(self.tags) && !identity.ownership.is_ours(self.tags);
        let taking = self.can_be_taken.then(|| {
            let changes = if is_of_another {
                "takes it away from whom its tags name, and makes these changes"
            } else if self.changes.is_empty() {
                "takes it over: our tags are added, nothing else is changed"
            } else {
                "takes it over and makes these changes"
            };
            Decisions::taking_over(object, changes)
        });
        let keeping = self.digest.as_deref();
        let keeping = keeping.map(|digest| Decisions::keeping(object, digest));
        let other_name = match object {
            Object::Role | Object::Policy => Some("aws_s3_role"),
            Object::Stack => Some("aws_cf_s3_resources"),
            Object::Provider => None,
        };
        let other_name = other_name.map(|key| {
            let installation = format!(
                "{}\n{}\n{}",
                identity.ownership.cluster, identity.subject, identity.prefix
            );
            let label = "leaves it alone and takes another name";
            Choice::new(key, names::beside(self.name, &installation), label)
        });
        let mut choices: Vec<_> = taking.into_iter().chain(keeping).collect();
        choices.extend(self.accepting.iter().cloned());
        // What another cluster has is not offered first.
        let place = if is_of_another { 0 } else { choices.len() };
        choices.splice(place..place, other_name);
        choices
    }
}

/// Returns the conflict about an object that was to be used as it is and is not there.
pub(super) fn gone(identity: &Identity, object: Object, name: &str) -> Observation {
    let (title, word) = (object.title(), object.word());
    let accepted = identity.adopt.kept(object).unwrap_or_default();
    let reason =
        format!("{title} `{name}` was accepted as `{word}@{accepted}` and does not exist any more");
    let anew = identity.adopt.without(object).to_string();
    let anew = Choice::new(super::adoption::ADOPT, anew, "makes a new one");
    let hints = vec![anew.hint("")];
    Observation::conflict(reason, Vec::new(), hints).offers(vec![anew])
}
