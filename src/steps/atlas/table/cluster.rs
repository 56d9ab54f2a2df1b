//! The Kubernetes API server, and the way to it.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::ENTRY;
use crate::engine::Link;

const KUBERNETES: &[Source] = &[Source::Kubernetes];
/// What kubectl prints in a Pod, and what the server says to us.
const SAID: &[Source] = &[Source::Kubernetes, Source::Pod];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "account-exists",
        row: 68,
        sources: SAID,
        texts: &["serviceaccounts \"{found}\" already exists"],
        codes: &["AlreadyExists"],
        response: Response::Success,
        causes: &[&Cause {
            id: "account-exists",
            link: None,
            text: "service account `{found}` exists already: it is used and left as it is",
            remedies: &[],
        }],
        ..ENTRY
    },
    Entry {
        id: "login-expired",
        row: 69,
        sources: SAID,
        codes: &["Unauthorized"],
        texts: &[
            "You must be logged in to the server",
            "the server has asked for the client to provide credentials",
        ],
        seen: false,
        response: Response::Ask,
        causes: &[&Cause {
            id: "login-expired",
            link: None,
            text: "the cluster does not know the caller: the login has expired, or this user has no access",
            remedies: &[
                "log in again, and check that the cluster gives this user access; for EKS: `aws eks update-kubeconfig --name {cluster}`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "certificate-of-cluster",
        sources: KUBERNETES,
        codes: &["Unreachable"],
        texts: &["certificate"],
        causes: &[&Cause {
            id: "certificate-of-cluster",
            link: None,
            text: "the certificate of the API server is not signed by the authority that the kubeconfig names",
            remedies: &[
                "check `certificate-authority-data` of the cluster in the kubeconfig; for EKS `aws eks update-kubeconfig --name {cluster}` writes it anew",
                "`--no-cluster` leaves out what needs the cluster",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "cluster-unreachable",
        sources: KUBERNETES,
        codes: &["Unreachable"],
        response: Response::Wait,
        causes: &[&Cause {
            id: "cluster-unreachable",
            link: None,
            text: "the API server does not answer",
            remedies: &[
                "check the network, VPN and `HTTPS_PROXY`, and that the cluster's endpoint is open to this machine",
                "`--no-cluster` leaves out what needs the cluster",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "field-conflict",
        row: 71,
        sources: SAID,
        codes: &["Conflict"],
        texts: &["conflict with \"{found}\"", "conflicts with \"{found}\""],
        response: Response::Ask,
        causes: &[&Cause {
            id: "field-conflict",
            link: None,
            text: "`{found}` owns fields that this would change",
            remedies: &[
                "leave these fields to their manager; if it is Flux or Argo CD, push the change to Git instead",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "pod-security",
        row: 72,
        sources: SAID,
        texts: &["violates PodSecurity \"{found}\""],
        codes: &["Forbidden", "FailedCreate"],
        response: Response::Fix,
        causes: &[&Cause {
            id: "pod-security",
            link: Some(Link::Token),
            text: "namespace `{namespace}` enforces the Pod Security Standard `{found}`, and the Pod does not meet it",
            remedies: &[
                "the namespace enforces a Pod Security Standard: the Pod must meet it; correct the fields that the message names in `rok/rok-test/`",
                "`kubectl get namespace {namespace} --show-labels` shows the standard; `rok-deploy verify --no-pod` leaves the Pod out",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "exec-forbidden",
        row: 74,
        sources: SAID,
        codes: &["Forbidden"],
        texts: &["User \"{found}\" cannot…pods/exec"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "exec-forbidden",
            link: Some(Link::Token),
            text: "this user may not run commands in the Pod: that takes `get` and `create` on `pods/exec`",
            remedies: &[
                "`kubectl create role rok-verify-exec --namespace {namespace} --verb=get,create --resource=pods/exec`",
                "`kubectl create rolebinding rok-verify-exec --namespace {namespace} --role=rok-verify-exec --user={user}`",
                "`kubectl auth can-i create pods/exec --namespace {namespace}` tells whether it is enough",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "exec-denied",
        row: 74,
        sources: SAID,
        codes: &["Forbidden"],
        texts: &[
            "exec pods/…denied request: {found}",
            "exec pods/…denied the request: {found}",
        ],
        response: Response::Ask,
        causes: &[&Cause {
            id: "exec-denied",
            link: Some(Link::Token),
            text: "a policy of the cluster does not let anybody run commands in Pods, whatever the rights on `pods/exec`",
            remedies: &[
                "ask who keeps the policies: `kubectl get validatingadmissionpolicies` lists them",
                "`rok-deploy verify --no-pod` leaves the Pod out",
            ],
        }],
        ..ENTRY
    },
    // A policy or a proxy refuses what the rights allow; or the server has no words for it.
    Entry {
        id: "exec-refused",
        row: 74,
        sources: SAID,
        codes: &["Forbidden"],
        texts: &["pods/exec", "exec pods/…forbidden", "exec pods/…Forbidden"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "exec-refused",
            link: Some(Link::Token),
            text: "running commands in the Pod is refused: it takes `get` and `create` on `pods/exec`, and no admission policy against it",
            remedies: &[
                "`kubectl auth can-i create pods/exec --namespace {namespace}` and `kubectl auth can-i get pods/exec --namespace {namespace}` tell your rights",
                "`kubectl get validatingadmissionpolicybindings` lists policies that may forbid it",
                "`rok-deploy verify --no-pod` proves the chain without a Pod",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "exec-unended",
        sources: SAID,
        texts: &[
            "exec pods/…did not end within {found}",
            "exec pods/…the stream ended before",
        ],
        causes: &[&Cause {
            id: "exec-unended",
            link: Some(Link::Token),
            text: "a command in the Pod was not heard to its end: it waits for a server that the Pod does not reach, or the connection to the Pod was cut",
            remedies: &[
                "`rok-deploy verify` asks once more: a connection may be cut once",
                "`kubectl get networkpolicies --namespace {namespace}` lists what may keep the Pod from the cloud's login and storage",
                "`rok-deploy verify --no-pod` proves the chain without a Pod",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "exec-broken",
        sources: SAID,
        texts: &["{found}:10250", "error dialing backend", "exec pods/…dial "],
        codes: &["InternalError"],
        causes: &[&Cause {
            id: "exec-broken",
            link: Some(Link::Token),
            text: "the API server does not reach the kubelet of the Pod's node, so no command can be run in the Pod",
            remedies: &[
                "`kubectl logs {pod} --namespace {namespace}` fails likewise, then: let the control plane's security group reach port 10250 of the nodes",
                "`kubectl get nodes` tells whether the node is Ready",
                "`rok-deploy verify --no-pod` proves the chain without a Pod",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "quota-exceeded",
        row: 74,
        sources: SAID,
        codes: &["Forbidden", "FailedCreate"],
        texts: &["exceeded quota: {found},", "exceeded quota"],
        causes: &[&Cause {
            id: "quota-exceeded",
            link: Some(Link::Token),
            text: "namespace `{namespace}` has used up its quota `{found}`",
            remedies: &[
                "`kubectl describe resourcequota --namespace {namespace}` shows what is used; free some of it, or have the quota raised",
                "`rok-deploy verify --no-pod` leaves the Pod out",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "namespace-missing",
        sources: SAID,
        codes: &["NotFound"],
        texts: &["namespaces \"{found}\" not found"],
        response: Response::Fix,
        causes: &[&Cause {
            id: "namespace-missing",
            link: None,
            text: "namespace `{found}` does not exist",
            remedies: &[
                "`rok-deploy --apply rok/rok-namespaces/overlays/deploy` creates it",
                "`kubectl create namespace {found}`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "account-missing",
        sources: SAID,
        texts: &[
            "error looking up service account {found}:",
            "serviceaccounts \"{found}\" not found",
            "serviceaccount \"{found}\" not found",
        ],
        codes: &["NotFound", "Forbidden", "FailedCreate"],
        causes: &[&super::super::aws::causes::ACCOUNT_MISSING],
        ..ENTRY
    },
    Entry {
        id: "cluster-forbids",
        sources: KUBERNETES,
        codes: &["Forbidden"],
        texts: &["User \"{found}\" cannot"],
        response: Response::Ask,
        causes: &[&CLUSTER_FORBIDS],
        ..ENTRY
    },
    Entry {
        id: "cluster-forbids",
        sources: KUBERNETES,
        codes: &["Forbidden"],
        response: Response::Ask,
        causes: &[&CLUSTER_FORBIDS],
        ..ENTRY
    },
];

const CLUSTER_FORBIDS: Cause = Cause {
    id: "cluster-forbids",
    link: None,
    text: "the cluster does not allow it to this user",
    remedies: &[
        "ask for a Role or ClusterRole that allows it; `kubectl auth can-i --list --namespace {namespace}` shows what is allowed",
    ],
};
