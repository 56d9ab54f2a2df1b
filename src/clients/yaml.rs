//! Keeps documents of YAML within bounds before anybody reads them.
//!
//! The parser bounds their depth, and how often one alias may lead to another. It does not bound what
//! aliases add up to: a list of ten thousand values that is named ten thousand times is a small file.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// How many values a stream may hold, each counted as often as aliases lead to it.
const MOST: usize = 1_000_000;

/// Checks that a stream of documents can be read, whatever is read of it.
///
/// # Errors
///
/// When it is no YAML, nested too deeply, or too large once its aliases are followed.
pub fn within_bounds(yaml: &[u8]) -> Result<(), serde_yaml::Error> {
    let left = Cell::new(MOST);
    for document in serde_yaml::Deserializer::from_slice(yaml) {
        Count(&left).deserialize(document)?;
    }
    Ok(())
}

/// Visits a value and everything in it, and keeps nothing.
#[derive(Clone, Copy)]
struct Count<'a>(&'a Cell<usize>);

impl Count<'_> {
    fn one<E: de::Error>(self) -> Result<(), E> {
        let left = self.0.get().checked_sub(1);
        let left =
            left.ok_or_else(|| E::custom(format_args!("it holds more than {MOST} values")))?;
        self.0.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.one()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.one()
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<(), E> {
        self.one()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.one()
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<(), E> {
        self.one()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.one()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.one()
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.one()
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.one()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.one()?;
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.one()?;
        while fields.next_key_seed(self)?.is_some() {
            fields.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let ((), value) = tagged.variant_seed(self)?;
        value.newtype_variant_seed(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(yaml: &str) -> String {
        within_bounds(yaml.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_people_write_is_within_bounds() {
        for yaml in [
            "",
            "a: 1\nb: [x, ~, 1.5, true, 18446744073709551615, -1]\n",
            "base: &base {a: 1}\nother: {<<: *base, b: 2}\nlist: [*base, *base]\n",
            "---\na: 1\n---\n!tag {b: 2}\n",
        ] {
            within_bounds(yaml.as_bytes()).unwrap();
        }
    }

    #[test]
    fn small_texts_that_are_large_documents_are_refused() {
        let level = |level: usize| {
            let before = format!("*l{}, ", level - 1).repeat(10);
            format!("l{level}: &l{level} [{before}]\n")
        };
        let levels: Vec<_> = (1..12).map(level).collect();
        let laughs = format!("l0: &l0 lol\n{}", levels.concat());
        assert!(refusal(&laughs).contains("repetition limit exceeded"));
        // A list of many, named many times: aliases lead to no alias.
        let many = format!(
            "a: &a [{}]\nb: [{}]\n",
            "x,".repeat(5_000),
            "*a,".repeat(5_000)
        );
        assert!(refusal(&many).contains("more than 1000000 values"));
        let deep = "[".repeat(100_000);
        let said = refusal(&deep);
        assert!(
            said.contains("recursion limit") || said.contains("nest"),
            "{said}"
        );
    }

    crate::corpus::fed!("yaml", feed);

    fn feed(yaml: &[u8]) {
        let bounded = within_bounds(yaml).is_ok();
        if bounded && let Ok(value) = serde_yaml::from_slice::<serde_yaml::Value>(yaml) {
            let text = serde_yaml::to_string(&value).unwrap();
            within_bounds(text.as_bytes()).unwrap();
        }
    }
}
