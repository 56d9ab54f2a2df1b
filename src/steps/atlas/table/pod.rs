//! What keeps a Pod from running, and so a token from getting into one: the reasons that its status
//! and its events give.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::ENTRY;
use crate::engine::Link;

const POD: &[Source] = &[Source::Pod];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "image-not-pulled",
        row: 73,
        sources: POD,
        codes: &["ImagePullBackOff", "ErrImagePull", "RegistryUnavailable"],
        seen: false,
        response: Response::Ask,
        causes: &[&IMAGE],
        ..ENTRY
    },
    Entry {
        id: "image-not-allowed",
        row: 73,
        sources: POD,
        codes: &["ImagePullBackOff", "ErrImagePull"],
        texts: &[
            "unauthorized",
            "authentication required",
            "403 Forbidden",
            "no basic auth credentials",
            "pull access denied",
        ],
        response: Response::Ask,
        causes: &[&Cause {
            id: "image-not-allowed",
            link: Some(Link::Token),
            text: "the registry of image `{found}` asks for credentials",
            remedies: &[
                "name a pull secret of namespace `{namespace}`: `--set verify_pull_secret=SECRET`; `kubectl create secret docker-registry SECRET --namespace {namespace} --docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD` makes one",
                "or name a copy in a registry of your own: `--set verify_image=IMAGE`",
                "`rok-deploy verify --no-pod` leaves the Pod out",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "image-name",
        row: 73,
        sources: POD,
        codes: &["InvalidImageName", "ErrImageNeverPull"],
        response: Response::Ask,
        causes: &[&IMAGE],
        ..ENTRY
    },
    Entry {
        id: "unschedulable",
        row: 74,
        sources: POD,
        codes: &["Unschedulable", "FailedScheduling"],
        seen: false,
        response: Response::Wait,
        causes: &[&Cause {
            id: "unschedulable",
            link: Some(Link::Token),
            text: "no node takes the Pod: {found}",
            remedies: &[
                "`kubectl describe pod {pod} --namespace {namespace}` and `kubectl get nodes` show what is missing: room, a toleration, a node",
                "`rok-deploy verify --no-pod` leaves the Pod out",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "container-config",
        sources: POD,
        codes: &[
            "CreateContainerConfigError",
            "CreateContainerError",
            "RunContainerError",
        ],
        causes: &[&Cause {
            id: "container-config",
            link: Some(Link::Token),
            text: "the container cannot be made: {found}",
            remedies: &[
                "`kubectl describe pod {pod} --namespace {namespace}` shows what its definition lacks",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "container-crashes",
        sources: POD,
        codes: &[
            "CrashLoopBackOff",
            "Error",
            "OOMKilled",
            "ContainerCannotRun",
        ],
        causes: &[&Cause {
            id: "container-crashes",
            link: Some(Link::Token),
            text: "the container ends by itself: {found}",
            remedies: &[
                "`kubectl logs {pod} --namespace {namespace} --previous` shows its last words",
                "the image of the test Pod must keep running without a command: `--set verify_image=IMAGE` takes another one",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "image-lacks-program",
        sources: &[Source::Pod, Source::Kubernetes],
        // The container's runtime, then the shells that start a command where exec is forbidden.
        texts: &[
            "exec: \"{found}\": executable file not found",
            "exec: {found}: not found",
        ],
        codes: &["InternalError"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "image-lacks-program",
            link: Some(Link::Token),
            text: "the image of the test Pod has no program `{found}`",
            remedies: &[
                "name an image that holds the cloud's CLI, a shell, `cut` and `curl`: `--set verify_image=IMAGE`",
                "`rok-deploy verify --no-pod` leaves the Pod out",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "volume-not-mounted",
        sources: POD,
        codes: &["FailedMount", "FailedAttachVolume"],
        response: Response::Wait,
        causes: &[&Cause {
            id: "volume-not-mounted",
            link: Some(Link::Token),
            text: "a volume of the Pod cannot be mounted: {found}",
            remedies: &["`kubectl describe pod {pod} --namespace {namespace}` names the volume"],
        }],
        ..ENTRY
    },
    Entry {
        id: "pod-evicted",
        sources: POD,
        codes: &["Evicted", "Preempted", "NodeLost", "Preempting"],
        response: Response::Wait,
        causes: &[&Cause {
            id: "pod-evicted",
            link: Some(Link::Token),
            text: "the Pod was taken off its node: {found}",
            remedies: &[
                "`kubectl delete pod {pod} --namespace {namespace}`, and start the proof again",
            ],
        }],
        ..ENTRY
    },
];

const IMAGE: Cause = Cause {
    id: "image-not-pulled",
    link: Some(Link::Token),
    text: "image `{found}` cannot be pulled",
    remedies: &[
        "without a way to its registry, name a copy in one of your own: `--set verify_image=IMAGE`",
        "if that registry asks for credentials, name a pull secret of namespace `{namespace}`: `--set verify_pull_secret=SECRET`",
        "`rok-deploy verify --no-pod` leaves the Pod out",
    ],
};
