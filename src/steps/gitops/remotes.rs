//! What a repository holds that is not cloned yet: the choices of somebody who began elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::repository::{blocking, failed};
use crate::clients::git::Git;
use crate::engine::{Answers, ErrorKind, StepError};

/// The folder of the files that hold choices.
const FOLDER: &str = "deploy";

/// Files by path.
type Files = BTreeMap<String, String>;

/// Address and branch.
type Place = (String, Option<String>);

/// Looks into repositories, each once unless there is none at the address. Clones share what they
/// saw.
#[derive(Clone)]
pub struct Remotes {
    git: Git,
    seen: Arc<Mutex<BTreeMap<Place, Result<Files, StepError>>>>,
}

impl Remotes {
    /// Returns a view through that client.
    pub fn new(git: Git) -> Self {
        Self {
            git,
            seen: Arc::default(),
        }
    }

    /// Returns the files of the repository that the answers name; none when they name none.
    ///
    /// # Errors
    ///
    /// When it cannot be fetched from.
    pub async fn choices(&self, answers: &Answers) -> Result<Files, StepError> {
        let of = |key: &str| answers.get(key).map(str::to_owned);
        let Some(url) = of("gitops_url") else {
            return Ok(Files::new());
        };
        let place = (url, of("gitops_branch"));
        let mut seen = self.seen.lock().await;
        if let Some(known) = seen.get(&place) {
            return known.clone();
        }
        let (git, asked) = (Clone::clone(&self.git), place.clone());
        let found = blocking(move || {
            let (url, branch) = asked;
            let files = git.peek(&url, branch.as_deref(), FOLDER).map_err(failed)?;
            let text =
                |(path, bytes): (String, Vec<u8>)| Some((path, String::from_utf8(bytes).ok()?));
            Ok(files.into_iter().filter_map(text).collect::<Files>())
        })
        .await;
        // What is wrong with the address may be put right while the form is open.
        if !found
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Answers)
        {
            seen.insert(place, found.clone());
        }
        found
    }
}
