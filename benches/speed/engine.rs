//! The fold that every reader of events uses, and the engine's own share of planning.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use divan::{Bencher, black_box};
use rok_deploy::engine::ports::{NoRecorder, SystemClock};
use rok_deploy::engine::recipe::Only;
use rok_deploy::engine::run::{Options, start};
use rok_deploy::engine::{
    Approval, Context, Facts, Observation, Phase, Recipe, RunState, Step, StepError, StepMeta,
    Task, TaskMode,
};

use crate::story::{LONG, story};

#[divan::bench(sample_count = 10)]
fn fold_100_000_events(bencher: Bencher) {
    let events = story(LONG);
    bencher.bench_local(|| RunState::of(black_box(&events)));
}

/// A step that finds everything as intended, at once.
struct Satisfied {
    id: &'static str,
}

#[async_trait]
impl Step for Satisfied {
    fn meta(&self) -> StepMeta {
        StepMeta::new(self.id, "Nothing to do", Phase::Apply)
    }

    async fn check(&self, _: &Facts, _: &Context) -> Result<Observation, StepError> {
        Ok(Observation::satisfied("as intended"))
    }

    async fn apply(&self, _: &Facts, _: &Context) -> Result<(), StepError> {
        Err(StepError::failed("a satisfied step does not act"))
    }
}

#[divan::bench]
fn plan_of_200_satisfied_steps(bencher: Bencher) {
    // Ids live as long as the program, as those of real steps do.
    let step = |index: usize| Satisfied {
        id: format!("bench.step-{index}").leak(),
    };
    let steps: Vec<Arc<dyn Step>> = (0..200).map(|index| Arc::new(step(index)) as _).collect();
    let recipe = Recipe {
        name: "bench",
        tasks: vec![Task {
            name: "all",
            title: "Everything",
            mode: TaskMode::Run,
            proves: None,
            steps,
        }],
        left_out: BTreeMap::new(),
        closing: "Everything is in place",
        next: Vec::new(),
    };
    let options = Options {
        run: "bench".into(),
        tool_version: "0.1.0".into(),
        practice: true,
        plan_only: true,
        only: Only::Everything,
        within: None,
        approval: Approval::Plan,
        wait: None,
        answers: Vec::new(),
        warnings: Vec::new(),
        earlier: None,
        asks: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    bencher
        .with_inputs(|| (recipe.clone(), options.clone()))
        .bench_local_values(|(recipe, options)| {
            runtime.block_on(async {
                let clock = Arc::new(SystemClock);
                let mut handle = start(recipe, options, clock, Box::new(NoRecorder));
                let mut events = 0;
                while handle.events.recv().await.is_some() {
                    events += 1;
                }
                events
            })
        });
}
