//! Template expressions: what stands in `[…]`, taken apart.

use std::iter::Peekable;
use std::str::Chars;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Text(String),
    Number(i64),
    Call(String, Vec<Expression>),
    /// `….name`
    Member(Box<Expression>, String),
    /// `…[index]`
    Index(Box<Expression>, Box<Expression>),
}

/// What a text of a template means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Itself.
    Literal(String),
    Expression(Expression),
}

/// Reads a text of a template: `[…]` is an expression, `[[…` stands for a text that begins with `[`.
pub(super) fn read(text: &str) -> Result<Meaning, String> {
    if let Some(rest) = text.strip_prefix("[[") {
        return Ok(Meaning::Literal(format!("[{rest}")));
    }
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => parse(inner).map(Meaning::Expression),
        None => Ok(Meaning::Literal(text.to_owned())),
    }
}

/// How deep expressions may be nested.
const DEEPEST: usize = 64;

fn parse(text: &str) -> Result<Expression, String> {
    let mut reader = Reader {
        letters: text.chars().peekable(),
        depth: 0,
    };
    let parsed = reader.expression();
    reader.skip();
    match (parsed, reader.letters.next()) {
        (Some(expression), None) => Ok(expression),
        _ => Err(format!("Unable to parse language expression '{text}'.")),
    }
}

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    depth: usize,
}

impl Reader<'_> {
    fn expression(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut expression = self.primary()?;
        loop {
            self.skip();
            if self.take('.') {
                let name = self.word();
                expression = Expression::Member(Box::new(expression), non_empty(name)?);
            } else if self.take('[') {
                let index = self.expression()?;
                self.skip();
                if !self.take(']') {
                    return None;
                }
                expression = Expression::Index(Box::new(expression), Box::new(index));
            } else {
                self.depth -= 1;
                return Some(expression);
            }
        }
    }

    fn primary(&mut self) -> Option<Expression> {
        self.skip();
        match self.letters.peek()? {
            '\'' => self.text().map(Expression::Text),
            letter if letter.is_ascii_digit() || *letter == '-' => {
                let negative = self.take('-');
                let number: i64 = self.word().parse().ok()?;
                Some(Expression::Number(if negative { -number } else { number }))
            }
            _ => {
                let name = non_empty(self.word())?;
                self.skip();
                if !self.take('(') {
                    return None;
                }
                let mut arguments = Vec::new();
                self.skip();
                if self.take(')') {
                    return Some(Expression::Call(name, arguments));
                }
                loop {
                    arguments.push(self.expression()?);
                    self.skip();
                    if self.take(')') {
                        return Some(Expression::Call(name, arguments));
                    }
                    if !self.take(',') {
                        return None;
                    }
                }
            }
        }
    }

    /// A text in single quotes, in which two of them stand for one.
    fn text(&mut self) -> Option<String> {
        self.letters.next();
        let mut text = String::new();
        loop {
            match self.letters.next()? {
                '\'' if self.take('\'') => text.push('\''),
                '\'' => return Some(text),
                letter => text.push(letter),
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(letter) = self
            .letters
            .next_if(|letter| letter.is_alphanumeric() || *letter == '_')
        {
            word.push(letter);
        }
        word
    }

    fn take(&mut self, wanted: char) -> bool {
        self.letters.next_if_eq(&wanted).is_some()
    }

    fn skip(&mut self) {
        while self
            .letters
            .next_if(|letter| letter.is_whitespace())
            .is_some()
        {}
    }
}

fn non_empty(word: String) -> Option<String> {
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_literal_unless_they_stand_in_brackets() {
        let literal = |text: &str| Meaning::Literal(text.into());
        assert_eq!(read("rok"), Ok(literal("rok")));
        assert_eq!(read("[[rok]"), Ok(literal("[rok]")));
        assert_eq!(read("[rok"), Ok(literal("[rok")));
        assert!(matches!(read("[guid('a')]"), Ok(Meaning::Expression(_))));
    }

    #[test]
    fn calls_members_and_indices_nest() {
        let expression = parse("reference(concat('it''s', 'x'), '2023').a.b[0]").unwrap();
        let text = |text: &str| Expression::Text(text.into());
        let concat = Expression::Call("concat".into(), vec![text("it's"), text("x")]);
        let call = Expression::Call("reference".into(), vec![concat, text("2023")]);
        let a = Expression::Member(Box::new(call), "a".into());
        let b = Expression::Member(Box::new(a), "b".into());
        let index = Expression::Index(Box::new(b), Box::new(Expression::Number(0)));
        assert_eq!(expression, index);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "a",
            "a(",
            "a('b)",
            "a('b') c",
            "a('b',)",
            "'a'.",
            &"a(".repeat(500),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    crate::corpus::fed!("template-expression", feed);

    fn feed(text: &[u8]) {
        read(&String::from_utf8_lossy(text)).ok();
    }
}
