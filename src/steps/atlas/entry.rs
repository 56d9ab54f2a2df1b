//! An entry of the atlas: how a failure is recognised, and what may be behind it.

use super::symptom::{Source, Symptom};
use super::table;
use crate::engine::Link;

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// Look again for a while: it passes.
    Wait,
    /// This tool can mend it.
    Fix,
    /// The operator has to decide.
    Ask,
    /// It stays as it is until somebody changes something.
    Stop,
    /// It is no failure.
    Success,
}

/// What is behind a failure, and what to do about it. Texts name things as `{role}`.
#[derive(Debug, PartialEq, Eq)]
pub struct Cause {
    /// Names the cause; journals and tests may rely on it.
    pub id: &'static str,
    /// The link of the chain that it breaks.
    pub link: Option<Link>,
    /// The cause in words.
    pub text: &'static str,
    /// What to do, the best first; commands stand in backticks.
    pub remedies: &'static [&'static str],
}

/// A failure as it shows itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names the failure; journals and tests may rely on it.
    pub id: &'static str,
    /// Its row in the list of failures that the table is made from; 0 for one that is not there.
    pub row: u8,
    /// Who says it; everybody when empty.
    pub sources: &'static [Source],
    /// The codes it comes with, without a trailing `Exception`.
    pub codes: &'static [&'static str],
    /// What its text holds, one of these; `…` is a gap, `{found}` a gap whose words the cause
    /// names.
    pub texts: &'static [&'static str],
    /// Whether code and text were seen in the wild; where not, one of the two is enough.
    pub seen: bool,
    /// What is done about it.
    pub response: Response,
    /// Whether the chain shows each of its causes, so that a chain that holds rules them out.
    pub in_chain: bool,
    /// What may be behind it; the first where nothing decides.
    pub causes: &'static [&'static Cause],
}

/// Finds the entry of a symptom: by code and text, else by code, else by text.
pub fn look_up(symptom: &Symptom) -> Option<&'static Entry> {
    if symptom.has_wrong_clock() {
        return table::entries().find(|entry| entry.id == table::CLOCK);
    }
    let mut best: Option<(usize, &'static Entry)> = None;
    for entry in table::entries() {
        if let Some(rank) = entry.rank(symptom)
            && best.is_none_or(|(least, _)| rank > least)
        {
            best = Some((rank, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

/// More than any text is long.
const CODE: usize = 1 << 16;

impl Entry {
    /// How well the symptom fits; of two texts the longer tells more.
    fn rank(&self, symptom: &Symptom) -> Option<usize> {
        if !self.sources.is_empty() && !self.sources.contains(&symptom.source) {
            return None;
        }
        let code = symptom.code.as_deref().map(short);
        let has_code = code.is_some_and(|code| self.codes.contains(&code));
        let said = symptom.said();
        let text = self.texts.iter().filter_map(|pattern| {
            matches(pattern, &said)?;
            Some(pattern.len())
        });
        let text = text.max();
        match (has_code, text) {
            (true, Some(length)) => Some(2 * CODE + length),
            (true, None) if self.texts.is_empty() => Some(CODE),
            // A text that nobody has seen may read otherwise.
            (true, None) if !self.seen => Some(0),
            // A text of another code means something else, unless we are not sure of the code.
            (false, Some(length)) if self.codes.is_empty() || code.is_none() || !self.seen => {
                Some(length)
            }
            _ => None,
        }
    }

    /// Returns the words of the text that the pattern's `{found}` stands for.
    pub(super) fn found_in(&self, text: &str) -> String {
        let found = self
            .texts
            .iter()
            .filter_map(|pattern| matches(pattern, text));
        found.max_by_key(String::len).unwrap_or_default()
    }
}

/// `ExpiredToken` and `ExpiredTokenException` are the same code in two protocols.
fn short(code: &str) -> &str {
    code.strip_suffix("Exception").unwrap_or(code)
}

/// Looks for a pattern in a text, whatever its case and line breaks; returns what `{found}` stands
/// for.
fn matches(pattern: &str, text: &str) -> Option<String> {
    const FOUND: &str = "{found}";
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Lower case of the ASCII letters only, so that both have the same positions.
    let lower = text.to_ascii_lowercase();
    let pattern = pattern.to_ascii_lowercase().replace(FOUND, "\u{1}");
    let (mut at, mut found) = (0, None);
    let mut gap: Option<char> = None;
    let mut rest = pattern.as_str();
    loop {
        let end = rest.find(['…', '\u{1}']).unwrap_or(rest.len());
        let literal = &rest[..end];
        let start = if literal.is_empty() && end == rest.len() {
            // The pattern ends in a gap: one word.
            at + lower[at..].find(' ').unwrap_or(lower.len() - at)
        } else {
            at + lower[at..].find(literal)?
        };
        if gap == Some('\u{1}') {
            let inside = |letter: char| !letter.is_ascii_punctuation() || "/*_-".contains(letter);
            found = Some(text[at..start].trim_matches(|letter| !inside(letter) || letter == ' '));
        }
        at = start + literal.len();
        let Some(next) = rest[end..].chars().next() else {
            return Some(found.unwrap_or_default().to_owned());
        };
        gap = Some(next);
        rest = &rest[end + next.len_utf8()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_gaps_and_tells_what_stood_in_one() {
        let text = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: \
                    iam:CreateRole on resource: z";
        assert_eq!(matches("not AUTHORIZED to", text).as_deref(), Some(""));
        let action = matches("not authorized to perform: {found} on", text);
        assert_eq!(action.as_deref(), Some("iam:CreateRole"));
        let role = matches("assumed-role/{found}/", text);
        assert_eq!(role.as_deref(), Some("x"));
        assert_eq!(
            matches("User:…resource: {found}", text).as_deref(),
            Some("z")
        );
        assert_eq!(matches("resource…User:", text), None);
    }
}
