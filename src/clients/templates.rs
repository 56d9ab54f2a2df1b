//! Renders Jinja files byte for byte as the `j2` tool does, from the answers alone.
//!
//! Undefined variables are errors, as they are for `j2`. Where `j2` stops at the first one, we name
//! them all, so that an operator fills them in once. What counts as missing is found by rendering:
//! only the engine itself knows that `default(…)` or `is defined` excuses a variable.

mod python;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, Rest, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

/// What stands in for a missing variable while looking for the next one; truthy and a number.
const PLACEHOLDER: &str = "1";

/// Why a template could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is not a Jinja template.
    #[error("parse template `{template}`{}: {detail}", at(*line))]
    Syntax {
        /// The template's name.
        template: String,
        /// Where the parser stopped.
        line: Option<usize>,
        /// What the parser found.
        detail: String,
    },
    /// Variables without a value, in the order of their first use.
    #[error("render template `{template}`: no value for {}", names(variables))]
    Missing {
        /// The template's name.
        template: String,
        /// Each variable and the line of its first use.
        variables: Vec<(String, Option<usize>)>,
    },
    /// An expression failed, although every variable has a value.
    #[error("render template `{template}`{}: {detail}", at(*line))]
    Render {
        /// The template's name.
        template: String,
        /// Where it failed.
        line: Option<usize>,
        /// What failed.
        detail: String,
    },
}

/// Renders templates; holds nothing, so one is as good as another.
#[derive(Debug, Clone, Copy, Default)]
pub struct Renderer;

impl Renderer {
    /// Returns a renderer.
    pub fn new() -> Self {
        Self
    }

    /// Returns the rendered text of `source`; `name` is only for messages.
    pub fn render(
        &self,
        name: &str,
        source: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, TemplateError> {
        let attempt = Attempt::new(name, source, variables);
        match attempt.render(&BTreeSet::new()) {
            Ok(text) => Ok(text),
            Err(failure) => Err(attempt.explain(&failure)),
        }
    }

    /// Returns the variables that [`Renderer::render`] would report as missing.
    pub fn missing(
        &self,
        name: &str,
        source: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, TemplateError> {
        match self.render(name, source, variables) {
            Ok(_) => Ok(BTreeSet::new()),
            Err(TemplateError::Missing { variables, .. }) => {
                Ok(variables.into_iter().map(|(name, _)| name).collect())
            }
            Err(error) => Err(error),
        }
    }
}

/// One template with its variables, rendered once, or as often as it takes to name what is missing.
struct Attempt<'a> {
    name: &'a str,
    source: String,
    variables: &'a BTreeMap<String, String>,
}

/// A failed rendering and the names that were looked up in vain before it.
struct Failure {
    error: minijinja::Error,
    unknown: BTreeSet<String>,
}

impl Failure {
    fn is_undefined(&self) -> bool {
        self.error.kind() == ErrorKind::UndefinedError
    }
}

impl<'a> Attempt<'a> {
    fn new(name: &'a str, source: &str, variables: &'a BTreeMap<String, String>) -> Self {
        // Jinja2 reads every kind of line end as LF; minijinja would keep them.
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        Self {
            name,
            source,
            variables,
        }
    }

    fn render(&self, placeholders: &BTreeSet<String>) -> Result<String, Failure> {
        let mut values = self.variables.clone();
        for name in placeholders {
            values.insert(name.clone(), PLACEHOLDER.into());
        }
        let lookup = Arc::new(Lookup {
            values,
            unknown: Mutex::default(),
        });
        let environment = environment(&lookup);
        environment
            .template_from_named_str(self.name, &self.source)
            .and_then(|template| template.render(Value::from_dyn_object(lookup.clone())))
            .map_err(|error| {
                let mut unknown = lookup.unknown();
                unknown.retain(|name| !environment.globals().any(|(global, _)| global == name));
                Failure { error, unknown }
            })
    }

    fn explain(&self, failure: &Failure) -> TemplateError {
        if failure.is_undefined() {
            let variables = self.missing();
            if !variables.is_empty() {
                return TemplateError::Missing {
                    template: self.name.into(),
                    variables,
                };
            }
        }
        let detail = match failure.error.detail() {
            Some(detail) => format!("{}: {detail}", failure.error.kind()),
            None => failure.error.kind().to_string(),
        };
        let (template, line) = (self.name.to_owned(), failure.error.line());
        if failure.error.kind() == ErrorKind::SyntaxError {
            TemplateError::Syntax {
                template,
                line,
                detail,
            }
        } else {
            TemplateError::Render {
                template,
                line,
                detail,
            }
        }
    }

    /// Returns each variable without which the template fails even when all others are there.
    fn missing(&self) -> Vec<(String, Option<usize>)> {
        let mut suspects = BTreeSet::new();
        while let Err(failure) = self.render(&suspects) {
            let before = suspects.len();
            if failure.is_undefined() {
                suspects.extend(failure.unknown);
            }
            if suspects.len() == before {
                break;
            }
        }
        // Acquitting one suspect may acquit another (`{% if A is defined %}{{ B }}{% endif %}`), so
        // this runs until a whole round changes nothing.
        loop {
            let mut lines = BTreeMap::new();
            let before = suspects.len();
            for suspect in suspects.clone() {
                let mut others = suspects.clone();
                others.remove(&suspect);
                match self.render(&others) {
                    Err(failure) if failure.is_undefined() => {
                        lines.insert(suspect, failure.error.line());
                    }
                    _ => suspects = others,
                }
            }
            if suspects.len() == before {
                let mut missing: Vec<_> = lines.into_iter().collect();
                missing.sort_by_key(|(_, line)| *line);
                return missing;
            }
        }
    }
}

fn environment(lookup: &Arc<Lookup>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(
        minijinja::syntax::SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .expect("the default delimiters are valid"),
    );
    python::install(&mut environment);
    // `j2` has `env` as a function and as a filter; ours never sees the process environment.
    let function = Arc::clone(lookup);
    environment.add_function("env", move |name: &str, default: Rest<Value>| {
        function.env(name, &default)
    });
    let filter = Arc::clone(lookup);
    environment.add_filter("env", move |name: &str, default: Rest<Value>| {
        filter.env(name, &default)
    });
    environment
}

/// The variables as the engine sees them, with a memory of what was asked for in vain.
#[derive(Debug)]
struct Lookup {
    values: BTreeMap<String, String>,
    unknown: Mutex<BTreeSet<String>>,
}

impl Lookup {
    fn find(&self, name: &str) -> Option<Value> {
        let value = self
            .values
            .get(name)
            .map(|value| Value::from(value.as_str()));
        if value.is_none() {
            self.unknown
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(name.to_owned());
        }
        value
    }

    fn env(&self, name: &str, default: &[Value]) -> Result<Value, minijinja::Error> {
        if let [default, ..] = default {
            let value = self.values.get(name);
            return Ok(value.map_or_else(|| default.clone(), |value| Value::from(value.as_str())));
        }
        self.find(name).ok_or_else(|| {
            minijinja::Error::new(ErrorKind::UndefinedError, format!("`{name}` is not set"))
        })
    }

    fn unknown(&self) -> BTreeSet<String> {
        self.unknown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Object for Lookup {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.find(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(
            self.values
                .keys()
                .map(|name| Value::from(name.as_str()))
                .collect(),
        )
    }
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}"))
        .unwrap_or_default()
}

fn names(variables: &[(String, Option<usize>)]) -> String {
    let names: Vec<_> = variables
        .iter()
        .map(|(name, line)| match line {
            Some(line) => format!("`{name}` (line {line})"),
            None => format!("`{name}`"),
        })
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    fn missing(source: &str, pairs: &[(&str, &str)]) -> Vec<(String, Option<usize>)> {
        match Renderer::new().render("t.j2", source, &variables(pairs)) {
            Ok(text) => panic!("rendered {text:?}"),
            Err(TemplateError::Missing { variables, .. }) => variables,
            Err(error) => panic!("{error}"),
        }
    }

    fn found(pairs: &[(&str, usize)]) -> Vec<(String, Option<usize>)> {
        pairs
            .iter()
            .map(|(name, line)| ((*name).into(), Some(*line)))
            .collect()
    }

    #[test]
    fn recorded_templates_render_as_j2_renders_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/j2");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "j2"))
            .collect();
        names.sort();
        assert!(names.len() >= 15, "found {} templates", names.len());
        let mut differences = Vec::new();
        for path in names {
            let read = |extension| std::fs::read_to_string(path.with_extension(extension)).unwrap();
            let variables = serde_json::from_str(&read("vars")).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            let rendered = Renderer::new().render(&name, &read("j2"), &variables);
            let recorded = read("out");
            if rendered.as_ref() != Ok(&recorded) {
                differences.push(format!(
                    "{name}\n  ours: {rendered:?}\n    j2: {recorded:?}"
                ));
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    #[test]
    fn every_missing_variable_is_named_with_its_line() {
        let source = "a: {{ A }}\nb: {{ B }}-{{ C }}\n{% if D == 'x' %}{% endif %}\nb: {{ B }}\n";
        assert_eq!(
            missing(source, &[("C", "c")]),
            found(&[("A", 1), ("B", 2), ("D", 3)])
        );
        assert_eq!(missing("{{ A ~ B }}", &[]), found(&[("A", 1), ("B", 1)]));
        let error = Renderer::new()
            .render("env.j2", "\n{{ A }}", &BTreeMap::new())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "render template `env.j2`: no value for `A` (line 2)"
        );
    }

    #[test]
    fn a_variable_with_a_default_or_a_test_is_not_missing() {
        let source =
            "{{ A | default('x') }}{% if B is defined %}{{ B }}{{ C }}{% endif %}\n{{ D }}";
        assert_eq!(missing(source, &[]), found(&[("D", 2)]));
        assert_eq!(
            missing("{{ A ~ (B | default('x')) }}", &[]),
            found(&[("A", 1)])
        );
        assert_eq!(missing("{{ A | default(B) }}", &[]), found(&[("B", 1)]));
    }

    #[test]
    fn a_default_elsewhere_does_not_excuse_a_plain_use() {
        assert_eq!(
            missing("{{ A | default('x') }}\n{{ A }}", &[]),
            found(&[("A", 2)])
        );
    }

    #[test]
    fn loops_macros_and_globals_are_not_variables() {
        let source = "{% macro m(x) %}{{ x }}{% endmacro %}{% for i in range(2) %}{{ i }}{{ loop.index \
                      }}{{ m(i) }}{% endfor %}{% set y = 1 %}{{ y }}{{ Z }}";
        assert_eq!(missing(source, &[]), found(&[("Z", 1)]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_no_missing_variable() {
        let error = Renderer::new()
            .render("t.j2", "\n{{ A.b.c }}", &variables(&[("A", "text")]))
            .unwrap_err();
        assert!(
            matches!(error, TemplateError::Render { line: Some(2), .. }),
            "{error:?}"
        );
    }

    #[test]
    fn broken_syntax_names_the_line() {
        let renderer = Renderer::new();
        let error = renderer
            .render("t.j2", "ok\n{{ .Values.x }}\n", &BTreeMap::new())
            .unwrap_err();
        assert!(
            matches!(error, TemplateError::Syntax { line: Some(2), .. }),
            "{error:?}"
        );
        let error = renderer
            .missing("t.j2", "{% if %}", &BTreeMap::new())
            .unwrap_err();
        assert!(
            matches!(error, TemplateError::Syntax { line: Some(1), .. }),
            "{error:?}"
        );
    }

    #[test]
    fn env_reads_the_given_variables_only() {
        let renderer = Renderer::new();
        let source =
            "{{ env('A') }} {{ 'A' | env }} {{ env('PATH', 'none') }} {{ 'HOME' | env('') }}|";
        assert_eq!(
            renderer
                .render("t", source, &variables(&[("A", "a")]))
                .unwrap(),
            "a a none |"
        );
        assert_eq!(
            missing("{{ env('A') }}\n{{ 'PATH' | env }}", &[]),
            found(&[("A", 1), ("PATH", 2)])
        );
    }

    #[test]
    fn missing_lists_names_only() {
        let found = Renderer::new()
            .missing("t", "{{ B }}{{ A }}", &BTreeMap::new())
            .unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B"]);
        let none = Renderer::new()
            .missing("t", "{{ A }}", &variables(&[("A", "")]))
            .unwrap();
        assert!(none.is_empty());
    }
}
