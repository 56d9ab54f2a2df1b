//! The wildcards of policies.

/// Matches with `*` for any run of letters and `?` for one.
pub(super) fn matches(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), value.chars().collect());
    let (mut at, mut position) = (0, 0);
    // Where the last star stood, and how much of the value it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while position < value.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == value[position] => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((start, taken)) => {
                    star = Some((start, taken + 1));
                    at = start + 1;
                    position = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&letter| letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_runs_and_single_letters() {
        for (pattern, value, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxayyb", true),
            ("s3:*", "s3:GetObject", true),
            ("rok-*-ca", "rok-ca-chocks-ca", true),
            ("abc", "abcd", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }
}
