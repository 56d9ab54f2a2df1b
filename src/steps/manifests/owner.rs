//! Who keeps an object as Git has it: what they keep is changed in Git, anything else is undone.

use serde_json::Value;

use super::object;

/// Returns who keeps an object, in words: "Flux (Kustomization `flux-system/rok`)".
pub(super) fn keeper(stored: &Value) -> Option<String> {
    let label = |name: &str| marked(stored, "labels", name);
    let annotation = |name: &str| marked(stored, "annotations", name);
    let of_flux = |kind: &str, group: &str| {
        let name = label(&format!("{group}/name"))?;
        let namespace = label(&format!("{group}/namespace"));
        let place = namespace.map_or(name.to_owned(), |namespace| format!("{namespace}/{name}"));
        Some(format!("Flux ({kind} `{place}`)"))
    };
    of_flux("Kustomization", "kustomize.toolkit.fluxcd.io")
        .or_else(|| of_flux("HelmRelease", "helm.toolkit.fluxcd.io"))
        .or_else(|| {
            // `APPLICATION:GROUP/KIND:NAMESPACE/NAME`, or the application alone.
            let tracked = annotation("argocd.argoproj.io/tracking-id")?;
            let application = tracked.split(':').next().unwrap_or(tracked);
            Some(format!("Argo CD (application `{application}`)"))
        })
        .or_else(|| {
            let application = label("argocd.argoproj.io/instance")?;
            Some(format!("Argo CD (application `{application}`)"))
        })
        .or_else(|| {
            let entries = stored.pointer("/metadata/managedFields")?.as_array()?;
            let tool = entries
                .iter()
                .find_map(|entry| tool(object::text(entry, "/manager")))?;
            Some(tool.to_owned())
        })
}

/// Returns the GitOps tool that writes as this field manager.
pub(super) fn tool(manager: &str) -> Option<&'static str> {
    match manager {
        "kustomize-controller" | "helm-controller" => Some("Flux"),
        "argocd-controller" | "argocd-application-controller" => Some("Argo CD"),
        _ => None,
    }
}

fn marked<'a>(stored: &'a Value, field: &str, name: &str) -> Option<&'a str> {
    stored
        .get("metadata")?
        .get(field)?
        .get(name)?
        .as_str()
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keepers_are_known_by_their_marks() {
        let of = |metadata: Value| keeper(&json!({ "metadata": metadata }));
        let flux = json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}});
        assert_eq!(of(flux).unwrap(), "Flux (Kustomization `flux-system/apps`)");
        let helm = json!({"labels": {"helm.toolkit.fluxcd.io/name": "loki"}});
        assert_eq!(of(helm).unwrap(), "Flux (HelmRelease `loki`)");
        let tracked = json!({"annotations":
            {"argocd.argoproj.io/tracking-id": "rok:apps/Deployment:rok/web"}});
        assert_eq!(of(tracked).unwrap(), "Argo CD (application `rok`)");
        let labelled = json!({"labels": {"argocd.argoproj.io/instance": "rok"}});
        assert_eq!(of(labelled).unwrap(), "Argo CD (application `rok`)");
        let managed = json!({"managedFields": [{"manager": "kubectl"},
            {"manager": "argocd-controller"}]});
        assert_eq!(of(managed).unwrap(), "Argo CD");
        let nobody = json!({"labels": {"app.kubernetes.io/instance": "rok"},
            "managedFields": [{"manager": "kubectl-client-side-apply"}]});
        assert_eq!(of(nobody), None);
        assert_eq!(of(json!({})), None);
    }
}
