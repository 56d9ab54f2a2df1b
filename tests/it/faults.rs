//! Runs in a practice cloud where things go wrong, in time that need not be waited for.

mod time;
mod trial;

use crate::support::practice::Practice;
use trial::Trial;

#[test]
fn prototype() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let first: u64 = std::env::var("FIRST").map_or(0, |t| t.parse().unwrap());
    let count: u64 = std::env::var("COUNT").map_or(3, |t| t.parse().unwrap());
    for seed in 0..2 + count {
        let began = std::time::Instant::now();
        let practice = Practice::new();
        let runtime = time::runtime();
        let seed = (seed > 1).then(|| seed - 2 + first);
        let (goes, passed) = runtime.block_on(async {
            let trial = Trial::new(&practice.env.state_dir(), &["--no-pod"]);
            let goes = trial.go_on(seed, 6).await;
            (goes, trial.time.passed())
        });
        drop(runtime);
        println!("seed {seed:?}: {:?} real, {passed:?} virtual", began.elapsed());
        for go in &goes {
            println!("   {:?} {} faults", go.end, go.injected.len());
            if go.end != Ok(rok_deploy::engine::Outcome::Done) {
                for event in go.events.iter() {
                    if let rok_deploy::engine::EventKind::StepFailed { step, error } = &event.event { println!("      {step}: {:?} {error}", error.kind) }
                }
            }
        }
    }
}

#[test]
fn times() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let practice = Practice::new();
    let runtime = time::runtime();
    let began = std::time::Instant::now();
    let goes = runtime.block_on(async {
        let trial = Trial::new(&practice.env.state_dir(), &["--no-pod"]);
        trial.go_on(None, 1).await
    });
    println!("{:?}", began.elapsed());
    for event in &goes[0].events { println!("{} {}", event.at, format!("{:?}", event.event).chars().take(90).collect::<String>()); }
    let run = practice.runs().remove(0);
    println!("{}", std::fs::read_to_string(run.join("wire.jsonl")).unwrap());
}
