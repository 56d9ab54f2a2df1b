//! What the journals of a picture tell whoever goes on with them.

use std::path::Path;

use rok_deploy::engine::RunState;
use rok_deploy::engine::run::Earlier;
use rok_deploy::journal::{Header, read};

use super::disk::Picture;

/// What a run that goes on takes from its journal, and whether it may. Two worlds that differ in
/// nothing else have the same future.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Journal {
    told: Vec<Option<(Header, Earlier, bool)>>,
}

impl Journal {
    /// Reads the journals of a picture, which is of the world as it is at `home`.
    pub(super) fn of(home: &Path, picture: &Picture) -> Self {
        let journals = picture
            .entries
            .keys()
            .filter(|path| path.ends_with("journal.jsonl"));
        let told = journals.map(|path| {
            let journal = read(&home.join(path)).ok()?;
            let state = RunState::of(&journal.events);
            let may = state.is_worth_resuming();
            // Events are counted on, and that is all that is done with their number.
            let earlier = Earlier {
                seq: 0,
                ..Earlier::of(state)
            };
            Some((journal.header, earlier, may))
        });
        Self {
            told: told.collect(),
        }
    }
}
