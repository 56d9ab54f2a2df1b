//! IAM's patterns: `*` is any text, `?` any character.

/// Whether the text is one that the pattern stands for.
pub(in crate::steps) fn is_like(pattern: &str, text: &str) -> bool {
    if !has_wildcard(pattern) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut of, mut star, mut mark) = (0, 0, None, 0);
    while at < text.len() {
        if of < pattern.len() && pattern[of] == '*' {
            (star, mark) = (Some(of), at);
            of += 1;
        } else if of < pattern.len() && (pattern[of] == '?' || pattern[of] == text[at]) {
            (at, of) = (at + 1, of + 1);
        } else if let Some(star) = star {
            mark += 1;
            (at, of) = (mark, star + 1);
        } else {
            return false;
        }
    }
    pattern[of..].iter().all(|rest| *rest == '*')
}

/// Whether every text of `narrow` is one of `wide` too, where that is certain: a `*` of `narrow` is
/// a character that only a `*` of `wide` stands for, as long as `wide` has no `?`.
pub(super) fn is_within(narrow: &str, wide: &str) -> bool {
    let is_plain = |pattern: &str| !pattern.contains("${");
    narrow == wide
        || !wide.contains('?') && is_plain(narrow) && is_plain(wide) && is_like(wide, narrow)
}

/// Whether the text has a letter that patterns give a meaning to.
pub(super) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_within_another_stands_for_fewer_texts() {
        for (narrow, wide, expected) in [
            ("s3:getobject", "s3:*", true),
            ("s3:*", "s3:*", true),
            ("s3:*", "s3:get*", false),
            ("rok-1-a*", "rok-1*", true),
            ("rok-1*/*", "rok-1*", true),
            ("a*c", "a?c", false),
            ("a?c", "a*c", true),
            ("${aws:username}", "*", false),
        ] {
            assert_eq!(is_within(narrow, wide), expected, "{narrow} {wide}");
        }
    }
}
