//! From words and signs to what is to be run.

use super::lexer::{Token, Trouble, tokens, unexpected};

/// Pipelines, each with what must have become of the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) pipelines: Vec<(Condition, Pipeline)>,
}

/// When a pipeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    /// After `&&`.
    AfterSuccess,
    /// After `||`.
    AfterFailure,
}

impl Condition {
    pub(super) fn holds(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::AfterSuccess => code == 0,
            Self::AfterFailure => code != 0,
        }
    }
}

/// Commands of which each reads what the one before writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) commands: Vec<Command>,
}

impl Pipeline {
    /// Whether the shell becomes this command and so runs nothing after it.
    pub(super) fn replaces_shell(&self) -> bool {
        matches!(&self.commands[..], [command] if command.exec && !command.words.is_empty())
    }
}

/// A command, and where its output goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) exec: bool,
    pub(super) words: Vec<Word>,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

/// Where output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
    LastWords,
    Nowhere,
}

/// A word of a script, in parts that are put together when it is needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
}

/// A part of a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// `$@`.
    AllArguments,
    /// `$NAME` or `${NAME}`; with `${NAME?}` it must be set.
    Variable {
        name: String,
        quoted: bool,
        needed: bool,
    },
    /// `$(…)`.
    Output {
        chain: Chain,
        quoted: bool,
    },
}

impl Word {
    pub(super) fn text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(known)) => known.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// The word, where nothing in it is to be expanded.
    fn plain(&self) -> Option<&str> {
        match &self.parts[..] {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// Reads a script.
pub(super) fn parse(script: &str) -> Result<Chain, Trouble> {
    let mut chain = Chain::default();
    let mut condition = Condition::Always;
    let mut pipeline = Pipeline::default();
    let mut command = None;
    let mut tokens = tokens(script)?.into_iter();
    while let Some(token) = tokens.next() {
        let sign = match token {
            Token::Word(word) => {
                let command = command.get_or_insert_with(Command::new);
                if command.words.is_empty() && !command.exec && word.plain() == Some("exec") {
                    command.exec = true;
                } else {
                    command.words.push(word);
                }
                continue;
            }
            Token::To(descriptor) => {
                let stream = match tokens.next() {
                    Some(Token::Word(word)) => file(&word)?,
                    _ => return Err(unexpected("newline")),
                };
                let command = command.get_or_insert_with(Command::new);
                *command.stream(descriptor) = stream;
                continue;
            }
            Token::Join(from, to) => {
                let command = command.get_or_insert_with(Command::new);
                let stream = *command.stream(to);
                *command.stream(from) = stream;
                continue;
            }
            Token::Sign(sign) => sign,
        };
        pipeline
            .commands
            .push(command.take().ok_or_else(|| unexpected(sign))?);
        let next = match sign {
            "|" => continue,
            "&&" => Condition::AfterSuccess,
            "||" => Condition::AfterFailure,
            _ => Condition::Always,
        };
        chain
            .pipelines
            .push((condition, std::mem::take(&mut pipeline)));
        condition = next;
    }
    match command {
        Some(command) => pipeline.commands.push(command),
        None if !pipeline.commands.is_empty() || condition != Condition::Always => {
            return Err("end of file unexpected".into());
        }
        None => return Ok(chain),
    }
    chain.pipelines.push((condition, pipeline));
    Ok(chain)
}

impl Command {
    fn new() -> Self {
        Self {
            exec: false,
            words: Vec::new(),
            stdout: Stream::Out,
            stderr: Stream::Err,
        }
    }

    fn stream(&mut self, descriptor: u8) -> &mut Stream {
        if descriptor == 1 {
            &mut self.stdout
        } else {
            &mut self.stderr
        }
    }
}

/// The practice images keep no files; these two are all that can be written to.
fn file(word: &Word) -> Result<Stream, Trouble> {
    match word.plain() {
        Some("/dev/null") => Ok(Stream::Nowhere),
        Some("/dev/termination-log") => Ok(Stream::LastWords),
        other => Err(format!(
            "cannot create {}: Read-only file system",
            other.unwrap_or("a file")
        )),
    }
}
