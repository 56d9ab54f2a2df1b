//! Answers, from all the places they may come from, resolved once and each with its origin.
//!
//! First found wins: the wizard, `--set`, the environment, the answers file, the clone's
//! `deploy/env.*`, what can be discovered, the default.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::clients::git::{Passwords, redact};
use crate::clients::{envfile, yaml};
use crate::engine::question::{Kind, Resolution, Resolved};
use crate::engine::{
    Answer, Answers, Candidate, Discovery, ErrorKind, Origin, Question, StepError,
};
use crate::failure::Failure;

/// Names so common that the ambient environment may hold them for other reasons.
const NEVER_AMBIENT: [&str; 5] = [
    "namespace",
    "bucket",
    "service_account",
    "recipe",
    "bucket_prefix",
];

/// The question that no recipe holds, since it chooses the recipe.
const RECIPE: &str = "recipe";

/// Answers as they were given, before any question.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--set` and flags that stand for it, by key.
    pub set: BTreeMap<String, String>,
    /// The process environment, with the practice cloud's on top.
    pub environment: BTreeMap<String, String>,
    /// The answers of the run that is resumed: the same run has the same answers, whatever the
    /// environment says by now.
    pub recorded: Option<(PathBuf, BTreeMap<String, String>)>,
    /// The answers file and what it holds.
    pub file: Option<(PathBuf, BTreeMap<String, String>)>,
    /// Defaults that differ from the recipe's: the practice cloud's clone.
    pub defaults: BTreeMap<String, String>,
}

impl Sources {
    /// Reads `--set KEY=VALUE` arguments and the answers file.
    ///
    /// # Errors
    ///
    /// All problems at once, with line and column where the file is no YAML.
    pub fn read(
        set: &[String],
        file: Option<&Path>,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut sources = Self {
            environment,
            ..Self::default()
        };
        for argument in set {
            match argument.split_once('=') {
                Some((key, value)) if !key.is_empty() => {
                    sources
                        .set
                        .insert(key.to_ascii_lowercase(), value.to_owned());
                }
                _ => problems.push(format!("`--set {}`: expected KEY=VALUE", redact(argument))),
            }
        }
        if let Some(path) = file {
            match read_answers(path) {
                Ok(answers) => sources.file = Some((path.into(), answers)),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(sources)
        } else {
            Err(Failure::answers(problems))
        }
    }

    /// Reads the recorded answers of a run that is resumed.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn resume(&mut self, path: &Path) -> Result<(), Failure> {
        self.recorded = Some((path.into(), read_answers(path).map_err(Failure::answers)?));
        Ok(())
    }

    /// Takes the passwords out of addresses among the answers.
    pub fn take_passwords(&mut self, questions: &[Question], passwords: &Passwords) {
        for question in questions {
            for name in question.aliases.iter().copied().chain([question.key]) {
                let files = [&mut self.recorded, &mut self.file];
                let files = files.into_iter().flatten();
                let given = files
                    .filter_map(|(_, answers)| answers.get_mut(name))
                    .chain(self.set.get_mut(name))
                    .chain(self.environment.get_mut(&name.to_ascii_uppercase()));
                for value in given {
                    *value = passwords.take(value);
                }
            }
        }
    }

    /// Returns the answer to `recipe`, when one was given.
    pub fn recipe(&self) -> Option<&str> {
        let file = self
            .file
            .as_ref()
            .and_then(|(_, answers)| answers.get(RECIPE));
        self.set.get(RECIPE).or(file).map(String::as_str)
    }

    /// Returns what is wrong with the keys that were given: nothing asks for them.
    pub fn unknown<'a>(&self, questions: impl IntoIterator<Item = &'a Question>) -> Vec<String> {
        let known: Vec<&str> = questions
            .into_iter()
            .flat_map(|question| question.aliases.iter().copied().chain([question.key]))
            .chain([RECIPE])
            .collect();
        let unknown = |key: &String, place: &str| {
            let near = known
                .iter()
                .map(|name| (strsim::damerau_levenshtein(key, name), *name))
                .min()
                .filter(|(distance, _)| *distance <= 3)
                .map(|(_, name)| format!("; did you mean `{name}`?"));
            (!known.contains(&key.as_str())).then(|| {
                format!(
                    "{place}: unknown answer `{key}`{}",
                    near.unwrap_or_default()
                )
            })
        };
        let set = self.set.keys().filter_map(|key| unknown(key, "--set"));
        let file = self.file.iter().flat_map(|(path, answers)| {
            let place = path.display().to_string();
            answers.keys().filter_map(move |key| unknown(key, &place))
        });
        set.chain(file).collect()
    }

    fn find(&self, question: &Question) -> Option<Answer> {
        let names = || {
            [question.key]
                .into_iter()
                .chain(question.aliases.iter().copied())
        };
        for name in names() {
            if let Some(value) = self.set.get(name) {
                return Some(Answer {
                    value: value.clone(),
                    origin: Origin::Set,
                });
            }
        }
        let in_file = |file: &Option<(PathBuf, BTreeMap<String, String>)>| {
            let (path, answers) = file.as_ref()?;
            let value = names().find_map(|name| answers.get(name))?.clone();
            Some(Answer {
                value,
                origin: Origin::AnswersFile {
                    path: path.display().to_string(),
                },
            })
        };
        if let Some(answer) = in_file(&self.recorded) {
            return Some(answer);
        }
        for name in names().filter(|name| !NEVER_AMBIENT.contains(name)) {
            let variable = name.to_ascii_uppercase();
            let value = self
                .environment
                .get(&variable)
                .filter(|value| !value.is_empty());
            if let Some(value) = value {
                let origin = Origin::Environment { variable };
                return Some(Answer {
                    value: value.clone(),
                    origin,
                });
            }
        }
        in_file(&self.file)
    }
}

/// Answers every question that matters. With `offers`, candidates are looked for even where there
/// is an answer already: a form shows them.
pub async fn resolve(
    questions: &[Question],
    sources: &Sources,
    edits: &Answers,
    discovery: &dyn Discovery,
    offers: bool,
) -> Resolution {
    let mut resolution = Resolution::default();
    let mut stored: Option<Stored> = None;
    let mut has_clone = true;
    for question in questions {
        if !(question.relevant)(&resolution.answers) {
            continue;
        }
        let mut row = Resolved {
            question: *question,
            answer: None,
            candidates: Vec::new(),
            problem: None,
            hints: Vec::new(),
            notice: None,
        };
        let mut stale = None;
        // Why it is not known what could answer.
        let mut unknown: Option<StepError> = None;
        let edited = edits.answer(question.key).cloned();
        row.answer = edited.or_else(|| sources.find(question));
        if let (None, true, Some(stored)) = (&row.answer, question.stored, &stored) {
            match stored.find(question, questions, &resolution.answers) {
                Some(Ok(answer)) => row.answer = Some(answer),
                Some(Err(found)) => stale = Some(found),
                None => {}
            }
        }
        // What is needed first, and is not answered.
        let waits = resolution.waits_for(question);
        if question.discovered && waits.is_none() && (offers || row.answer.is_none()) {
            match discovery
                .candidates(question.key, &resolution.answers)
                .await
            {
                Ok(candidates) => row.candidates = candidates,
                Err(_) if row.answer.is_some() => {}
                Err(error) => unknown = Some(error),
            }
        }
        // What will be known in a moment must not be answered by something else now.
        if row.answer.is_none() && unknown.as_ref().is_none_or(StepError::is_lasting) {
            row.answer = best(&row.candidates, question.optional)
                .map(|value| Answer {
                    value,
                    origin: Origin::Discovered,
                })
                .or_else(|| default(question, sources, &resolution.answers))
                // "Not known" is not "none": nothing is recorded, so that a resume asks again.
                .filter(|answer| unknown.is_none() || !answer.value.is_empty());
        }
        let mut told = None;
        if let (None, Some(error)) = (&row.answer, unknown) {
            let words = format!("cannot be discovered: {error}");
            if question.optional && error.is_lasting() {
                told = Some(words);
            } else {
                (row.problem, row.hints) = (Some(words), error.hints);
            }
        }
        if let (Kind::Path, Some(answer)) = (question.kind, &mut row.answer) {
            answer.value = anchored(&answer.value);
        }
        if told.is_none() {
            judge(&mut row, waits, &resolution.answers);
        }
        if let Some(answer) = &row.answer {
            let (value, origin) = (answer.value.clone(), answer.origin.clone());
            resolution.answers.set(question.key, value, origin);
        }
        let new = resolution.answers.get(question.key);
        let notices: Vec<String> = stale
            .and_then(|stale| stale.notice(new))
            .into_iter()
            .chain(told)
            .chain((question.notice)(&resolution.answers))
            .collect();
        row.notice = (!notices.is_empty()).then(|| notices.join("; "));
        if question.key == "gitops_branch" && !has_clone && row.problem.is_none() {
            match discovery.stored(&resolution.answers).await {
                Ok(files) => match Stored::of(files) {
                    Ok(found) => stored = Some(found),
                    Err(problem) => row.problem = Some(format!("is no good branch: {problem}")),
                },
                // No such repository, or no such branch in it.
                Err(error) if error.kind == ErrorKind::Answers => {
                    refuse(error, &mut row, &mut resolution.rows);
                }
                // That it cannot be cloned either is told by the step that clones.
                Err(error) => {
                    row.notice = Some(format!("earlier choices there are not known: {error}"));
                }
            }
        }
        if question.key == "gitops_dir"
            && let Some(answer) = &row.answer
        {
            let clone = expand(&answer.value, &sources.environment);
            has_clone = fs::read_dir(&clone).is_ok_and(|mut entries| entries.next().is_some());
            match Stored::read(&clone) {
                Ok(found) => stored = Some(found),
                Err(problem) => row.problem = Some(format!("is no good clone: {problem}")),
            }
        }
        resolution.rows.push(row);
    }
    resolution
}

/// Says of a repository or a branch that is not there that it cannot be used: of the branch where one
/// is named, else of the address.
fn refuse(error: StepError, branch: &mut Resolved, before: &mut [Resolved]) {
    let is_named = branch
        .answer
        .as_ref()
        .is_some_and(|answer| !answer.value.is_empty());
    let url = before
        .iter_mut()
        .find(|row| row.question.key == "gitops_url");
    let wrong = url.filter(|_| !is_named).unwrap_or(branch);
    wrong.problem = Some(format!("cannot be used: {error}"));
    wrong.hints = error.hints;
}

/// Returns a relative path from the root, so that a run that is resumed elsewhere means the same
/// place. What begins at the home directory stays as it is, and so can go to another machine.
fn anchored(path: &str) -> String {
    if path.is_empty() || path.starts_with('~') {
        return path.to_owned();
    }
    // Fails only where there is no working directory; then the path stays what it was.
    let absolute = std::path::absolute(path).map(|path| path.display().to_string());
    absolute.unwrap_or_else(|_| path.to_owned())
}

/// Returns a path with `~` replaced by the home directory.
pub fn expand(path: &str, environment: &BTreeMap<String, String>) -> PathBuf {
    match (path.strip_prefix('~'), environment.get("HOME")) {
        (Some(""), Some(home)) => home.into(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            Path::new(home).join(rest.trim_start_matches('/'))
        }
        _ => path.into(),
    }
}

/// Returns the text of an answers file that reproduces the answers.
pub fn answers_file(recipe: &str, answers: &Answers) -> String {
    let mut values = BTreeMap::from([(RECIPE.to_owned(), recipe.to_owned())]);
    values.extend(
        answers
            .iter()
            .map(|(key, answer)| (key.to_owned(), answer.value.clone())),
    );
    serde_yaml::to_string(&values).expect("answers are texts")
}

fn judge(row: &mut Resolved, waits: Option<&str>, answers: &Answers) {
    let Some(answer) = &mut row.answer else {
        if row.problem.is_none() {
            row.problem = Some(match (waits, row.candidates.is_empty()) {
                (Some(key), _) => format!("is not answered; `{key}` comes first"),
                (None, true) => {
                    let given = |key: &&str| {
                        let value = answers.get(key)?;
                        Some(format!("`{key}` = `{value}`"))
                    };
                    let given: Vec<_> = row.question.needs.iter().filter_map(given).collect();
                    let place = if given.is_empty() {
                        String::new()
                    } else {
                        format!(" with {}", given.join(", "))
                    };
                    format!("is not answered, and nothing was discovered{place}")
                }
                (None, false) => {
                    let values: Vec<_> = row
                        .candidates
                        .iter()
                        .map(|candidate| format!("`{}`", candidate.value))
                        .collect();
                    format!("is not answered; there are {}", values.join(", "))
                }
            });
            // What comes first may answer this one too.
            if waits.is_none() {
                row.hints
                    .push(format!("answer it with `--set {}=VALUE`", row.question.key));
            }
        }
        return;
    };
    // A default that is empty only says that there is none.
    if let Err(problem) = row.question.check(&answer.value, answers) {
        row.problem = Some(format!("{problem} (from {})", answer.origin));
    }
}

/// The preferred candidate, or the only one. A question that may stay empty takes no candidate
/// that nobody prefers.
fn best(candidates: &[Candidate], optional: bool) -> Option<String> {
    let preferred = candidates.iter().find(|candidate| candidate.preferred);
    let only = match candidates {
        [only] if !optional => Some(only),
        _ => None,
    };
    preferred.or(only).map(|candidate| candidate.value.clone())
}

fn default(question: &Question, sources: &Sources, answers: &Answers) -> Option<Answer> {
    if let Some(value) = sources.defaults.get(question.key) {
        return Some(Answer {
            value: value.clone(),
            origin: Origin::Default,
        });
    }
    let origin = if question.computed {
        Origin::Computed
    } else {
        Origin::Default
    };
    match (question.default)(answers) {
        Some(value) => Some(Answer { value, origin }),
        None if question.optional => Some(Answer {
            value: String::new(),
            origin: Origin::Default,
        }),
        None => None,
    }
}

fn read_answers(path: &Path) -> Result<BTreeMap<String, String>, Vec<String>> {
    let place = path.display();
    let text = fs::read_to_string(path).map_err(|error| vec![format!("{place}: {error}")])?;
    let value: serde_yaml::Value = yaml::within_bounds(text.as_bytes())
        .and_then(|()| serde_yaml::from_str(&text))
        // The error tells line and column.
        .map_err(|error| vec![format!("{place}: is no YAML: {error}")])?;
    let mapping = match value {
        serde_yaml::Value::Null => return Ok(BTreeMap::new()),
        serde_yaml::Value::Mapping(mapping) => mapping,
        _ => return Err(vec![format!("{place}: expected `key: value` lines")]),
    };
    let (mut answers, mut problems) = (BTreeMap::new(), Vec::new());
    for (key, value) in mapping {
        let Some(key) = key.as_str().map(str::to_ascii_lowercase) else {
            problems.push(format!("{place}: a key is no text"));
            continue;
        };
        let text = match value {
            serde_yaml::Value::String(text) => text,
            serde_yaml::Value::Bool(yes) => if yes { "yes" } else { "no" }.to_owned(),
            serde_yaml::Value::Number(number) if !number.is_f64() => number.to_string(),
            serde_yaml::Value::Number(number) => {
                // `1.10` would become `1.1`.
                problems.push(format!(
                    "{place}: `{key}` is the number {number}; put it in quotes so that it is taken as written"
                ));
                continue;
            }
            serde_yaml::Value::Null => String::new(),
            other => {
                let found = if other.is_sequence() {
                    "a list"
                } else {
                    "a mapping"
                };
                problems.push(format!("{place}: `{key}` is {found}; expected one value"));
                continue;
            }
        };
        answers.insert(key, text);
    }
    if problems.is_empty() {
        Ok(answers)
    } else {
        Err(problems)
    }
}

/// A stored value that was computed from other answers than today's.
struct Stale {
    value: String,
    file: String,
    input: &'static str,
}

impl Stale {
    fn notice(&self, new: Option<&str>) -> Option<String> {
        let Self { value, file, input } = self;
        let new = new.filter(|new| new != value)?;
        Some(format!(
            "`{value}` → `{new}`: what {file} holds was computed for another `{input}`"
        ))
    }
}

/// Whether it is one of `deploy/env.*`, and no template of one.
fn holds_choices(file: &str) -> bool {
    let is_template = Path::new(file).extension().is_some_and(|end| end == "j2");
    file.starts_with("deploy/env.") && !is_template
}

/// What `deploy/env.*` of the clone holds: values with the file each stands in.
struct Stored {
    values: BTreeMap<String, (String, String)>,
}

impl Stored {
    fn read(clone: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        let mut paths: Vec<PathBuf> = fs::read_dir(clone.join("deploy"))
            .map(|entries| {
                entries
                    .filter_map(Result::ok)
                    .map(|entry| entry.path())
                    .collect()
            })
            .unwrap_or_default();
        paths.sort();
        for path in paths {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let file = format!("deploy/{name}");
            if !holds_choices(&file) || !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
            files.insert(file, text);
        }
        Self::of(files)
    }

    /// Takes the values out of files, by path.
    fn of(files: BTreeMap<String, String>) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for (file, text) in files {
            if !holds_choices(&file) {
                continue;
            }
            for (key, value) in envfile::parse(&file, &text).map_err(|error| error.to_string())? {
                values.insert(key, (value, file.clone()));
            }
        }
        Ok(Self { values })
    }

    /// Returns the value and its file, under the question's name or an older one.
    fn value(&self, question: &Question) -> Option<&(String, String)> {
        [question.key]
            .into_iter()
            .chain(question.aliases.iter().copied())
            .find_map(|name| self.values.get(&name.to_ascii_uppercase()))
    }

    /// Returns the stored answer. A computed one counts only while what it was computed from is
    /// what it was; else this tells so.
    fn find(
        &self,
        question: &Question,
        questions: &[Question],
        answers: &Answers,
    ) -> Option<Result<Answer, Stale>> {
        let (value, file) = self.value(question)?;
        if value.is_empty() {
            return None;
        }
        let inputs = questions
            .iter()
            .filter(|other| question.needs.contains(&other.key));
        let changed = inputs
            .filter_map(|input| Some((input.key, self.value(input)?)))
            .find(|(key, (before, _))| before != answers.get(key).unwrap_or_default());
        if let (true, Some((input, _))) = (question.computed, changed) {
            return Some(Err(Stale {
                value: value.clone(),
                file: file.clone(),
                input,
            }));
        }
        let origin = Origin::EnvFile { path: file.clone() };
        // A path is of one machine, and none of these files' business.
        matches!(question.kind, Kind::Text | Kind::Choice(_)).then(|| {
            Ok(Answer {
                value: value.clone(),
                origin,
            })
        })
    }
}

#[cfg(test)]
mod tests;
