//! Steps that bring the manifests of a directory into the cluster: build, apply, wait until ready.
//!
//! They know nothing of what the manifests are for. What the server would store is asked by dry run,
//! so that a change is shown as it will be, and an object that is as it should be is not written.

mod apply;
mod build;
mod object;
mod owner;
mod ready;
mod standing;
mod target;
mod text;

use futures::{StreamExt as _, stream};

use crate::engine::StepError;

pub use apply::{ApplyManifests, Part};
pub use build::{BUILT, BuildManifests, Manifests};
pub use ready::ManifestsReady;
pub use target::{SERVER, TargetCluster};

/// How many objects are asked about at the same time.
const TOGETHER: usize = 8;

/// Does all the work, a few pieces at a time, also after one has failed, and returns the results in
/// order, or the first failure.
async fn together<T>(
    work: Vec<impl Future<Output = Result<T, StepError>>>,
) -> Result<Vec<T>, StepError> {
    let done: Vec<_> = stream::iter(work).buffered(TOGETHER).collect().await;
    done.into_iter().collect()
}
