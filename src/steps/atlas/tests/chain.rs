//! The chain as a whole: proven, unknown where nobody may look, and never changed by looking.

use super::*;

#[tokio::test]
async fn a_chain_that_holds_is_proven_link_by_link() {
    let practice = Practice::new().await;
    let writes = || {
        let server = practice.sandbox.aws().unwrap();
        let lines = server.requests();
        // A session is no change of the world.
        let writes = lines.into_iter().filter(|line| line.write);
        writes
            .filter(|line| !format!("{line:?}").contains("AssumeRole"))
            .count()
    };
    let before = writes();
    let chain = practice.prober.chain().await;
    assert_eq!(states(&chain), all(LinkState::Proven));
    assert!(chain[Link::Bucket].note.contains("does not exist yet"));
    assert!(chain[Link::Trust].note.contains("sub StringEquals"));
    assert_eq!(writes(), before, "looking writes nothing");
}

#[tokio::test]
async fn what_may_not_be_looked_at_is_unknown_and_what_works_is_proven_by_use() {
    let practice = Practice::new().await;
    let mut weak = practice.as_user(&[]).await;
    let chain = weak.chain().await;
    assert_eq!(states(&chain), all(LinkState::Proven));
    assert!(chain[Link::Trust].note.starts_with("by use"), "{chain:?}");

    weak.access = None;
    let chain = weak.chain().await;
    assert_eq!(states(&chain), all(LinkState::Unknown));
    assert_eq!(chain[Link::Token].note, "the cluster is left out");
    assert!(chain[Link::Trust].note.contains("iam:GetRole"), "{chain:?}");
}

#[tokio::test]
async fn a_cause_that_may_not_be_looked_at_is_not_guessed() {
    let practice = Practice::new().await;
    practice.retrust(|trust| trust["Statement"][0]["Action"] = "sts:AssumeRole".into());
    let symptom = practice.symptom().await.unwrap();
    let weak = practice.as_user(&[]).await;
    let (diagnosis, chain) = weak.diagnose(&symptom, false).await;
    assert_eq!(diagnosis.cause_id, None);
    assert!(
        diagnosis.cause.contains("iam:GetRole"),
        "{}",
        diagnosis.cause
    );
    assert!(!diagnosis.remedies.is_empty());
    assert_eq!(chain[Link::Trust].state, LinkState::Unknown);
    // In a run that has just changed something the doubt may pass.
    assert!(weak.diagnose(&symptom, true).await.0.not_yet);
}

#[tokio::test]
async fn a_change_that_has_not_arrived_is_waited_for_by_the_run_that_made_it() {
    let practice = Practice::with_lag(Duration::from_hours(1)).await;
    let symptom = practice.symptom().await.unwrap();
    let (diagnosis, chain) = practice.prober.diagnose(&symptom, true).await;
    assert!(diagnosis.not_yet, "{diagnosis:?}");
    assert_eq!(diagnosis.entry, Some("provider-missing"));
    let error = diagnosis.into_error(&symptom, chain);
    assert!(error.retry && error.message.contains(&symptom.text));
    // Nobody waits for a change that this run has not made.
    let (later, _) = practice.prober.diagnose(&symptom, false).await;
    assert!(
        !later.not_yet && later.remedies[0].contains("rok-deploy verify"),
        "{later:?}"
    );
}

#[tokio::test]
async fn a_request_that_succeeds_by_now_is_tried_again() {
    let practice = Practice::new().await;
    practice.retrust(|trust| trust["Statement"][0]["Action"] = "sts:AssumeRole".into());
    let symptom = practice.symptom().await.unwrap();
    practice.retrust(|trust| {
        trust["Statement"][0]["Action"] = "sts:AssumeRoleWithWebIdentity".into();
    });
    let (diagnosis, _) = practice.prober.diagnose(&symptom, false).await;
    assert!(diagnosis.not_yet && diagnosis.cause.contains("succeeds by now"));
}

#[tokio::test]
async fn an_error_keeps_its_raw_words_its_request_and_the_chain() {
    let practice = Practice::new().await;
    practice.change(|state| state.providers.clear());
    let symptom = practice.symptom().await.unwrap();
    let request = symptom.request_id.clone().expect("AWS names its requests");
    let (diagnosis, chain) = practice.prober.diagnose(&symptom, true).await;
    let error = diagnosis.into_error(&symptom, chain);
    assert_eq!(error.kind, crate::engine::ErrorKind::Verification);
    for part in [
        "InvalidIdentityToken",
        "No OpenIDConnect provider",
        &request,
    ] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    assert!(!error.hints.is_empty() && !error.retry);
    let chain = error.chain.unwrap();
    assert_eq!(chain.weakest().unwrap().link, Link::Provider);
}

#[tokio::test]
async fn an_unknown_error_keeps_its_raw_words() {
    let practice = Practice::new().await;
    let symptom = Symptom {
        request_id: Some("r-1".into()),
        ..Symptom::new(super::super::Source::S3, "the moon is full").code("Werewolf")
    };
    let (diagnosis, chain) = practice.prober.diagnose(&symptom, true).await;
    assert!(diagnosis.entry.is_none() && !diagnosis.not_yet);
    let error = diagnosis.into_error(&symptom, chain);
    let raw = "Werewolf: the moon is full (request id r-1)";
    assert!(error.message.starts_with(raw), "{}", error.message);
}
