//! Which parts of the crate a source file uses, told from its tokens, without comments and literals.

/// A use of something below the crate root.
pub struct UsedPath {
    pub line: usize,
    /// The first name below the crate root; `*` or `self` for the root itself.
    pub target: String,
    /// Whether it stands in an item marked `#[cfg(test)]`.
    pub in_tests: bool,
}

/// Finds the paths of a source file that start at `crate`, `self` or `super`, with `{…}` groups spread out.
pub fn used_paths(source: &str, module: Vec<String>) -> Vec<UsedPath> {
    let mut paths = Paths {
        tokens: tokens(source),
        module,
        found: Vec::new(),
    };
    paths.read_block(0, false);
    paths.found
}

/// A reader with one place in the tokens at a time, and the inline module that place is in.
struct Paths {
    tokens: Vec<Token>,
    module: Vec<String>,
    found: Vec<UsedPath>,
}

impl Paths {
    /// Reads to the end of the block that `at` is in, and returns the place behind it.
    fn read_block(&mut self, mut at: usize, in_tests: bool) -> usize {
        let mut next_is_for_tests = false;
        while at < self.tokens.len() {
            match self.text(at) {
                "}" => return at + 1,
                "{" => {
                    at = self.read_block(at + 1, in_tests || next_is_for_tests);
                    next_is_for_tests = false;
                }
                "mod" if self.text(at + 2) == "{" => {
                    self.module.push(self.text(at + 1).to_owned());
                    at = self.read_block(at + 3, in_tests || next_is_for_tests);
                    self.module.pop();
                    next_is_for_tests = false;
                }
                "cfg" if self.text(at + 1) == "(" && self.text(at + 2) == "test" => {
                    next_is_for_tests = true;
                    at += 3;
                }
                "crate" | "self" | "super" if !self.continues_a_path(at) => {
                    at = self.read_path(at, in_tests || next_is_for_tests);
                }
                text => {
                    next_is_for_tests &= text != ";";
                    at += 1;
                }
            }
        }
        at
    }

    fn continues_a_path(&self, at: usize) -> bool {
        at > 0 && self.text(at - 1) == "::"
    }

    /// Reads the path that starts at `at`, and returns the place behind it.
    fn read_path(&mut self, at: usize, in_tests: bool) -> usize {
        if self.text(at + 1) == "::" {
            let mut base = self.module.clone();
            self.read_segments(at, &mut base, in_tests)
        } else {
            // `pub(crate)`, `self.field`, and the one way to hide a path: `use crate as other`.
            if self.text(at) == "crate" && self.text(at + 1) == "as" {
                self.record(at, &[], in_tests);
            }
            at + 1
        }
    }

    fn read_segments(&mut self, mut at: usize, base: &mut Vec<String>, in_tests: bool) -> usize {
        loop {
            match self.text(at) {
                "crate" => base.clear(),
                "super" => drop(base.pop()),
                "self" => {}
                "{" => return self.read_group(at + 1, base, in_tests),
                name => base.push(name.to_owned()),
            }
            if self.text(at + 1) != "::" {
                self.record(at, base, in_tests);
                return at + 1;
            }
            at += 2;
        }
    }

    fn read_group(&mut self, mut at: usize, base: &[String], in_tests: bool) -> usize {
        loop {
            match self.text(at) {
                "}" | "" => return at + 1,
                "," => at += 1,
                "as" => at += 2,
                _ => at = self.read_segments(at, &mut base.to_vec(), in_tests),
            }
        }
    }

    fn record(&mut self, at: usize, path: &[String], in_tests: bool) {
        let line = self.tokens[at].line;
        let target = path
            .first()
            .map_or_else(|| "self".to_owned(), String::clone);
        self.found.push(UsedPath {
            line,
            target,
            in_tests,
        });
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }
}

struct Token {
    line: usize,
    /// A name, `::`, or a single other character.
    text: String,
}

/// Cuts Rust source into names and punctuation, leaving out comments, literals and lifetimes.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = string(rest) {
            length
        } else if first == '\'' {
            character_or_lifetime(rest)
        } else {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|it: char| !it.is_alphanumeric() && it != '_')
                    .unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push(Token {
                    line,
                    text: rest[..length].to_owned(),
                });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of the string literal that `rest` starts with: `"…"`, `b"…"`, `c"…"`, `r#"…"#`.
fn string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|it| !matches!(it, 'b' | 'c' | 'r'))?;
    let raw = rest[..prefix].ends_with('r');
    let hashes = rest[prefix..].find(|it| it != '#')?;
    let start = prefix + hashes + 1;
    if prefix > 2 || (hashes > 0 && !raw) || !rest[prefix + hashes..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let mut at = start;
    while at < rest.len() {
        if rest[at..].starts_with(&end) {
            return Some(at + end.len());
        }
        if rest[at..].starts_with('\\') && !raw {
            at += 1;
        }
        at += rest[at..].chars().next().map_or(1, char::len_utf8);
    }
    Some(rest.len())
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            // The escaped character may itself be a quote.
            characters.next();
            characters
                .find(|(_, it)| *it == '\'')
                .map_or(rest.len(), |(at, _)| at + 1)
        }
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}
