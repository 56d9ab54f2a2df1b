//! Objects as rows: what `kubectl get` prints is made here, as on a real server.

use serde_json::{Value, json};

use super::columns::{Column, columns};
use super::kinds::Kind;

/// The columns of a kind.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// How much of the object goes with a row: `None`, `Metadata` or `Object`.
    include: String,
}

impl Table {
    /// The table that a client accepts, if it does. Definitions bring columns of their own.
    pub(super) fn wanted(
        accept: &str,
        include: &str,
        kind: &Kind,
        custom: Option<&Vec<Value>>,
    ) -> Option<Self> {
        if !accept.contains("as=Table") {
            return None;
        }
        Some(Self {
            columns: columns(kind, custom),
            include: include.to_owned(),
        })
    }

    /// One object, or a list of them, as a table.
    pub(super) fn of(&self, document: &Value) -> Value {
        let rows: Vec<Value> = match document.get("items").and_then(Value::as_array) {
            Some(items) => items.iter().map(|item| self.row(item)).collect(),
            None => vec![self.row(document)],
        };
        let mut metadata = json!({});
        if let Some(version) = document["metadata"].get("resourceVersion") {
            metadata["resourceVersion"] = version.clone();
        }
        let columns: Vec<Value> = self
            .columns
            .iter()
            .map(|column| {
                json!({
                    "name": column.name,
                    "type": column.form,
                    "format": if column.name == "Name" { "name" } else { "" },
                    "description": "",
                    "priority": column.priority,
                })
            })
            .collect();
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": columns,
            "rows": rows,
        })
    }

    fn row(&self, object: &Value) -> Value {
        let cells = self.columns.iter().map(|column| column.cell(object));
        let cells: Vec<Value> = cells.collect();
        let mut row = json!({ "cells": cells });
        match self.include.as_str() {
            "None" => {}
            "Object" => row["object"] = object.clone(),
            _ => {
                row["object"] = json!({
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": object["metadata"],
                });
            }
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::cluster::kinds::PODS;

    #[test]
    fn a_pod_says_what_keeps_it_from_running() {
        let pod = json!({
            "metadata": { "name": "web" },
            "spec": { "containers": [{}, {}] },
            "status": { "phase": "Pending", "containerStatuses": [
                { "ready": true, "restartCount": 2, "state": { "running": {} } },
                { "ready": false, "restartCount": 1, "state": { "waiting": { "reason": "ImagePullBackOff" } } },
            ] },
        });
        let table = Table::wanted("application/json;as=Table", "None", &PODS, None).unwrap();
        let row = &table.of(&pod)["rows"][0];
        let expected = json!([
            "web",
            "1/2",
            "ImagePullBackOff",
            "3",
            "<unknown>",
            "<none>",
            "<none>"
        ]);
        assert_eq!(row["cells"], expected);
    }
}
