//! The table: failures by where they come from, each with what may be behind it.

mod aws;
mod azure;
mod azure_identity;
mod cluster;
mod credentials;
mod git;
mod identity;
mod limits;
mod pod;

pub(super) use self::credentials::CLOCK;
use super::entry::{Entry, Response};
use super::symptom::Source;

/// Returns every entry. Of two that fit a symptom equally well the first is taken.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    const PARTS: [&[Entry]; 9] = [
        identity::ENTRIES,
        aws::ENTRIES,
        limits::ENTRIES,
        credentials::ENTRIES,
        cluster::ENTRIES,
        pod::ENTRIES,
        git::ENTRIES,
        azure::ENTRIES,
        azure_identity::ENTRIES,
    ];
    PARTS.into_iter().flatten()
}

/// What most entries have in common.
const ENTRY: Entry = Entry {
    id: "",
    row: 0,
    sources: &[],
    codes: &[],
    texts: &[],
    seen: true,
    response: Response::Stop,
    in_chain: false,
    causes: &[],
};

/// Whoever may speak for AWS.
const ANY_AWS: &[Source] = &[
    Source::Aws,
    Source::Sts,
    Source::Iam,
    Source::Eks,
    Source::S3,
    Source::CloudFormation,
    Source::Pod,
];
