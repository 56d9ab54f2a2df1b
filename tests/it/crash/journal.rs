//! What the journals of a picture tell whoever goes on with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rok_deploy::engine::RunState;
use rok_deploy::engine::run::Earlier;
use rok_deploy::journal::{Header, read};

use super::disk::Picture;

/// What a run that goes on takes from its journal, and whether it may. Two worlds that differ in
/// nothing else have the same future.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Journal {
    told: BTreeMap<PathBuf, Told>,
}

type Told = Option<(Header, Earlier, bool)>;

impl Journal {
    /// Reads the journals of a picture, which is of the world as it is at `home`; those that are as
    /// they were in an earlier one are known.
    pub(super) fn of(home: &Path, picture: &Picture, earlier: Option<(&Picture, &Self)>) -> Self {
        let journals = picture
            .entries
            .keys()
            .filter(|path| path.ends_with("journal.jsonl"));
        let told = journals.map(|path| {
            let known = earlier.and_then(|(earlier, known)| {
                let is_same = earlier.entries.get(path) == picture.entries.get(path);
                known.told.get(path).filter(|_| is_same).cloned()
            });
            let told = known.unwrap_or_else(|| Self::read(&home.join(path)));
            (path.clone(), told)
        });
        Self {
            told: told.collect(),
        }
    }

    fn read(path: &Path) -> Told {
        let journal = read(path).ok()?;
        let state = RunState::of(&journal.events);
        let may = state.is_worth_resuming();
        // Events are counted on, and that is all that is done with their number.
        let earlier = Earlier {
            seq: 0,
            ..Earlier::of(state)
        };
        Some((journal.header, earlier, may))
    }
}
