//! What is left of an object when someone applies less than before.

use crate::sandbox::cluster::ownership::{self, Writer};
use crate::sandbox::cluster::refusal::Refusal;
use crate::sandbox::cluster::schema::Schema;

use super::*;

fn writer(manager: &str) -> Writer {
    Writer {
        manager: manager.into(),
        api_version: "v1".into(),
        subresource: String::new(),
        has_status: false,
    }
}

fn apply(manager: &str, before: &Value, applied: Value) -> Result<Value, Refusal> {
    ownership::apply(Schema::BUILT_IN, &writer(manager), before, &applied, false)
}

fn without_owners(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    object
}

fn annotated(annotations: Value) -> Value {
    json!({ "metadata": { "name": "a", "annotations": annotations } })
}

#[test]
fn what_nobody_owns_stays_beside_what_is_given_up() {
    let mut object = apply("one", &Value::Null, annotated(json!({ "x": "1" }))).unwrap();
    object["metadata"]["annotations"]["server"] = "s".into();
    let left = apply("one", &object, json!({ "metadata": { "name": "a" } })).unwrap();
    let expected = annotated(json!({ "server": "s" }));
    assert_eq!(without_owners(left), expected);
}

#[test]
fn a_map_goes_with_its_last_field() {
    let object = apply("one", &Value::Null, annotated(json!({ "x": "1" }))).unwrap();
    let left = apply("one", &object, json!({ "metadata": { "name": "a" } })).unwrap();
    assert_eq!(left, json!({ "metadata": { "name": "a" } }));
}

#[test]
fn an_element_stays_while_another_owns_a_part_of_it() {
    let pod = |containers: Value| json!({ "metadata": {}, "spec": { "containers": containers } });
    let both = json!([{ "name": "a", "image": "1" }, { "name": "b", "image": "1" }]);
    let tty = json!([{ "name": "a", "tty": true }]);
    let object = apply("one", &Value::Null, pod(both)).unwrap();
    let object = apply("two", &object, pod(tty.clone())).unwrap();
    let left = apply("one", &object, pod(json!([]))).unwrap();
    assert_eq!(without_owners(left), pod(tty));
}

#[test]
fn what_was_there_before_anyone_applied_has_an_owner_then() {
    let object = json!({ "metadata": { "name": "a" }, "data": { "x": "1" } });
    let refused = apply("one", &object, json!({ "data": { "x": "2" } })).unwrap_err();
    let message =
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.x";
    assert_eq!(refused.body()["message"], message);
    let more = apply("one", &object, json!({ "data": { "y": "2" } })).unwrap();
    assert_eq!(more["data"], json!({ "x": "1", "y": "2" }));
}

#[test]
fn what_is_one_value_is_taken_or_left_as_a_whole() {
    let arguments =
        |list: Value| json!({ "spec": { "containers": [{ "name": "a", "args": list }] } });
    let object = apply("one", &Value::Null, arguments(json!(["1", "2"]))).unwrap();
    let changed = apply("one", &object, arguments(json!(["2"]))).unwrap();
    assert_eq!(changed["spec"], arguments(json!(["2"]))["spec"]);
    let refused = apply("two", &changed, arguments(json!(["3"]))).unwrap_err();
    let message = refused.body()["message"].clone();
    let path = ".spec.containers[name=\"a\"].args";
    assert!(message.as_str().unwrap().ends_with(path), "{message}");
}
