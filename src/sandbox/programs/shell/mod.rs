//! A shell, as far as commands for a Pod are written on one line: words with quotes and variables,
//! the output of one command in the words of another, pipes, `&&`, `||` and `;`, and output that
//! goes nowhere or becomes the container's last words.

mod lexer;
mod parser;

use futures::future::{BoxFuture, FutureExt as _};

use self::parser::{Chain, Command, Part, Pipeline, Stream, Word};
use super::PracticePrograms;
use super::tools::failed;
use crate::sandbox::cluster::{Output, Process};

/// What is wrong with the script itself.
const SYNTAX: i32 = 2;

/// A script that runs: what `$0`, `$1` and `"$@"` mean, and what its commands can see.
struct Shell<'a> {
    programs: &'a PracticePrograms,
    process: &'a Process,
    /// `$0` first.
    arguments: Vec<String>,
}

/// Runs `sh -c SCRIPT [NAME [ARGUMENT…]]`.
pub(super) async fn run(
    programs: &PracticePrograms,
    arguments: &[String],
    process: &Process,
) -> Output {
    let [flag, script, arguments @ ..] = arguments else {
        return failed(
            SYNTAX,
            "sh: 0: the practice images run `sh -c SCRIPT` only\n",
        );
    };
    if flag != "-c" {
        return failed(SYNTAX, &format!("sh: 0: Illegal option {flag}\n"));
    }
    let chain = match parser::parse(script) {
        Ok(chain) => chain,
        Err(why) => return failed(SYNTAX, &format!("sh: 1: Syntax error: {why}\n")),
    };
    let arguments = match arguments {
        [] => vec!["sh".to_owned()],
        given => given.to_vec(),
    };
    let shell = Shell {
        programs,
        process,
        arguments,
    };
    let mut whole = Output::default();
    shell.chain(&chain, &process.input, &mut whole).await;
    whole
}

impl Shell<'_> {
    /// Runs one pipeline after the other, as long as the word between them lets it.
    async fn chain(&self, chain: &Chain, input: &[u8], whole: &mut Output) {
        for (condition, pipeline) in &chain.pipelines {
            if !condition.holds(whole.code) {
                continue;
            }
            whole.code = self.pipeline(pipeline, input, whole).await;
            if pipeline.replaces_shell() {
                return;
            }
        }
    }

    /// Runs commands of which each reads what the one before has written. The last one's exit code
    /// is that of all.
    async fn pipeline(&self, pipeline: &Pipeline, input: &[u8], whole: &mut Output) -> i32 {
        let mut flowing = input.to_vec();
        let mut code = 0;
        for (index, command) in pipeline.commands.iter().enumerate() {
            let mut output = self
                .command(command, std::mem::take(&mut flowing), whole)
                .await;
            code = output.code;
            let is_last = index + 1 == pipeline.commands.len();
            for (stream, written) in [
                (command.stdout, &mut output.stdout),
                (command.stderr, &mut output.stderr),
            ] {
                match stream {
                    Stream::Out if is_last => whole.stdout.append(written),
                    Stream::Out => flowing.append(written),
                    Stream::Err => whole.stderr.append(written),
                    Stream::LastWords => whole.termination_message.append(written),
                    Stream::Nowhere => {}
                }
            }
            whole
                .termination_message
                .append(&mut output.termination_message);
        }
        code
    }

    async fn command(&self, command: &Command, input: Vec<u8>, whole: &mut Output) -> Output {
        let mut words = Vec::new();
        for word in &command.words {
            match self.expand(word, whole).await {
                Ok(mut expanded) => words.append(&mut expanded),
                Err(refused) => return refused,
            }
        }
        let Some(program) = words.first().cloned() else {
            return Output::default();
        };
        let process = Process {
            command: words,
            input,
            ..self.process.clone()
        };
        let ran = self.programs.ran(&process).await;
        ran.unwrap_or_else(|| {
            let by = if command.exec { "exec: " } else { "" };
            failed(127, &format!("sh: 1: {by}{program}: not found\n"))
        })
    }

    /// The words that one word of the script becomes. Only what is not quoted is split.
    async fn expand(&self, word: &Word, whole: &mut Output) -> Result<Vec<String>, Output> {
        if let [Part::AllArguments] = word.parts[..] {
            return Ok(self.arguments[1..].to_vec());
        }
        let mut words = vec![String::new()];
        let (mut is_word, mut is_cut) = (false, false);
        for part in &word.parts {
            let (text, quoted) = match part {
                Part::Text(text) => (text.clone(), true),
                Part::AllArguments => (self.arguments[1..].join(" "), true),
                Part::Variable {
                    name,
                    quoted,
                    needed,
                } => match self.variable(name) {
                    None if *needed => {
                        let words = format!("sh: 1: {name}: parameter not set\n");
                        return Err(failed(SYNTAX, &words));
                    }
                    value => (value.unwrap_or_default(), *quoted),
                },
                Part::Output { chain, quoted } => (self.output(chain, whole).await, *quoted),
            };
            if std::mem::take(&mut is_cut) && !text.is_empty() {
                words.push(String::new());
            }
            let last = words.len() - 1;
            if quoted {
                is_word = true;
                words[last].push_str(&text);
                continue;
            }
            for (index, piece) in text.split_whitespace().enumerate() {
                is_word = true;
                if index == 0 && !text.starts_with(char::is_whitespace) {
                    words[last].push_str(piece);
                } else {
                    words.push(piece.to_owned());
                }
            }
            is_cut = is_word && text.ends_with(char::is_whitespace);
        }
        if !is_word {
            return Ok(Vec::new());
        }
        if words.len() > 1 && words[0].is_empty() {
            words.remove(0);
        }
        Ok(words)
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name.parse::<usize>() {
            Ok(index) => self.arguments.get(index).cloned(),
            Err(_) => self.process.environment.get(name).cloned(),
        }
    }

    /// What a chain of commands writes, without the line ends after it.
    fn output<'b>(&'b self, chain: &'b Chain, whole: &'b mut Output) -> BoxFuture<'b, String> {
        async move {
            let mut inner = Output::default();
            self.chain(chain, &[], &mut inner).await;
            whole.stderr.append(&mut inner.stderr);
            let text = String::from_utf8_lossy(&inner.stdout).into_owned();
            text.trim_end_matches('\n').to_owned()
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
