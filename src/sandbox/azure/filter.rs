//! The `$filter` of a listing, as far as Azure's own clients use it.

use super::refusal::Refusal;

/// One condition; all of a filter must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// `roleName eq 'Reader'`
    Equals(String, String),
    /// `atScope()`, `assignedTo('…')`
    Function(String, Option<String>),
}

/// Takes a filter apart. Names come back in small letters, values as they are.
pub(super) fn parse(filter: &str) -> Result<Vec<Term>, Refusal> {
    let mut terms = Vec::new();
    let mut rest = filter.trim();
    while !rest.is_empty() {
        let (term, left) = term(rest).ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidFilter",
                format!("The filter '{filter}' is not supported."),
            )
        })?;
        terms.push(term);
        let left = left.trim_start();
        rest = match left.get(..4) {
            Some(word) if word.eq_ignore_ascii_case("and ") => left[4..].trim_start(),
            _ if left.is_empty() => left,
            _ => {
                return Err(Refusal::new(
                    400,
                    "InvalidFilter",
                    format!("The filter '{filter}' is not supported."),
                ));
            }
        };
    }
    Ok(terms)
}

/// The value that a name must equal.
pub(super) fn value<'a>(terms: &'a [Term], name: &str) -> Option<&'a str> {
    terms.iter().find_map(|term| match term {
        Term::Equals(known, value) if known == name => Some(value.as_str()),
        _ => None,
    })
}

fn term(text: &str) -> Option<(Term, &str)> {
    let end = text.find([' ', '(']).unwrap_or(text.len());
    let name = text[..end].to_ascii_lowercase();
    if name.is_empty() {
        return None;
    }
    let rest = text[end..].trim_start();
    if let Some(argument) = rest.strip_prefix('(') {
        let argument = argument.trim_start();
        let (value, rest) = if argument.starts_with('\'') {
            let (value, rest) = quoted(argument)?;
            (Some(value), rest)
        } else {
            (None, argument)
        };
        let rest = rest.trim_start().strip_prefix(')')?;
        return Some((Term::Function(name, value), rest));
    }
    let operator = rest.get(..3)?;
    if !operator.eq_ignore_ascii_case("eq ") {
        return None;
    }
    let (value, rest) = quoted(rest[3..].trim_start())?;
    Some((Term::Equals(name, value), rest))
}

/// A text in single quotes, in which two of them stand for one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_the_clients_are_understood() {
        let equals = |name: &str, value: &str| Term::Equals(name.into(), value.into());
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(
            parse("roleName eq 'Storage Blob Data Contributor'").unwrap(),
            [equals("rolename", "Storage Blob Data Contributor")]
        );
        assert_eq!(
            parse("atScope() and assignedTo('o''brien')").unwrap(),
            [
                Term::Function("atscope".into(), None),
                Term::Function("assignedto".into(), Some("o'brien".into()))
            ]
        );
        assert_eq!(
            parse("resourceGroup eq 'g' and resourceType eq 'N.A/b'").unwrap(),
            [
                equals("resourcegroup", "g"),
                equals("resourcetype", "N.A/b")
            ]
        );
        for filter in ["a ne 'b'", "a eq b", "a eq 'b' or c eq 'd'", "f('x'", "'"] {
            assert!(parse(filter).is_err(), "{filter}");
        }
    }

    crate::corpus::fed!("odata-filter", feed);

    fn feed(text: &[u8]) {
        parse(&String::from_utf8_lossy(text)).ok();
    }
}
