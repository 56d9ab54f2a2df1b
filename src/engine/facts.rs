//! Facts: typed values that travel from answers and steps to later steps and templates.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StepError;

/// The name of a fact, and the type of its value.
#[derive(Debug)]
pub struct FactKey<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> FactKey<T> {
    /// Returns the key of that name; names are `area.noun`, like step ids.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            value: PhantomData,
        }
    }

    /// Returns the name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// Facts by name. They are kept as JSON since the journal holds them too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts {
    values: BTreeMap<String, Value>,
}

impl Facts {
    /// Returns the fact.
    ///
    /// # Errors
    ///
    /// When it is absent or of another type: both are bugs of the recipe, which orders the steps.
    pub fn get<T: DeserializeOwned>(&self, key: &FactKey<T>) -> Result<T, StepError> {
        let value = self
            .values
            .get(key.name)
            .ok_or_else(|| StepError::failed(format!("fact `{}` is not known yet", key.name)))?;
        serde_json::from_value(value.clone()).map_err(|error| {
            StepError::failed(format!(
                "fact `{}` has an unexpected shape: {error}",
                key.name
            ))
        })
    }

    /// Sets the fact.
    pub fn set<T: Serialize>(&mut self, key: &FactKey<T>, value: &T) {
        let value = serde_json::to_value(value).expect("facts are plain values");
        self.values.insert(key.name.into(), value);
    }

    /// Returns the fact of that name as it is kept.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Whether the fact of that name is known.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Takes over all facts of `other`, which win.
    pub fn merge(&mut self, other: &Self) {
        self.values.extend(
            other
                .values
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }

    /// Iterates over names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
