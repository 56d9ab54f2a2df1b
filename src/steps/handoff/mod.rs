//! What an administrator needs who has the rights that the operator lacks: files, whatever the cloud.
//!
//! They ask only for what is missing, and hold no placeholder. Which files there are is the business
//! of a cloud's own `handoff`; what they have in common is here.

pub(in crate::steps) mod markdown;
pub(in crate::steps) mod shell;
mod standing;

pub use standing::{Part, look};

use std::collections::BTreeMap;
use std::path::Path;

use crate::clients::templates::Renderer;

/// The file of the page.
pub const PAGE: &str = "README.md";
/// The file of the script.
pub const SCRIPT: &str = "create-identity.sh";

/// What is handed over.
pub trait Handoff: Send + Sync {
    /// Returns the cluster's name.
    fn cluster(&self) -> &str;

    /// Whether everything is as intended, so that there is nothing to ask for.
    fn is_complete(&self) -> bool;

    /// Returns what is asked for, a line each.
    fn missing(&self) -> Vec<String>;

    /// Returns the files.
    fn files(&self) -> Vec<HandoffFile>;

    /// Returns the names of all files that a hand-off of this cloud may have.
    fn names(&self) -> &'static [&'static str];

    /// Returns the commands that make the identity from files in that folder, each alone enough.
    fn commands(&self, folder: &Path) -> Vec<String>;
}

/// A file to hand over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoffFile {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
    /// Whether it is to be run.
    pub is_program: bool,
}

impl HandoffFile {
    /// Returns a file that is read.
    pub fn text(name: &'static str, text: String) -> Self {
        Self {
            name,
            text,
            is_program: false,
        }
    }

    /// Returns a file that is run.
    pub fn program(name: &'static str, text: String) -> Self {
        Self {
            is_program: true,
            ..Self::text(name, text)
        }
    }
}

/// Renders a template of ours.
pub(in crate::steps) fn render(
    name: &str,
    template: &str,
    variables: &BTreeMap<String, String>,
) -> String {
    Renderer::new()
        .render(name, template, variables)
        .expect("our own template has all its variables")
}
