//! Whom a trust policy lets in, a sentence for each identity or kind of identities.

use std::collections::BTreeMap;

use super::super::Admission;
use super::super::subject;
use super::admitted::{Admitted, Token, issuer_of};
use super::certainty::Certainty;
use super::share::{Share, Values};
use super::statement::Effect;

impl Admitted {
    /// Returns who is let in, in words; nothing when it is nobody. A sentence that begins with
    /// "perhaps" is not certain, one that begins with "never" takes out what another lets in.
    pub fn in_words(&self) -> Vec<String> {
        let (mut words, mut open) = (Vec::new(), Vec::new());
        for share in self.shares() {
            words.extend(self.sentences(&share));
            if !share.is_exact() {
                open.extend(share.provider);
            }
        }
        // Identities that are known by name and denied are left out already.
        for provider in open {
            for statement in self.about_tokens(Effect::Deny) {
                let denied = Share::of(statement, Some(provider));
                let is_named = statement.names(provider) != Certainty::No;
                let denied = denied
                    .iter()
                    .filter(|_| is_named)
                    .flat_map(Share::sentences);
                words.extend(denied.map(|sentence| format!("never {sentence}")));
            }
        }
        let mut once: Vec<String> = Vec::new();
        for sentence in words {
            if !once.contains(&sentence) {
                once.push(sentence);
            }
        }
        once
    }

    /// Returns who is let in besides the one service account that is meant to be.
    pub fn others(&self, admission: &Admission) -> Vec<String> {
        let ours = admission.in_words();
        let mut words = self.in_words();
        words.retain(|sentence| *sentence != ours);
        words
    }

    /// What each statement lets in of each provider, unless a denial takes out all of it.
    pub(super) fn shares(&self) -> Vec<Share<'_>> {
        let allowing = self.about_tokens(Effect::Allow);
        let mut shares: Vec<Share<'_>> = allowing.flat_map(Share::all).collect();
        shares.retain(|share| {
            let everybody = share.provider.is_none();
            !self.about_tokens(Effect::Deny).any(|statement| {
                statement.conditions.is_empty()
                    && !(everybody && statement.principals.negated)
                    && statement.denies(&share.token([])) == Certainty::Yes
            })
        });
        shares
    }

    /// Says each identity that is known by name as the whole policy judges it, and others as their
    /// own statement has them.
    fn sentences(&self, share: &Share<'_>) -> Vec<String> {
        if !share.is_exact() {
            return share.sentences();
        }
        let mut words = Vec::new();
        for subject in share.subjects.listed() {
            for certainty in [Certainty::Yes, Certainty::Unsure] {
                let mut audiences = share.audiences.clone();
                audiences.listed.iter_mut().for_each(|listed| {
                    listed.retain(|audience| {
                        let token = share.token([("sub", subject), ("aud", audience)]);
                        self.judge(&token) == certainty
                    });
                });
                if audiences.listed().next().is_some() {
                    let one = Share {
                        subjects: Values::only(subject),
                        audiences,
                        certainty,
                        ..share.clone()
                    };
                    words.extend(one.sentences());
                }
            }
        }
        words
    }
}

impl Share<'_> {
    /// A token of the provider with these claims.
    pub(super) fn token<const COUNT: usize>(&self, claims: [(&str, &str); COUNT]) -> Token {
        let claims = claims.map(|(name, value)| (name.into(), vec![value.into()]));
        Token {
            provider: self.provider.unwrap_or_default().into(),
            claims: BTreeMap::from(claims),
        }
    }

    /// A sentence for each subject.
    fn sentences(&self) -> Vec<String> {
        let mut subjects: Vec<String> = self
            .subjects
            .listed()
            .map(|subject| self.named(subject))
            .collect();
        if self.subjects.listed.is_none() {
            subjects.push(self.anybody().into());
        }
        let perhaps = match self.certainty {
            Certainty::Yes => "",
            _ => "perhaps ",
        };
        let rest = format!(
            "{} with {}{}{}",
            self.of_provider(),
            self.audience(),
            self.exceptions(),
            self.further()
        );
        let sentences = subjects.iter();
        sentences
            .map(|subject| format!("{perhaps}{subject} of {rest}"))
            .collect()
    }

    fn named(&self, subject: &str) -> String {
        match (self.subjects.are_patterns, self.subjects.ignore_case) {
            (true, _) => subject::like(subject),
            (_, true) => format!("{} in any case of its letters", subject::exactly(subject)),
            _ => subject::exactly(subject),
        }
    }

    /// EKS names its issuers `…/id/…`; those of others may not be clusters.
    pub(super) fn anybody(&self) -> &'static str {
        match self.provider {
            Some(provider) if issuer_of(provider).contains("/id/") => subject::ANY_ACCOUNT,
            _ => subject::ANY,
        }
    }

    fn of_provider(&self) -> String {
        match self.provider {
            Some(provider) => format!("issuer `{}`", issuer_of(provider)),
            None => "any identity provider of the account".into(),
        }
    }

    fn audience(&self) -> String {
        let listed: Vec<_> = self
            .audiences
            .listed()
            .map(|value| format!("`{value}`"))
            .collect();
        let like = if self.audiences.are_patterns {
            " like"
        } else {
            ""
        };
        match &listed[..] {
            [] => "any audience".into(),
            listed => format!("audience{like} {}", listed.join(" or ")),
        }
    }

    fn exceptions(&self) -> String {
        let providers = self
            .but_providers
            .iter()
            .map(|name| format!("issuer `{}`", issuer_of(name)));
        let subjects = self.subjects.but.iter().map(|value| subject::like(value));
        let audiences = self
            .audiences
            .but
            .iter()
            .map(|value| format!("audience `{value}`"));
        let exceptions: Vec<_> = providers.chain(subjects).chain(audiences).collect();
        match &exceptions[..] {
            [] => String::new(),
            exceptions => format!(", except {}", exceptions.join(" and ")),
        }
    }

    fn further(&self) -> String {
        let issuer = issuer_of(self.provider.unwrap_or_default());
        let conditions = self.conditions.iter();
        let conditions: Vec<_> = conditions
            .map(|condition| condition.in_words(issuer))
            .collect();
        match &conditions[..] {
            [] => String::new(),
            conditions => format!(", if {}", conditions.join(" and ")),
        }
    }
}
