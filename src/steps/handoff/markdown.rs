//! Values as parts of a page that somebody reads.

/// Returns a code span that holds the text, whatever it holds.
pub(in crate::steps) fn code(text: &str) -> String {
    let text = one_line(text);
    let mut fence = "`".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    let space = if fence.len() > 1 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns the text as one line, so that it cannot begin a heading of its own.
pub(in crate::steps) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Returns a list of these.
pub(in crate::steps) fn list(items: &[String]) -> String {
    let lines: Vec<_> = items
        .iter()
        .map(|item| format!("- {}", one_line(item)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_in_its_span_and_on_its_line() {
        assert_eq!(code("rok"), "`rok`");
        assert_eq!(code("`x` # Run this"), "`` `x` # Run this ``");
        assert_eq!(code("a\n# Run this"), "`a # Run this`");
        assert_eq!(list(&["a".into(), "b\nc".into()]), "- a\n- b c");
    }
}
