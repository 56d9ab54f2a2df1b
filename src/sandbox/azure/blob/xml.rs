//! The XML of Blob storage.

use super::Answer;

/// Elements beside each other, from left to right.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    /// Adds an element with text; an empty one is written short, as the service does it.
    #[must_use]
    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        if text.is_empty() {
            self.0.extend(["<", name, " />"]);
        } else {
            self.0
                .extend(["<", name, ">", &escaped(text), "</", name, ">"]);
        }
        self
    }

    /// Adds an element with text, when there is any.
    #[must_use]
    pub(super) fn maybe(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds an element that holds elements.
    #[must_use]
    pub(super) fn node(mut self, name: &str, children: &Xml) -> Self {
        if children.0.is_empty() {
            return self.text(name, "");
        }
        self.0
            .extend(["<", name, ">", &children.0, "</", name, ">"]);
        self
    }

    /// The whole document as an answer. It begins with the mark of its encoding.
    pub(super) fn document(&self, root: &str, attributes: &str, status: u16) -> Answer {
        let text = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><{root}{attributes}>{}</{root}>",
            self.0
        );
        Answer {
            status,
            headers: vec![("content-type", "application/xml".into())],
            body: text.into_bytes(),
        }
    }
}

/// Text as it may stand between tags and quotes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
