//! An operator's edit of a file that we render again.

use super::{World, commit};
use crate::clients::git::merge_file;

#[test]
fn the_last_render_is_the_base_of_the_merge() {
    let world = World::new();
    let clone = world.clone("ops");
    let path = "rok/rok-cluster/overlays/deploy/patches/storage.yaml";
    let first = "spec:\n  s3:\n    endpoint: e1\n    region: r1\n  a: 1\n  b: 1\n  c: 1\n";
    let rendered = commit(&clone, path, first, "rok.storage-patch").unwrap();
    let edited = format!("# edited by hand\n{}", first.replace("c: 1", "c: 2"));
    World::put(clone.directory(), path, &edited);
    world.run(clone.directory(), &["commit", "-qam", "Edit by hand"]);
    let base = clone.read_at(&rendered, path).unwrap().unwrap();
    let render = first.replace("r1", "r2");
    let merged = merge_file(
        &base,
        render.as_bytes(),
        &clone.read(path).unwrap().unwrap(),
        |_| true,
    );
    assert_eq!(merged.left_out, []);
    assert_eq!(
        String::from_utf8(merged.content).unwrap(),
        edited.replace("r1", "r2")
    );
}
