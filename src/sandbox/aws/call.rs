//! One call of a query service: its parameters, its caller, its pages.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::authority::{self, authorize};
use super::caller::Caller;
use super::condition::Context;
use super::policy::Request;
use super::refusal::Refusal;
use super::state::{AwsState, Tags};
use super::xml::Xml;
use crate::sandbox::conduct::Lag;

/// What an operation gets to see.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) params: &'a Params,
    pub(super) caller: &'a Caller,
    /// `iam:CreateRole`.
    pub(super) action: &'a str,
    pub(super) region: &'a str,
    pub(super) now: Timestamp,
    pub(super) lag: Lag,
}

/// The form fields of a query request.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, String>);

impl Call<'_> {
    pub(super) fn authorize(&self, state: &AwsState, resource: &str) -> Result<(), Refusal> {
        self.authorize_with(state, resource, |context| context)
    }

    /// As `authorize`, with condition keys of this operation.
    pub(super) fn authorize_with(
        &self,
        state: &AwsState,
        resource: &str,
        extend: impl FnOnce(Context) -> Context,
    ) -> Result<(), Refusal> {
        let context = extend(authority::context(
            state,
            self.caller,
            self.region,
            self.now,
        ));
        let request = Request {
            action: self.action,
            resource,
            context: &context,
        };
        authorize(state, self.caller, self.now, request)
            .map_err(|denied| Refusal::new(403, "AccessDenied", denied.to_string()))
    }

    /// When something written now reaches STS and S3, if it takes that long.
    pub(super) fn visible_after(&self, lag: Duration) -> Timestamp {
        self.now.saturating_add(lag).unwrap_or(Timestamp::MAX)
    }

    /// Renders one page of a list, with `IsTruncated` and `Marker`. Items come in the order of
    /// their keys, and a marker names the last key that was shown.
    pub(super) fn page<T>(
        &self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
        render: impl Fn(T) -> Xml,
    ) -> Result<Xml, Refusal> {
        let max: usize = match self.params.get("MaxItems") {
            None => 100,
            Some(text) => text
                .parse()
                .ok()
                .filter(|max| (1..=1000).contains(max))
                .ok_or_else(|| {
                    invalid(
                        "MaxItems",
                        text,
                        "Member must have value between 1 and 1000",
                    )
                })?,
        };
        let after = match self.params.get("Marker") {
            None => None,
            Some(marker) => Some(
                URL_SAFE_NO_PAD
                    .decode(marker)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| Refusal::validation(format!("Invalid Marker: {marker}")))?,
            ),
        };
        let mut items: Vec<(String, T)> = items
            .into_iter()
            .map(|item| (key(&item), item))
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
            .collect();
        items.sort_by(|one, other| one.0.cmp(&other.0));
        let truncated = items.len() > max;
        items.truncate(max);
        let marker = items
            .last()
            .filter(|_| truncated)
            .map(|(key, _)| URL_SAFE_NO_PAD.encode(key));
        Ok(Xml::new()
            .members(name, items, |(_, item)| render(item))
            .text("IsTruncated", truncated)
            .maybe("Marker", marker))
    }
}

impl Params {
    pub(super) fn parse(query: &str, body: &[u8]) -> Self {
        let fields = [query.as_bytes(), body].map(form_urlencoded::parse);
        let fields = fields.into_iter().flatten();
        Self(
            fields
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Returns the parameters of a request that nobody sent: one service asks another.
    pub(super) fn of(fields: BTreeMap<String, String>) -> Self {
        Self(fields)
    }

    /// Returns the names of all fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a field is there for nothing, as an empty list is.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.get(name).is_none_or(str::is_empty)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: \
                 Member must not be null",
                member(name)
            ))
        })
    }

    /// A required name of a role, policy or the like.
    pub(super) fn name(&self, field: &str, longest: usize) -> Result<&str, Refusal> {
        let value = self.required(field)?;
        if value.is_empty() {
            return Err(invalid(
                field,
                value,
                "Member must have length greater than or equal to 1",
            ));
        }
        if value.chars().count() > longest {
            let rule = format!("Member must have length less than or equal to {longest}");
            return Err(invalid(field, value, &rule));
        }
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(letter);
        if value.chars().all(fits) {
            Ok(value)
        } else {
            Err(Refusal::validation(format!(
                "The specified value for {} is invalid. It must contain only alphanumeric \
                 characters and/or the following: +=,.@_-",
                member(field)
            )))
        }
    }

    /// The IAM path, `/` unless given.
    pub(super) fn path(&self) -> Result<&str, Refusal> {
        let path = self.get("Path").unwrap_or("/");
        let inner = path.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if path.starts_with('/') && path.ends_with('/') && inner && path.len() <= 512 {
            Ok(path)
        } else {
            Err(Refusal::validation(
                "The specified value for path is invalid. It must begin and end with / and \
                 contain only alphanumeric characters and/or / characters.",
            ))
        }
    }

    /// A number within bounds.
    pub(super) fn number(
        &self,
        field: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(field) else {
            return Ok(None);
        };
        let number: i64 = text
            .parse()
            .map_err(|_| invalid(field, text, "Member must be a number"))?;
        if number < least {
            let rule = format!("Member must have value greater than or equal to {least}");
            return Err(invalid(field, text, &rule));
        }
        if number > most {
            let rule = format!("Member must have value less than or equal to {most}");
            return Err(invalid(field, text, &rule));
        }
        Ok(Some(number))
    }

    /// The values of `name.member.1`, `name.member.2`, …
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        (1..)
            .map_while(|index| self.get(&format!("{name}.member.{index}")))
            .collect()
    }

    /// The tags of `Tags.member.1.Key`, `Tags.member.1.Value`, …
    pub(super) fn tags(&self) -> Result<Tags, Refusal> {
        let mut tags = Tags::new();
        for index in 1.. {
            let Some(key) = self.get(&format!("Tags.member.{index}.Key")) else {
                break;
            };
            let value = self.required(&format!("Tags.member.{index}.Value"))?;
            if tags
                .keys()
                .any(|known: &String| known.eq_ignore_ascii_case(key))
            {
                return Err(Refusal::new(
                    400,
                    "InvalidInput",
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
            tags.insert(key.into(), value.into());
        }
        Ok(tags)
    }
}

/// The refusal of a value that breaks a rule of its field.
pub(super) fn invalid(field: &str, value: &str, rule: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: {rule}",
        member(field)
    ))
}

/// Fields begin with a capital on the wire and without one in messages.
fn member(field: &str) -> String {
    let mut letters = field.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// Whatever is sent, it is read or refused.
#[cfg(any(test, fuzzing))]
pub fn feed(body: &[u8]) {
    let query = String::from_utf8_lossy(&body[..body.len() / 3]).into_owned();
    let params = Params::parse(&query, &body[body.len() / 3..]);
    let _ = (params.tags(), params.path(), params.name("RoleName", 64));
    let _ = (params.list("Names"), params.number("MaxItems", 1, 1000));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_in_aws_words() {
        let name = |value: &str| {
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("RoleName", value)
                .finish();
            let params = Params::parse("", form.as_bytes());
            params
                .name("RoleName", 64)
                .map(str::to_owned)
                .map_err(|refusal| refusal.message)
        };
        assert_eq!(name("rok-us-west-2"), Ok("rok-us-west-2".into()));
        let long = "x".repeat(65);
        assert_eq!(
            name(&long).unwrap_err(),
            format!(
                "1 validation error detected: Value '{long}' at 'roleName' failed to satisfy \
                 constraint: Member must have length less than or equal to 64"
            )
        );
        assert!(name("a b").unwrap_err().contains("+=,.@_-"));
        assert!(
            Params::parse("", b"")
                .required("RoleName")
                .unwrap_err()
                .message
                .contains("null")
        );
    }

    #[test]
    fn lists_and_tags_are_read_in_order() {
        let params = Params::parse(
            "Action=TagRole",
            b"Names.member.1=b&Names.member.2=a&Tags.member.1.Key=k&Tags.member.1.Value=v+w",
        );
        assert_eq!(params.list("Names"), ["b", "a"]);
        assert_eq!(
            params.tags().unwrap(),
            Tags::from([("k".into(), "v w".into())])
        );
        let twice =
            b"Tags.member.1.Key=k&Tags.member.1.Value=&Tags.member.2.Key=K&Tags.member.2.Value=";
        assert_eq!(
            Params::parse("", twice).tags().unwrap_err().code,
            "InvalidInput"
        );
    }

    crate::corpus::fed!("form", feed);
}
