//! Made-up runs for tests: what an engine would say.

pub(crate) mod azure;

use crate::engine::event::{FindingKind, ResolvedAnswer, StepOutline, TaskOutline};
use crate::engine::{
    Approval, Chain, ChainKind, Change, Choice, ErrorKind, Event, EventKind, FactKey, Facts, Link,
    LinkState, Origin, Outcome, Phase, Scope, Signal, StepError, StepOutcome, TaskMode, Verb,
};

const TRUST_BEFORE: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::123451234512:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/0F2A"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "oidc.eks.us-west-2.amazonaws.com/id/0F2A:aud": "sts.amazonaws.com"
        }
      }
    }
  ]
}
"#;

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:*",
      "Resource": [
        "arn:aws:s3:::rok-123451234512-us-west-2-arrikto-cluster*"
      ]
    }
  ]
}
"#;

/// Tells a story: events with numbers and times.
pub(crate) struct Story {
    events: Vec<Event>,
    at: jiff::Timestamp,
}

impl Story {
    pub(crate) fn new() -> Self {
        let at = "2026-04-01T10:15:00Z".parse().unwrap();
        Self {
            events: Vec::new(),
            at,
        }
    }

    /// Adds what happens `milliseconds` later.
    pub(crate) fn then(mut self, milliseconds: i64, event: EventKind) -> Self {
        self.at += jiff::SignedDuration::from_millis(milliseconds);
        let seq = self.events.len() as u64 + 1;
        self.events.push(Event {
            seq,
            at: self.at,
            event,
        });
        self
    }

    /// Adds a step that looks.
    pub(crate) fn looks(self, id: &str, event: EventKind) -> Self {
        self.then(5, EventKind::StepObserving { step: id.into() })
            .then(180, event)
    }

    /// Adds a step that acts, settles and is done.
    pub(crate) fn acts(self, id: &str, changes: Vec<Change>) -> Self {
        self.then(
            10,
            EventKind::StepActing {
                step: id.into(),
                changes,
            },
        )
        .then(310, EventKind::StepActed { step: id.into() })
        .then(90, done(id, StepOutcome::Changed, ""))
    }

    pub(crate) fn tell(self) -> Vec<Event> {
        self.events
    }
}

pub(crate) fn started(resumed: bool) -> EventKind {
    let step = |id: &str, title: &str, phase| StepOutline {
        id: id.into(),
        title: title.into(),
        phase,
    };
    let task = |name: &str, title: &str, mode, steps| TaskOutline {
        name: name.into(),
        title: title.into(),
        mode,
        proves: (name == "objectstorage").then_some(ChainKind::IamRole),
        steps,
    };
    EventKind::RunStarted {
        run: "20260401-101500-k3v9".into(),
        recipe: "rok-eks".into(),
        tool_version: "0.1.0".into(),
        practice: true,
        resumed,
        tasks: vec![
            task(
                "environment",
                "Look at account and cluster",
                TaskMode::FastForward,
                vec![
                    step("aws.caller", "Account and caller", Phase::Observe),
                    step("aws.cluster", "EKS cluster", Phase::Observe),
                ],
            ),
            task(
                "cloudidentity",
                "Create cloud identity",
                TaskMode::Run,
                vec![
                    step(
                        "aws.stack-template",
                        "CloudFormation template",
                        Phase::Generate,
                    ),
                    step(
                        "aws.oidc-provider",
                        "OIDC provider of the cluster",
                        Phase::Apply,
                    ),
                    step(
                        "aws.iam-policy",
                        "Policy for the bucket prefix",
                        Phase::Apply,
                    ),
                    step(
                        "aws.iam-role",
                        "IAM role for the service account",
                        Phase::Apply,
                    ),
                    step("aws.policy-attachment", "Policy on the role", Phase::Apply),
                    step(
                        "aws.trust",
                        "The right account may assume the role",
                        Phase::Verify,
                    ),
                ],
            ),
            task(
                "objectstorage",
                "Configure object storage",
                TaskMode::Run,
                vec![
                    step("rok.storage-patch", "Storage patch of Rok", Phase::Generate),
                    step("gitops.push", "Push to the remote", Phase::Generate),
                    step("rok.namespaces", "Namespaces of Rok", Phase::Apply),
                    step(
                        "rok.chain",
                        "Token, role and bucket without a Pod",
                        Phase::Verify,
                    ),
                    step("rok.pod", "A Pod of the service account", Phase::Verify),
                ],
            ),
        ],
    }
}

pub(crate) fn observed(
    id: &str,
    finding: FindingKind,
    note: &str,
    changes: Vec<Change>,
) -> EventKind {
    EventKind::StepObserved {
        step: id.into(),
        finding,
        note: note.into(),
        changes,
        notices: Vec::new(),
        hints: Vec::new(),
        missing_rights: Vec::new(),
        choices: Vec::new(),
        rights: Vec::new(),
    }
}

pub(crate) fn done(id: &str, outcome: StepOutcome, note: &str) -> EventKind {
    EventKind::StepDone {
        step: id.into(),
        outcome,
        note: note.into(),
        facts: Facts::default(),
        notices: Vec::new(),
        chain: None,
    }
}

pub(crate) fn policy_change() -> Change {
    Change::new(Verb::Create, "policy", "rok-us-west-2-arrikto-cluster").after(POLICY)
}

pub(crate) fn role_change() -> Change {
    let after = TRUST_BEFORE.replace(
        "\"sts.amazonaws.com\"\n",
        "\"sts.amazonaws.com\",\n          \"oidc.eks.us-west-2.amazonaws.com/id/0F2A:sub\": \"system:serviceaccount:rok:rok\"\n",
    );
    Change::new(Verb::Update, "role", "rok-us-west-2-arrikto-cluster")
        .before(TRUST_BEFORE)
        .after(after)
}

pub(crate) fn attach_change() -> Change {
    Change::new(Verb::Attach, "policy", "rok-us-west-2-arrikto-cluster")
}

pub(crate) fn patch_change() -> Change {
    Change::new(Verb::Update, "file", "rok/rok-cluster/overlays/deploy/patches/storage.yaml")
        .before("spec:\n  s3:\n    endpoint: https://s3.amazonaws.com\n")
        .after("spec:\n  s3:\n    endpoint: https://s3.us-west-2.amazonaws.com\n    region: us-west-2\n    AWSRoleARN: arn:aws:iam::123451234512:role/rok-us-west-2-arrikto-cluster\n")
}

pub(crate) fn commit_change() -> Change {
    Change::new(Verb::Commit, "files", "Update Rok manifests")
}

fn look_at_everything(story: Story) -> Story {
    story
        .looks(
            "aws.caller",
            observed(
                "aws.caller",
                FindingKind::Satisfied,
                "account 123451234512, user `ops`",
                vec![],
            ),
        )
        .looks(
            "aws.cluster",
            observed(
                "aws.cluster",
                FindingKind::Satisfied,
                "`arrikto-cluster` is active",
                vec![],
            ),
        )
        .looks(
            "aws.stack-template",
            observed(
                "aws.stack-template",
                FindingKind::Satisfied,
                "file and commit equal",
                vec![],
            ),
        )
        .looks(
            "aws.oidc-provider",
            observed(
                "aws.oidc-provider",
                FindingKind::Satisfied,
                "URL and audience equal",
                vec![],
            ),
        )
        .looks(
            "aws.iam-policy",
            EventKind::StepObserved {
                step: "aws.iam-policy".into(),
                finding: FindingKind::Differs,
                note: String::new(),
                changes: vec![policy_change()],
                notices: vec!["every bucket under the prefix belongs to this installation".into()],
                hints: vec![],
                missing_rights: vec![],
                choices: vec![],
                rights: vec![],
            },
        )
        .looks(
            "aws.iam-role",
            observed(
                "aws.iam-role",
                FindingKind::Differs,
                "",
                vec![role_change()],
            ),
        )
        .looks(
            "aws.policy-attachment",
            observed(
                "aws.policy-attachment",
                FindingKind::Differs,
                "",
                vec![attach_change()],
            ),
        )
        .looks(
            "rok.storage-patch",
            observed(
                "rok.storage-patch",
                FindingKind::Differs,
                "",
                vec![patch_change(), commit_change()],
            ),
        )
        .looks(
            "gitops.push",
            observed(
                "gitops.push",
                FindingKind::Pending,
                "waits for the commits",
                vec![],
            ),
        )
        .then(
            5,
            EventKind::StepNotChecked {
                step: "rok.namespaces".into(),
                reason: "no cluster in this run (`--no-cluster`)".into(),
            },
        )
}

fn plan_ready(story: Story) -> Story {
    story.then(
        5,
        EventKind::PlanReady {
            changes: 5,
            fingerprint: "9f86d081884c7d659a2feaa0c55ad015".into(),
            touches: vec![
                "makes and removes the bucket `rok-123451234512-us-west-2-arrikto-cluster-probe`"
                    .into(),
            ],
        },
    )
}

fn answers() -> EventKind {
    EventKind::AnswersResolved {
        answers: vec![ResolvedAnswer {
            key: "eks_cluster".into(),
            value: "arrikto-cluster".into(),
            origin: Origin::Discovered,
        }],
    }
}

/// A run up to its plan.
pub(crate) fn planned() -> Vec<Event> {
    let story = Story::new().then(0, started(false)).then(5, answers());
    plan_ready(look_at_everything(story)).tell()
}

/// What may be done about somebody else's role.
fn role_choices() -> Vec<Choice> {
    vec![
        Choice::item("aws_adopt", "role", "takes it over and makes these changes"),
        Choice::item(
            "aws_adopt",
            "role@3fa9c1d2e4b5",
            "uses it exactly as it is now",
        ),
        Choice::new(
            "aws_s3_role",
            "rok-us-west-2-arrikto-cluster-a1b2c3",
            "takes another name",
        ),
    ]
}

/// A plan where somebody else's role is in the way.
pub(crate) fn conflicting() -> Vec<Event> {
    let story = Story::new().then(0, started(false)).then(5, answers());
    let story = look_at_everything(story).looks("aws.iam-role", EventKind::StepObserved {
        step: "aws.iam-role".into(),
        finding: FindingKind::Conflict,
        note: "role `rok-us-west-2-arrikto-cluster` exists without our tag; expected `rok-deploy/cluster`".into(),
        changes: vec![role_change()],
        notices: vec![],
        hints: role_choices().iter().map(|choice| choice.hint("")).collect(),
        missing_rights: vec![],
        choices: role_choices(),
        rights: vec![],
    });
    plan_ready(story).tell()
}

/// A run that waits for an approval of that scope.
pub(crate) fn asking(scope: Scope, steps: &[&str], reason: Option<&str>) -> Vec<Event> {
    let mut story = Story {
        events: planned(),
        at: "2026-04-01T10:15:02Z".parse().unwrap(),
    };
    story = story.then(
        5,
        EventKind::ApprovalNeeded {
            scope,
            steps: steps.iter().map(|&step| step.into()).collect(),
            reason: reason.map(Into::into),
        },
    );
    story.tell()
}

/// The steps that act in these stories.
pub(crate) const ACTING: [&str; 4] = [
    "aws.iam-policy",
    "aws.iam-role",
    "aws.policy-attachment",
    "rok.storage-patch",
];

/// A run in the middle: a role that the replicas do not show yet.
pub(crate) fn settling() -> Vec<Event> {
    let mut story = Story {
        events: asking(Scope::Plan, &ACTING, None),
        at: "2026-04-01T10:15:30Z".parse().unwrap(),
    };
    story = story
        .then(
            0,
            EventKind::Approved {
                scope: Scope::Plan,
                fingerprint: "9f86d081884c7d659a2feaa0c55ad015".into(),
                approval: Approval::Plan,
            },
        )
        .then(
            5,
            done(
                "aws.caller",
                StepOutcome::Unchanged,
                "account 123451234512, user `ops`",
            ),
        )
        .then(
            5,
            done(
                "aws.cluster",
                StepOutcome::Unchanged,
                "`arrikto-cluster` is active",
            ),
        )
        .then(
            5,
            EventKind::TaskFinished {
                task: "environment".into(),
            },
        )
        .then(
            5,
            EventKind::TaskStarted {
                task: "cloudidentity".into(),
            },
        )
        .then(
            5,
            done(
                "aws.stack-template",
                StepOutcome::Unchanged,
                "file and commit equal",
            ),
        )
        .then(
            5,
            done(
                "aws.oidc-provider",
                StepOutcome::Unchanged,
                "URL and audience equal",
            ),
        )
        .acts("aws.iam-policy", vec![policy_change()])
        .then(
            10,
            EventKind::StepActing {
                step: "aws.iam-role".into(),
                changes: vec![role_change()],
            },
        )
        .then(
            300,
            EventKind::StepActed {
                step: "aws.iam-role".into(),
            },
        )
        .then(4_000, settling_event(4_000))
        .then(
            5,
            EventKind::Warning {
                text: "the clock of this machine is 40 s behind AWS".into(),
            },
        );
    story.tell()
}

fn settling_event(waited_ms: u64) -> EventKind {
    EventKind::StepSettling {
        step: "aws.iam-role".into(),
        reason: "waits until the cloud's replicas agree: the trust policy is still the old one"
            .into(),
        attempt: 5,
        waited_ms,
        limit_ms: 180_000,
    }
}

fn later(events: Vec<Event>) -> Story {
    let at = events.last().unwrap().at;
    Story { events, at }
}

/// A whole run that went well.
pub(crate) fn finished() -> Vec<Event> {
    later(settling())
        .then(
            800,
            done("aws.iam-role", StepOutcome::Changed, "trust and tags equal"),
        )
        .acts("aws.policy-attachment", vec![attach_change()])
        .then(
            240,
            done(
                "aws.trust",
                StepOutcome::Verified,
                "only `system:serviceaccount:rok:rok` may assume the role",
            ),
        )
        .then(
            5,
            EventKind::TaskFinished {
                task: "cloudidentity".into(),
            },
        )
        .then(
            5,
            EventKind::TaskStarted {
                task: "objectstorage".into(),
            },
        )
        .acts("rok.storage-patch", vec![patch_change(), commit_change()])
        .then(
            5,
            done(
                "gitops.push",
                StepOutcome::Left,
                "the remote is not asked in this run",
            ),
        )
        .then(
            940,
            proves(
                "rok.chain",
                "token → role → bucket: list, write, read and delete work",
                proven(),
            ),
        )
        .then(
            5,
            EventKind::StepNotChecked {
                step: "rok.pod".into(),
                reason: "no Pod in this run (`--no-pod`)".into(),
            },
        )
        .then(
            5,
            EventKind::TaskFinished {
                task: "objectstorage".into(),
            },
        )
        .then(
            5,
            EventKind::RunFinished {
                outcome: Outcome::Done,
                summary: "Rok reads and writes its own buckets: 5 changes made, 2 things proven"
                    .into(),
                next: vec![
                    "apply the manifests: `rok-deploy apply rok/rok-cluster/overlays/deploy`"
                        .into(),
                ],
                handoff: None,
            },
        )
        .tell()
}

/// A run that failed for want of a right.
pub(crate) fn failed() -> Vec<Event> {
    later(settling())
        .then(900, EventKind::StepFailed {
            step: "aws.iam-role".into(),
            error: StepError::new(
                ErrorKind::Permission,
                "AccessDenied: user `ops` may not call iam:UpdateAssumeRolePolicy on role `rok-us-west-2-arrikto-cluster`",
            )
            .hint("add iam:UpdateAssumeRolePolicy to the caller's policy")
            .hint("or hand `handoff/` to an administrator and resume afterwards"),
        })
        .then(5, EventKind::RunFinished {
            outcome: Outcome::Permission,
            summary: "A right is missing; 1 change was made and nothing else was changed".into(),
            next: vec!["resume with `rok-deploy resume`".into()],
            handoff: None,
        })
        .tell()
}

/// A chain that was proven to its end.
pub(crate) fn proven() -> Chain {
    let mut chain = Chain::unknown(ChainKind::IamRole, "");
    for (link, note) in [
        (
            Link::ServiceAccount,
            "`rok` in `rok`, annotated with role `rok-us-west-2-arrikto-cluster`",
        ),
        (Link::Token, "audience `sts.amazonaws.com`, valid for 1 h"),
        (
            Link::Issuer,
            "`https://oidc.eks.us-west-2.amazonaws.com/id/0F2A`",
        ),
        (
            Link::Provider,
            "made for that issuer, admits `sts.amazonaws.com`",
        ),
        (Link::Trust, "admits `system:serviceaccount:rok:rok` only"),
        (
            Link::Role,
            "session `rok-deploy-verify` in account 123451234512",
        ),
        (Link::Policy, "attached, version 1"),
        (
            Link::Prefix,
            "`rok-123451234512-us-west-2-arrikto-cluster*`",
        ),
        (
            Link::Bucket,
            "list, write, read and delete work in `rok-123451234512-us-west-2-arrikto-cluster-probe`",
        ),
    ] {
        chain.set(link, LinkState::Proven, note);
    }
    chain
}

/// A chain that breaks in its middle.
pub(crate) fn broken() -> Chain {
    let mut chain = proven();
    chain.set(
        Link::Trust,
        LinkState::Broken,
        "found `system:serviceaccount:rok:default`; expected `system:serviceaccount:rok:rok`",
    );
    for link in &ChainKind::IamRole.links()[5..] {
        chain.set(*link, LinkState::Unknown, "not reached");
    }
    chain
}

/// A chain of which only the beginning could be looked at.
pub(crate) fn unknown() -> Chain {
    let mut chain = proven();
    chain.set(
        Link::Token,
        LinkState::Unknown,
        "user `ops` may not create serviceaccounts/token in `rok`",
    );
    for link in &ChainKind::IamRole.links()[2..] {
        chain.set(*link, LinkState::Unknown, "not looked at without a token");
    }
    chain
}

fn proves(id: &str, note: &str, chain: Chain) -> EventKind {
    EventKind::StepDone {
        step: id.into(),
        outcome: StepOutcome::Verified,
        note: note.into(),
        facts: Facts::default(),
        notices: Vec::new(),
        chain: Some(chain),
    }
}

/// A run that verifies what is there, up to its first look at object storage.
fn verifying() -> Story {
    let looks = |step: &str| EventKind::StepObserving { step: step.into() };
    let task = |task: &str| EventKind::TaskStarted { task: task.into() };
    let is_there =
        |story: Story, id: &&str| story.looks(id, done(id, StepOutcome::Unchanged, "as intended"));
    let story = Story::new()
        .then(0, started(false))
        .then(5, answers())
        .then(
            5,
            EventKind::PlanReady {
                changes: 0,
                fingerprint: "9f86d081884c7d659a2feaa0c55ad015".into(),
                touches: Vec::new(),
            },
        );
    let story = [
        "aws.caller",
        "aws.cluster",
        "aws.stack-template",
        "aws.oidc-provider",
    ]
    .iter()
    .fold(story, is_there)
    .then(5, task("cloudidentity"));
    let story = ["aws.iam-policy", "aws.iam-role", "aws.policy-attachment"]
        .iter()
        .fold(story, is_there)
        .then(5, looks("aws.trust"))
        .then(
            240,
            done(
                "aws.trust",
                StepOutcome::Verified,
                "only `system:serviceaccount:rok:rok` may assume the role",
            ),
        )
        .then(5, task("objectstorage"));
    ["rok.storage-patch", "gitops.push", "rok.namespaces"]
        .iter()
        .fold(story, is_there)
        .then(5, looks("rok.chain"))
}

/// A verification in the middle: proven without a Pod, and a Pod that does not start.
pub(crate) fn proving() -> Vec<Event> {
    verifying()
        .then(
            940,
            proves(
                "rok.chain",
                "token → role → bucket: list, write, read and delete work",
                proven(),
            ),
        )
        .then(5, EventKind::StepObserving { step: "rok.pod".into() })
        .then(12_000, EventKind::StepSettling {
            step: "rok.pod".into(),
            reason: "waits for Pod `rok/rok-verify-storage-access`: ImagePullBackOff: Back-off pulling image \"registry.example.com/mirror/aws-cli:2.17\": not found".into(),
            attempt: 7,
            waited_ms: 12_000,
            limit_ms: 180_000,
        })
        .tell()
}

/// A verification that has just begun.
pub(crate) fn proof_begins() -> Vec<Event> {
    verifying().tell()
}

/// A verification with two checks that did not pass, and a chain that breaks at the trust.
pub(crate) fn unproven() -> Vec<Event> {
    verifying()
        .then(700, EventKind::StepFailed {
            step: "rok.chain".into(),
            error: StepError::verification(
                "AccessDenied: STS refused the token of `system:serviceaccount:rok:rok`: role `rok-us-west-2-arrikto-cluster` trusts `system:serviceaccount:rok:default`; expected `system:serviceaccount:rok:rok`",
            )
            .hint("correct the role's trust: `aws iam update-assume-role-policy --role-name rok-us-west-2-arrikto-cluster --policy-document file://trust.json`")
            .hint("then look again\nrok-deploy verify objectstorage")
            .with_chain(broken()),
        })
        .then(5, EventKind::StepObserving { step: "rok.pod".into() })
        .then(9_000, EventKind::StepFailed {
            step: "rok.pod".into(),
            error: StepError::verification(
                "Pod `rok/rok-verify-storage-access` has no variable `AWS_ROLE_ARN`; expected the webhook to add it",
            )
            .hint("look at the webhook's log: `kubectl --namespace kube-system logs --selector app=pod-identity-webhook --tail 100`")
            .with_chain(broken()),
        })
        .then(5, EventKind::RunFinished {
            outcome: Outcome::Verification,
            summary: "2 verifications did not pass; nothing was changed".into(),
            next: vec![],
            handoff: None,
        })
        .tell()
}

/// A run that waits for the operator to log in again.
pub(crate) fn logged_out() -> Vec<Event> {
    Story {
        events: settling(),
        at: "2026-04-01T10:16:04Z".parse().unwrap(),
    }
    .then(5, paused())
    .tell()
}

/// The login has ended.
pub(crate) fn paused() -> EventKind {
    let error = StepError::new(
        ErrorKind::Credentials,
        "iam:GetRole: ExpiredToken: the security token included in the request is expired",
    );
    EventKind::StepPaused {
        step: "aws.iam-role".into(),
        error: error.hint("log in again: `aws sso login --profile rok`"),
        limit_ms: 900_000,
        handoff: None,
    }
}

/// Every kind of event once.
pub(crate) fn every_event() -> Vec<Event> {
    let role: FactKey<String> = FactKey::new("aws.role-arn");
    let mut facts = Facts::default();
    facts.set(&role, &"arn:aws:iam::123451234512:role/rok".to_owned());
    let conflict = conflicting()
        .into_iter()
        .map(|event| event.event)
        .find(|event| {
            matches!(
                event,
                EventKind::StepObserved {
                    finding: FindingKind::Conflict,
                    ..
                }
            )
        });
    Story::new()
        .then(0, started(true))
        .then(5, answers())
        .then(5, EventKind::StepObserving { step: "aws.iam-role".into() })
        .then(300, conflict.unwrap())
        .then(5, EventKind::StepNotChecked {
            step: "rok.namespaces".into(),
            reason: "no cluster in this run (`--no-cluster`)".into(),
        })
        .then(5, paused())
        .then(90_000, EventKind::StepWentOn { step: "aws.iam-role".into(), paused_ms: 90_000 })
        .then(5, EventKind::StepObserving { step: "aws.iam-policy".into() })
        .then(5, observed("aws.iam-policy", FindingKind::Differs, "", vec![policy_change()]))
        .then(5, EventKind::PlanReady {
            changes: 1,
            fingerprint: "9f86d081884c7d659a2feaa0c55ad015".into(),
            touches: vec!["makes and removes a probe bucket".into()],
        })
        .then(5, EventKind::ApprovalNeeded {
            scope: Scope::Task { task: "cloudidentity".into() },
            steps: vec!["aws.iam-policy".into()],
            reason: Some("the policy changed since the plan was approved".into()),
        })
        .then(5, EventKind::Declined { scope: Scope::Plan })
        .then(5, EventKind::Approved {
            scope: Scope::Plan,
            fingerprint: "9f86d081884c7d659a2feaa0c55ad015".into(),
            approval: Approval::Given,
        })
        .then(5, EventKind::TaskStarted { task: "cloudidentity".into() })
        .then(5, EventKind::StepActing { step: "aws.iam-policy".into(), changes: vec![policy_change()] })
        .then(310, EventKind::StepActed { step: "aws.iam-policy".into() })
        .then(6_000, EventKind::StepSettling {
            step: "aws.iam-policy".into(),
            reason: "waits until the cloud's replicas agree".into(),
            attempt: 6,
            waited_ms: 6_000,
            limit_ms: 180_000,
        })
        .then(100, EventKind::StepDone {
            step: "aws.iam-policy".into(),
            outcome: StepOutcome::Changed,
            note: "document and tags equal".into(),
            facts,
            notices: vec!["every bucket under the prefix belongs to this installation".into()],
            chain: None,
        })
        .then(5, EventKind::StepFailed {
            step: "aws.trust".into(),
            error: StepError::verification("the role can be assumed by `system:serviceaccount:rok:default`; expected nobody else")
                .hint("remove the statement that admits it")
                .with_chain(broken()),
        })
        .then(5, EventKind::TaskFinished { task: "cloudidentity".into() })
        .then(5, EventKind::Warning { text: "the clock of this machine is 40 s behind AWS".into() })
        .then(5, EventKind::StopRequested { signal: Signal::Interrupt, now: false })
        .then(5, EventKind::RunFinished {
            outcome: Outcome::Verification,
            summary: "A verification failed; 1 change was made".into(),
            next: vec!["look at it with `rok-deploy runs 20260401-101500-k3v9`".into()],
            handoff: None,
        })
        .tell()
}

/// The same events with a text put behind every string that is free to hold anything.
pub(crate) fn spoiled(events: &[Event], text: &str) -> Vec<Event> {
    events.iter().map(|event| spoil(event, text)).collect()
}

fn spoil(event: &Event, text: &str) -> Event {
    let mut document = serde_json::to_value(event).unwrap();
    let mut spoiled = event.clone();
    for place in strings(&document, "") {
        let found = document.pointer(&place).unwrap().clone();
        let put = |document: &mut serde_json::Value, value| {
            *document.pointer_mut(&place).unwrap() = value;
        };
        let more = format!("{}{text}", found.as_str().unwrap());
        put(&mut document, more.into());
        match serde_json::from_value(document.clone()) {
            Ok(event) => spoiled = event,
            // Kinds, times and the like take no other text.
            Err(_) => put(&mut document, found),
        }
    }
    spoiled
}

/// The places of all strings in a document.
fn strings(document: &serde_json::Value, place: &str) -> Vec<String> {
    use serde_json::Value;
    match document {
        Value::String(_) => vec![place.to_owned()],
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| strings(item, &format!("{place}/{index}")))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                strings(value, &format!("{place}/{name}"))
            })
            .collect(),
        _ => Vec::new(),
    }
}
