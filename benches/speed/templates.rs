//! Rendering one file of the deployments repository.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use rok_deploy::clients::templates::Renderer;

const STORAGE: &str =
    include_str!("../../templates/gitops/rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2");

#[divan::bench]
fn render_storage_yaml(bencher: Bencher) {
    let variables: BTreeMap<String, String> = [
        ("AWS_ACCOUNT_ID", "123456789012"),
        ("AWS_S3_ROLE", "rok-us-west-2-arrikto-cluster"),
        ("AWS_DEFAULT_REGION", "us-west-2"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let renderer = Renderer::new();
    bencher.bench_local(|| {
        renderer
            .render("storage.yaml.j2", black_box(STORAGE), black_box(&variables))
            .expect("every variable has a value")
    });
}
