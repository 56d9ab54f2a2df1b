//! The query parameters that requests may have.

use super::watch;

/// The query parameters we know.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) label_selector: String,
    pub(super) field_selector: String,
    pub(super) field_manager: String,
    pub(super) include_object: String,
    pub(super) dry_run: bool,
    pub(super) strict: bool,
    pub(super) force: bool,
    pub(super) watch: bool,
    pub(super) wish: watch::Wish,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "labelSelector" => parsed.label_selector = value.into(),
                "fieldSelector" => parsed.field_selector = value.into(),
                "fieldManager" => parsed.field_manager = value.into(),
                "includeObject" => parsed.include_object = value.into(),
                "dryRun" => parsed.dry_run = value == "All",
                "fieldValidation" => parsed.strict = value == "Strict",
                "force" => parsed.force = is_true(&value),
                "watch" => parsed.watch = is_true(&value),
                "resourceVersion" => parsed.wish.resource_version = value.into(),
                "resourceVersionMatch" => parsed.wish.version_match = value.into(),
                "sendInitialEvents" => parsed.wish.send_initial_events = Some(is_true(&value)),
                "allowWatchBookmarks" => parsed.wish.bookmarks = is_true(&value),
                "timeoutSeconds" => {
                    // None at all is meant by zero, too.
                    parsed.wish.timeout_seconds = value.parse().ok().filter(|seconds| *seconds > 0);
                }
                _ => {}
            }
        }
        parsed
    }
}

fn is_true(value: &str) -> bool {
    value == "true" || value == "1"
}
