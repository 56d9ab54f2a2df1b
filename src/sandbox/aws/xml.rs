//! Writes the XML that the query services and S3 answer with.

use std::fmt::Display;

/// A run of sibling elements, built from left to right.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

#[expect(
    clippy::needless_pass_by_value,
    reason = "trees are built from temporaries, and a borrow before each would only be in the way"
)]
impl Xml {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds an element that holds text.
    #[must_use]
    pub(super) fn text(mut self, name: &str, value: impl Display) -> Self {
        self.open(name);
        escape(&value.to_string(), &mut self.0);
        self.close(name);
        self
    }

    /// Adds an element that holds text, when there is any.
    #[must_use]
    pub(super) fn maybe(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds an element that holds elements.
    #[must_use]
    pub(super) fn node(mut self, name: &str, children: Xml) -> Self {
        self.open(name);
        self.0.push_str(&children.0);
        self.close(name);
        self
    }

    /// Adds a list in the way of the query services: one `member` for each item.
    #[must_use]
    pub(super) fn members<T>(
        self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        render: impl Fn(T) -> Xml,
    ) -> Self {
        let children = items
            .into_iter()
            .fold(Xml::new(), |list, item| list.node("member", render(item)));
        self.node(name, children)
    }

    /// Adds the elements of another run behind these.
    #[must_use]
    pub(super) fn and(mut self, more: Xml) -> Self {
        self.0.push_str(&more.0);
        self
    }

    /// A run that is only text, for a `member` without elements.
    pub(super) fn value(value: &str) -> Self {
        let mut xml = Self::new();
        escape(value, &mut xml.0);
        xml
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends as a document with one root.
    pub(super) fn document(self, root: &str, namespace: Option<&str>) -> String {
        let attribute = namespace.map_or(String::new(), |uri| format!(" xmlns=\"{uri}\""));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}{attribute}>{}</{root}>",
            self.0
        )
    }

    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }
}

fn escape(value: &str, into: &mut String) {
    for letter in value.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            // A parser would turn a bare carriage return into a line feed.
            '\r' => into.push_str("&#xD;"),
            // XML 1.0 has no way to write these.
            other if other.is_control() && other != '\n' && other != '\t' => into.push('\u{fffd}'),
            other => into.push(other),
        }
    }
}

/// Reads the text of the first element of that name, whatever its namespace. Enough for the one
/// small document that S3 clients send here (`CreateBucketConfiguration`).
pub(super) fn first_text<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = document;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>')?;
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        let local = tag.split_whitespace().next()?.rsplit(':').next()?;
        if local == name {
            return after.find('<').map(|close| after[..close].trim());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_nests() {
        let xml = Xml::new().node("a", Xml::new().text("b", "<&>\r"));
        assert_eq!(
            xml.document("r", Some("urn:x")),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<r xmlns=\"urn:x\"><a><b>&lt;&amp;&gt;&#xD;</b></a></r>"
        );
    }

    #[test]
    fn first_text_finds_an_element_under_any_prefix() {
        let body = "<x:CreateBucketConfiguration xmlns:x='u'><x:LocationConstraint>eu-west-1</x:LocationConstraint></x:CreateBucketConfiguration>";
        assert_eq!(first_text(body, "LocationConstraint"), Some("eu-west-1"));
        assert_eq!(first_text(body, "Tags"), None);
        assert_eq!(first_text("", "Tags"), None);
    }
}
