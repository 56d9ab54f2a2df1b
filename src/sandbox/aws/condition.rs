//! The `Condition` element of a policy: operators, set qualifiers, `…IfExists`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

use super::pattern::matches;

/// What is known about a request, by condition key. Keys compare without case, a key may hold
/// many values.
#[derive(Debug, Clone, Default)]
pub(super) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    #[must_use]
    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0
            .entry(key.to_ascii_lowercase())
            .or_default()
            .push(value.into());
        self
    }

    #[must_use]
    pub(super) fn with_all(self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        values
            .into_iter()
            .fold(self, |context, value| context.with(key, value))
    }

    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// Fills in `${key}`, and the three letters that can only be written that way.
    pub(super) fn expand(&self, pattern: &str) -> String {
        let mut expanded = String::new();
        let mut rest = pattern;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            let variable = &rest[start + 2..start + length];
            let whole = &rest[start..=start + length];
            expanded.push_str(&rest[..start]);
            match (variable, self.values(variable)) {
                ("*" | "?" | "$", _) => expanded.push_str(variable),
                (_, Some([value])) => expanded.push_str(value),
                _ => expanded.push_str(whole),
            }
            rest = &rest[start + length + 1..];
        }
        expanded + rest
    }
}

/// One operator applied to one key.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    set: Set,
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
    pub(super) key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// No qualifier: any value of the request will do.
    Plain,
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Exact,
    IgnoreCase,
    Pattern,
    Arn,
    Number(Order),
    Date(Order),
    Address,
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Reads an operator such as `ForAnyValue:StringNotLikeIfExists`; nothing if there is no such.
    pub(super) fn parse(operator: &str, key: &str, values: Vec<String>) -> Option<Self> {
        let (set, rest) = match operator.split_once(':') {
            None => (Set::Plain, operator),
            Some(("ForAnyValue", rest)) => (Set::Any, rest),
            Some(("ForAllValues", rest)) => (Set::All, rest),
            Some(_) => return None,
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let (comparison, negated) = comparison(name)?;
        Some(Self {
            set,
            comparison,
            negated,
            if_exists,
            key: key.into(),
            values,
        })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let given = context.values(&self.key).unwrap_or_default();
        if self.comparison == Comparison::Absent {
            let wants_absent = self.values.iter().any(|value| value == "true");
            return given.is_empty() == wants_absent;
        }
        if given.is_empty() {
            return self.if_exists
                || match self.set {
                    Set::Plain => self.negated,
                    Set::Any => false,
                    Set::All => true,
                };
        }
        let wanted: Vec<String> = self
            .values
            .iter()
            .map(|value| context.expand(value))
            .collect();
        let one = |value: &String| {
            wanted
                .iter()
                .any(|pattern| self.comparison.compare(pattern, value))
                != self.negated
        };
        match self.set {
            // "Not equal" of a key with many values means that none of them is equal.
            Set::Plain if self.negated => given.iter().all(one),
            Set::Plain | Set::Any => given.iter().any(one),
            Set::All => given.iter().all(one),
        }
    }
}

fn comparison(name: &str) -> Option<(Comparison, bool)> {
    Some(match name {
        "StringEquals" | "Bool" | "BinaryEquals" => (Comparison::Exact, false),
        "StringNotEquals" => (Comparison::Exact, true),
        "StringEqualsIgnoreCase" => (Comparison::IgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Comparison::IgnoreCase, true),
        "StringLike" => (Comparison::Pattern, false),
        "StringNotLike" => (Comparison::Pattern, true),
        "ArnEquals" | "ArnLike" => (Comparison::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Comparison::Arn, true),
        "IpAddress" => (Comparison::Address, false),
        "NotIpAddress" => (Comparison::Address, true),
        "Null" => (Comparison::Absent, false),
        _ => {
            if let Some(order) = name.strip_prefix("Numeric") {
                let (order, negated) = self::order(order)?;
                (Comparison::Number(order), negated)
            } else {
                let (order, negated) = self::order(name.strip_prefix("Date")?)?;
                (Comparison::Date(order), negated)
            }
        }
    })
}

fn order(name: &str) -> Option<(Order, bool)> {
    Some(match name {
        "Equals" => (Order::Equal, false),
        "NotEquals" => (Order::Equal, true),
        "LessThan" => (Order::Less, false),
        "LessThanEquals" => (Order::LessOrEqual, false),
        "GreaterThan" => (Order::Greater, false),
        "GreaterThanEquals" => (Order::GreaterOrEqual, false),
        _ => return None,
    })
}

impl Comparison {
    fn compare(self, pattern: &str, value: &str) -> bool {
        match self {
            Self::Exact => pattern == value,
            Self::IgnoreCase => pattern.eq_ignore_ascii_case(value),
            Self::Pattern => matches(pattern, value),
            Self::Arn => arn_matches(pattern, value),
            Self::Number(order) => {
                order.holds(value.parse::<f64>().ok(), pattern.parse::<f64>().ok())
            }
            Self::Date(order) => order.holds(moment(value), moment(pattern)),
            Self::Address => in_network(pattern, value).unwrap_or(false),
            Self::Absent => false,
        }
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, value: Option<T>, bound: Option<T>) -> bool {
        let (Some(value), Some(bound)) = (value, bound) else {
            return false;
        };
        match self {
            Self::Equal => value == bound,
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

/// Each of an ARN's first five parts is matched by itself: a wildcard does not cross a colon.
fn arn_matches(pattern: &str, value: &str) -> bool {
    let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
    let values: Vec<&str> = value.splitn(6, ':').collect();
    patterns.len() == 6
        && values.len() == 6
        && patterns
            .iter()
            .zip(&values)
            .all(|(pattern, value)| matches(pattern, value))
}

fn moment(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

fn in_network(network: &str, address: &str) -> Option<bool> {
    let address: IpAddr = address.parse().ok()?;
    let (base, length) = network.split_once('/').unwrap_or((network, "128"));
    let length: u32 = length.parse().ok()?;
    Some(match (base.parse().ok()?, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, values: &[&str], given: &[&str]) -> bool {
        let context = Context::default().with_all("Key", given.iter().map(ToString::to_string));
        let values = values.iter().map(ToString::to_string).collect();
        Condition::parse(operator, "key", values)
            .unwrap()
            .holds(&context)
    }

    #[test]
    fn plain_operators_take_any_value_and_negated_ones_refuse_any() {
        assert!(holds("StringEquals", &["a", "b"], &["b"]));
        assert!(holds("StringEquals", &["a"], &["x", "a"]));
        assert!(!holds("StringEquals", &["a*"], &["ab"]));
        assert!(holds("StringLike", &["a*"], &["ab"]));
        assert!(holds("StringNotEquals", &["a"], &["b"]));
        assert!(!holds("StringNotEquals", &["a"], &["b", "a"]));
        assert!(!holds("StringNotLike", &["a*"], &["ab"]));
        assert!(holds("StringEqualsIgnoreCase", &["A"], &["a"]));
        assert!(holds("Bool", &["true"], &["true"]));
    }

    #[test]
    fn a_missing_key_fails_unless_the_operator_is_negated_or_if_exists() {
        assert!(!holds("StringEquals", &["a"], &[]));
        assert!(holds("StringEqualsIfExists", &["a"], &[]));
        assert!(!holds("StringEqualsIfExists", &["a"], &["b"]));
        assert!(holds("StringNotEquals", &["a"], &[]));
        assert!(holds("Null", &["true"], &[]));
        assert!(!holds("Null", &["true"], &["a"]));
        assert!(holds("Null", &["false"], &["a"]));
    }

    #[test]
    fn set_qualifiers_count_the_values_of_the_request() {
        assert!(holds("ForAnyValue:StringEquals", &["a"], &["x", "a"]));
        assert!(!holds("ForAnyValue:StringEquals", &["a"], &[]));
        assert!(!holds("ForAllValues:StringEquals", &["a"], &["x", "a"]));
        assert!(holds("ForAllValues:StringLike", &["a*", "x"], &["x", "ab"]));
        assert!(holds("ForAllValues:StringEquals", &["a"], &[]));
        assert!(holds("ForAnyValue:StringNotEquals", &["a"], &["a", "b"]));
    }

    #[test]
    fn arns_match_part_by_part() {
        let role = "arn:aws:iam::123451234512:role/rok";
        assert!(holds("ArnLike", &["arn:aws:iam::*:role/*"], &[role]));
        assert!(holds("ArnEquals", &[role], &[role]));
        assert!(!holds("ArnLike", &["arn:aws:*"], &[role]));
    }

    #[test]
    fn numbers_dates_and_addresses_have_their_order() {
        assert!(holds("NumericLessThan", &["10"], &["9"]));
        assert!(!holds("NumericLessThan", &["10"], &["x"]));
        assert!(holds(
            "DateGreaterThan",
            &["2020-01-01T00:00:00Z"],
            &["2021-01-01T00:00:00Z"]
        ));
        assert!(holds("IpAddress", &["127.0.0.0/8"], &["127.1.2.3"]));
        assert!(holds("NotIpAddress", &["10.0.0.0/8"], &["127.0.0.1"]));
        assert!(holds("IpAddress", &["0.0.0.0/0"], &["127.0.0.1"]));
    }

    #[test]
    fn an_unknown_operator_is_nothing() {
        assert!(Condition::parse("StringEqual", "k", vec![]).is_none());
        assert!(Condition::parse("ForSome:StringEquals", "k", vec![]).is_none());
        assert!(Condition::parse("Date", "k", vec![]).is_none());
    }

    #[test]
    fn variables_are_filled_in() {
        let context = Context::default().with("aws:username", "ada");
        assert_eq!(context.expand("home/${aws:UserName}/${*}"), "home/ada/*");
        assert_eq!(context.expand("${aws:none}/${open"), "${aws:none}/${open");
    }
}
