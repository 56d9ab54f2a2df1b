//! What templates take from Python by way of Jinja2, where minijinja differs.
//!
//! `indent` ends a text that ended its last line with one more line end, `tojson` writes ASCII only,
//! and values have the everyday methods of Python's strings and dictionaries.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, Value, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, filters};

/// Makes `environment` behave as Jinja2 does.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter("indent", indent);
    environment.add_filter("tojson", tojson);
    environment.set_unknown_method_callback(method);
}

/// `indent(width=4, first=False, blank=False)`, as Jinja2 computes it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands a filter its arguments by value"
)]
fn indent(text: &str, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let argument = |index: usize, name: &str| match positional.get(index) {
        Some(value) => Ok(Some(value.clone())),
        None => named.get::<Option<Value>>(name),
    };
    let width = match argument(0, "width")? {
        None => " ".repeat(4),
        Some(width) => match width.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(usize::try_from(width)?),
        },
    };
    let first = argument(1, "first")?.is_some_and(|value| value.is_true());
    let blank = argument(2, "blank")?.is_some_and(|value| value.is_true());
    named.assert_all_used()?;
    // Jinja2 adds a line end before it splits, so a text that had one gets an empty line at its end.
    let mut indented = String::new();
    for (index, line) in text.replace("\r\n", "\n").split('\n').enumerate() {
        if index > 0 {
            indented.push('\n');
        }
        if (index == 0 && first) || (index > 0 && (blank || !line.is_empty())) {
            indented.push_str(&width);
        }
        indented.push_str(line);
    }
    Ok(indented)
}

fn tojson(value: &Value, indent: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let json = filters::tojson(value, indent, named)?.to_string();
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    Ok(Value::from_safe_string(ascii))
}

fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return string_method(state, text, name, arguments);
    }
    if value.kind() == ValueKind::Map {
        match name {
            "items" => {
                from_args::<()>(arguments)?;
                return state.apply_filter("items", std::slice::from_ref(value));
            }
            "keys" => {
                from_args::<()>(arguments)?;
                return Ok(value.try_iter()?.collect());
            }
            "values" => {
                from_args::<()>(arguments)?;
                return value.try_iter()?.map(|key| value.get_item(&key)).collect();
            }
            "get" => {
                let (key, default): (&Value, Option<Value>) = from_args(arguments)?;
                let found = value.get_item(key)?;
                let none = || default.unwrap_or_else(|| Value::from(()));
                return Ok(if found.is_undefined() { none() } else { found });
            }
            _ => {}
        }
    }
    Err(Error::from(ErrorKind::UnknownMethod))
}

fn string_method(
    state: &mut State<'_, '_>,
    text: &str,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let stripped = |strip: fn(&str, &dyn Fn(char) -> bool) -> String| {
        let (characters,): (Option<&str>,) = from_args(arguments)?;
        Ok(Value::from(match characters {
            Some(characters) => strip(text, &|found| characters.contains(found)),
            None => strip(text, &char::is_whitespace),
        }))
    };
    match name {
        "upper" | "lower" | "capitalize" | "title" => {
            from_args::<()>(arguments)?;
            state.apply_filter(name, &[Value::from(text)])
        }
        "replace" => {
            let (from, to): (&str, &str) = from_args(arguments)?;
            Ok(Value::from(text.replace(from, to)))
        }
        "split" => {
            let (separator,): (Option<&str>,) = from_args(arguments)?;
            Ok(match separator {
                Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
                Some(separator) => text.split(separator).map(Value::from).collect(),
                None => text.split_whitespace().map(Value::from).collect(),
            })
        }
        "strip" => stripped(|text, is_cut| text.trim_matches(is_cut).to_owned()),
        "lstrip" => stripped(|text, is_cut| text.trim_start_matches(is_cut).to_owned()),
        "rstrip" => stripped(|text, is_cut| text.trim_end_matches(is_cut).to_owned()),
        "startswith" => {
            let (start,): (&str,) = from_args(arguments)?;
            Ok(Value::from(text.starts_with(start)))
        }
        "endswith" => {
            let (end,): (&str,) = from_args(arguments)?;
            Ok(Value::from(text.ends_with(end)))
        }
        "join" => {
            let (parts,): (Value,) = from_args(arguments)?;
            state.apply_filter("join", &[parts, Value::from(text)])
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}
