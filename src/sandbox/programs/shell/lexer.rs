//! From the letters of a script to words and the signs between them.

use super::parser::{Part, Word, parse};

/// A word, or a sign between words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// `&&`, `||`, `;`, `|`.
    Sign(&'static str),
    /// `>`, of this descriptor.
    To(u8),
    /// `>&`, of this descriptor to that.
    Join(u8, u8),
}

/// What the shell says about letters that mean nothing to it.
pub(super) type Trouble = String;

pub(super) struct Lexer<'a> {
    rest: &'a str,
}

/// Takes a script apart.
pub(super) fn tokens(script: &str) -> Result<Vec<Token>, Trouble> {
    let mut lexer = Lexer { rest: script };
    let mut tokens = Vec::new();
    loop {
        lexer.rest = lexer.rest.trim_start_matches([' ', '\t']);
        // A line may go on behind a backslash, and ends nothing where nothing has begun.
        let is_open = !matches!(tokens.last(), None | Some(Token::Sign(_)));
        if lexer.eat("\\\n") || !is_open && lexer.eat("\n") {
            continue;
        }
        if lexer.rest.is_empty() {
            return Ok(tokens);
        }
        tokens.push(match lexer.sign() {
            Some(token) => token?,
            None => Token::Word(lexer.word()?),
        });
    }
}

impl Lexer<'_> {
    fn eat(&mut self, start: &str) -> bool {
        let rest = self.rest.strip_prefix(start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sign(&mut self) -> Option<Result<Token, Trouble>> {
        for (sign, meaning) in [
            ("&&", "&&"),
            ("||", "||"),
            ("|", "|"),
            (";", ";"),
            ("\n", ";"),
        ] {
            if self.eat(sign) {
                return Some(Ok(Token::Sign(meaning)));
            }
        }
        for (sign, token) in [
            ("2>&1", Token::Join(2, 1)),
            (">&2", Token::Join(1, 2)),
            ("1>&2", Token::Join(1, 2)),
            ("2>", Token::To(2)),
            ("1>", Token::To(1)),
            (">", Token::To(1)),
        ] {
            if self.eat(sign) {
                return Some(Ok(token));
            }
        }
        let unknown = self
            .rest
            .chars()
            .next()
            .filter(|sign| "&<()`".contains(*sign));
        unknown.map(|sign| Err(unexpected(sign)))
    }

    fn word(&mut self) -> Result<Word, Trouble> {
        let mut word = Word::default();
        while let Some(next) = self.rest.chars().next() {
            match next {
                ' ' | '\t' | '\n' | ';' | '|' | '>' => break,
                '&' | '<' | '(' | ')' | '`' => return Err(unexpected(next)),
                '\'' => {
                    let (text, rest) = self.rest[1..]
                        .split_once('\'')
                        .ok_or("Unterminated quoted string")?;
                    word.text(text);
                    self.rest = rest;
                }
                '"' => {
                    self.rest = &self.rest[1..];
                    self.quoted(&mut word)?;
                }
                '$' => {
                    let part = self.expansion(false)?;
                    word.parts.push(part);
                }
                '\\' => {
                    self.rest = &self.rest[1..];
                    self.letter(&mut word);
                }
                _ => self.letter(&mut word),
            }
        }
        Ok(word)
    }

    /// What stands between double quotes.
    fn quoted(&mut self, word: &mut Word) -> Result<(), Trouble> {
        let before = word.parts.len();
        loop {
            let next = self.rest.chars().next();
            match next.ok_or("Unterminated quoted string")? {
                '"' => {
                    self.rest = &self.rest[1..];
                    if word.parts.len() == before {
                        // Quotes with nothing between them are a word.
                        word.text("");
                    }
                    return Ok(());
                }
                '$' => {
                    let part = self.expansion(true)?;
                    word.parts.push(part);
                }
                '`' => return Err(unexpected('`')),
                '\\' if self.rest[1..].starts_with(['"', '$', '\\', '`']) => {
                    self.rest = &self.rest[1..];
                    self.letter(word);
                }
                _ => self.letter(word),
            }
        }
    }

    fn letter(&mut self, word: &mut Word) {
        let mut letters = self.rest.chars();
        if let Some(letter) = letters.next() {
            word.text(letter.encode_utf8(&mut [0; 4]));
        }
        self.rest = letters.as_str();
    }

    /// What begins with a dollar sign.
    fn expansion(&mut self, quoted: bool) -> Result<Part, Trouble> {
        self.rest = &self.rest[1..];
        if self.eat("@") {
            return Ok(Part::AllArguments);
        }
        if self.eat("(") {
            let inside = self.up_to_parenthesis()?;
            let chain = parse(inside)?;
            return Ok(Part::Output { chain, quoted });
        }
        let braced = self.eat("{");
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = self.rest.find(|letter| !is_of_name(letter));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let needed = braced && self.eat("?");
        if braced && !self.eat("}") {
            return Err("Bad substitution".into());
        }
        Ok(match name {
            "" if braced => return Err("Bad substitution".into()),
            "" => Part::Text("$".into()),
            name => Part::Variable {
                name: name.to_owned(),
                quoted,
                needed,
            },
        })
    }

    /// What stands up to the parenthesis that closes what has been opened. Quotes in it keep theirs.
    fn up_to_parenthesis(&mut self) -> Result<&str, Trouble> {
        let (mut depth, mut quote) = (1, None);
        for (at, letter) in self.rest.char_indices() {
            match (letter, quote) {
                ('\'' | '"', None) => quote = Some(letter),
                (_, Some(open)) if open == letter => quote = None,
                ('(', None) => depth += 1,
                (')', None) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inside = &self.rest[..at];
                self.rest = &self.rest[at + 1..];
                return Ok(inside);
            }
        }
        Err("end of file unexpected (expecting \")\")".into())
    }
}

pub(super) fn unexpected(sign: impl std::fmt::Display) -> Trouble {
    format!("\"{sign}\" unexpected")
}
