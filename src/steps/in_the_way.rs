//! An object that has our name and is not ours: said in words, with the ways out.

use std::collections::BTreeMap;

use super::adoption::{Adoptable, Decisions};
use super::ownership::Ownership;
use crate::engine::{Change, Choice, Observation};

/// The installation whose objects are looked for.
pub trait Installation<O> {
    /// Returns the tags of what is its own.
    fn ownership(&self) -> &Ownership;

    /// Returns what was decided about objects of others.
    fn adopt(&self) -> &Decisions<O>;

    /// Returns the choice to leave the object of that name alone, where it can have another name.
    fn other_name(&self, object: O, name: &str) -> Option<Choice>;
}

/// What was found where ours would be.
#[derive(Debug, Clone)]
pub struct InTheWay<'a, O> {
    /// What it is.
    pub object: O,
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

impl<O: Adoptable> InTheWay<'_, O> {
    /// Returns the conflict: what was found, how it differs, what can be done.
    pub fn conflict(self, whose: &impl Installation<O>) -> Observation {
        let Self {
            object, name, tags, ..
        } = self;
        let (title, ownership) = (object.title(), whose.ownership());
        let is_ours = ownership.is_ours(tags);
        let subject = match (whose.adopt().kept(object), &self.digest) {
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
        let choices = self.choices(whose);
        let held = whose.adopt().to_string();
        let hints = choices.iter().map(|choice| choice.hint(&held)).collect();
        let marking = (!is_ours).then(|| ownership.marking(title, name, tags));
        let changes = marking.into_iter().chain(self.changes).collect();
        Observation::conflict(reason, changes, hints).offers(choices)
    }

    fn choices(&self, whose: &impl Installation<O>) -> Vec<Choice> {
        let object = self.object;
        let is_of_another =
            !Ownership::is_unmarked(self.tags) && !whose.ownership().is_ours(self.tags);
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
        let other_name = whose.other_name(object, self.name);
        let mut choices: Vec<_> = taking.into_iter().chain(keeping).collect();
        choices.extend(self.accepting.iter().cloned());
        // What another cluster has is not offered first.
        let place = if is_of_another { 0 } else { choices.len() };
        choices.splice(place..place, other_name);
        choices
    }
}

/// Returns the conflict about an object that was to be used as it is and is not there.
pub(super) fn gone<O: Adoptable>(
    whose: &impl Installation<O>,
    object: O,
    name: &str,
) -> Observation {
    let (title, word) = (object.title(), object.word());
    let accepted = whose.adopt().kept(object).unwrap_or_default();
    let reason =
        format!("{title} `{name}` was accepted as `{word}@{accepted}` and does not exist any more");
    let anew = whose.adopt().without(object).to_string();
    let anew = Choice::new(O::KEY, anew, "makes a new one");
    let hints = vec![anew.hint("")];
    Observation::conflict(reason, Vec::new(), hints).offers(vec![anew])
}
