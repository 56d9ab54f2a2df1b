//! A value in clear, with its type: what is encrypted, what the MAC is made of, what is written back.
//!
//! Types matter: SOPS keeps that `8080` is a number and `"8080"` a text. What a plain scalar of YAML is
//! follows the parser that SOPS uses (Go's yaml.v3), since the MAC is over the values it sees.

use std::cmp::Ordering;

use zeroize::Zeroizing;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Whole,
    Float,
    Bool,
    Time,
    Comment,
}

impl Kind {
    /// Returns the type by the name it has in a file.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "str" | "bytes" => Self::Text,
            "int" | "int64" => Self::Whole,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "time" => Self::Time,
            "comment" => Self::Comment,
            _ => return None,
        })
    }

    /// Returns the name it has in a file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "str",
            Self::Whole => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Comment => "comment",
        }
    }
}

/// A value in clear, as it is encrypted and as it goes into the MAC.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Clear {
    pub(super) kind: Kind,
    pub(super) text: Zeroizing<String>,
}

impl Clear {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: Zeroizing::new(text.into()),
        }
    }

    /// Takes what was decrypted; says in words what is wrong with it.
    pub(super) fn read(kind: Kind, text: Zeroizing<String>) -> Result<Self, String> {
        let is_one = match kind {
            Kind::Text | Kind::Comment | Kind::Time => true,
            Kind::Whole => text.parse::<i64>().is_ok(),
            Kind::Float => float(&text).is_some(),
            Kind::Bool => matches!(text.as_str(), "True" | "False" | "true" | "false"),
        };
        if !is_one {
            return Err(format!("it is no {}", kind.name()));
        }
        let text = match kind {
            Kind::Bool => Zeroizing::new(bool_text(text.eq_ignore_ascii_case("true")).to_owned()),
            Kind::Float => Zeroizing::new(float(&text).unwrap_or_default()),
            _ => text,
        };
        Ok(Self { kind, text })
    }

    /// Returns how a plain scalar of YAML says it, where it is no text.
    pub(super) fn plain(&self) -> String {
        match (self.kind, self.text.as_str()) {
            (Kind::Bool, "True") => "true".into(),
            (Kind::Bool, _) => "false".into(),
            (Kind::Float, "NaN") => ".nan".into(),
            (Kind::Float, "+Inf") => ".inf".into(),
            (Kind::Float, "-Inf") => "-.inf".into(),
            // Without a dot it would be read as a whole number.
            (Kind::Float, text) if !text.contains('.') => format!("{text}.0"),
            (_, text) => text.to_owned(),
        }
    }
}

impl Ord for Clear {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.kind, self.text.as_str()).cmp(&(other.kind, other.text.as_str()))
    }
}

impl PartialOrd for Clear {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn bool_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// Returns the value of a plain scalar; `None` for null, which is never encrypted.
///
/// # Errors
///
/// In words, when SOPS would not take it.
pub(super) fn resolve(plain: &str) -> Result<Option<Clear>, String> {
    let text = |text: &str| Ok(Some(Clear::new(Kind::Text, text)));
    match plain {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(None),
        "true" | "True" | "TRUE" => return Ok(Some(Clear::new(Kind::Bool, "True"))),
        "false" | "False" | "FALSE" => return Ok(Some(Clear::new(Kind::Bool, "False"))),
        ".nan" | ".NaN" | ".NAN" => return Ok(Some(Clear::new(Kind::Float, "NaN"))),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Ok(Some(Clear::new(Kind::Float, "+Inf")));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Ok(Some(Clear::new(Kind::Float, "-Inf"))),
        _ => {}
    }
    let first = plain.as_bytes()[0];
    if !(first.is_ascii_digit() || b"+-.".contains(&first)) {
        return text(plain);
    }
    if first != b'.' {
        if let Some(time) = time(plain) {
            return Ok(Some(Clear::new(Kind::Time, time)));
        }
        let digits = plain.replace('_', "");
        match whole(&digits) {
            Some(Ok(number)) => return Ok(Some(Clear::new(Kind::Whole, number.to_string()))),
            Some(Err(())) => return Err("a whole number of more than 64 bits".into()),
            None => {}
        }
        if is_float(&digits) {
            return Ok(float(&digits).map(|float| Clear::new(Kind::Float, float)));
        }
    } else if is_float(plain) {
        return Ok(float(plain).map(|float| Clear::new(Kind::Float, float)));
    }
    text(plain)
}

/// Reads a whole number as Go does with base 0: `0x`, `0o`, `0b`, and a leading zero for octal.
fn whole(text: &str) -> Option<Result<i64, ()>> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let small = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = small.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = small.strip_prefix("0o") {
        (8, digits)
    } else if let Some(digits) = small.strip_prefix("0b") {
        (2, digits)
    } else if small.len() > 1 && small.starts_with('0') {
        (8, &small[1..])
    } else {
        (10, small.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| ());
    Some(magnitude.and_then(|magnitude| {
        let number = if is_negative { -magnitude } else { magnitude };
        i64::try_from(number).map_err(|_| ())
    }))
}

/// Whether a text is written as a float of YAML is.
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    is_mantissa
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// Returns a float the shortest way that reads back, without an exponent, as Go's `'f', -1` does.
fn float(text: &str) -> Option<String> {
    match text {
        "NaN" | "+Inf" | "-Inf" => return Some(text.to_owned()),
        _ => {}
    }
    let number: f64 = text.parse().ok()?;
    if number.is_infinite() {
        return Some(if number > 0.0 { "+Inf" } else { "-Inf" }.into());
    }
    Some(number.to_string())
}

/// Returns a date, or a date with a time, as Go's RFC 3339 writes it.
fn time(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(place) => (&text[..place], &text[place + 1..]),
        None => (text, ""),
    };
    let mut numbers = date.splitn(3, '-').map(|number| {
        let is_number =
            (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| number.parse::<i16>().ok()).flatten()
    });
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let date = jiff::civil::Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    if rest.is_empty() {
        return text
            .len()
            .eq(&date_length(text))
            .then(|| format!("{date}T00:00:00Z"));
    }
    let whole = format!("{date}T{rest}");
    let zoned = if rest.ends_with(['Z', 'z']) || rest.contains(['+', '-']) {
        whole
    } else {
        format!("{whole}Z")
    };
    // An offset stays as it was written; only the instant is checked.
    zoned
        .parse::<jiff::Timestamp>()
        .ok()
        .map(|_| zoned.replace('z', "Z"))
}

fn date_length(text: &str) -> usize {
    text.find(['T', 't', ' ']).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(plain: &str) -> String {
        match resolve(plain) {
            Ok(Some(clear)) => format!("{}:{}", clear.kind.name(), clear.text.as_str()),
            Ok(None) => "null".into(),
            Err(why) => why,
        }
    }

    #[test]
    fn plain_scalars_are_what_gos_parser_makes_of_them() {
        for (plain, expected) in [
            ("~", "null"),
            ("yes", "str:yes"),
            ("on", "str:on"),
            ("True", "bool:True"),
            ("0", "int:0"),
            ("-7", "int:-7"),
            ("1_000", "int:1000"),
            ("0x1F", "int:31"),
            ("0o17", "int:15"),
            ("017", "int:15"),
            ("-0b11", "int:-3"),
            ("08", "float:8"),
            ("1.50", "float:1.5"),
            ("1e21", "float:1000000000000000000000"),
            (".5", "float:0.5"),
            ("1e400", "float:+Inf"),
            ("+.inf", "float:+Inf"),
            ("1.2.3", "str:1.2.3"),
            ("-", "str:-"),
            ("12ab", "str:12ab"),
            ("0x", "str:0x"),
            ("2024-01-02", "time:2024-01-02T00:00:00Z"),
            ("2024-1-2 3", "str:2024-1-2 3"),
            ("2024-01-02T03:04:05Z", "time:2024-01-02T03:04:05Z"),
            ("2024-13-02", "str:2024-13-02"),
            (
                "99999999999999999999",
                "a whole number of more than 64 bits",
            ),
            ("daemons", "str:daemons"),
        ] {
            assert_eq!(of(plain), expected, "{plain}");
        }
    }

    #[test]
    fn what_was_decrypted_is_of_its_type_or_refused() {
        let read = |kind, text: &str| Clear::read(kind, Zeroizing::new(text.to_owned()));
        assert_eq!(read(Kind::Bool, "true").unwrap().plain(), "true");
        assert_eq!(read(Kind::Float, "2").unwrap().plain(), "2.0");
        assert_eq!(read(Kind::Whole, "x").map(drop), Err("it is no int".into()));
        assert_eq!(
            read(Kind::Bool, "no").map(drop),
            Err("it is no bool".into())
        );
    }
}
