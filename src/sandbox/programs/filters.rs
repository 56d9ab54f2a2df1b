//! The tools that take text apart: fields of lines, base64, and members of JSON.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::Value;

use super::tools::{content, failed, printed};
use crate::sandbox::cluster::{Output, Process};

/// Decodes as far as it goes, with its padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `cut -d. -f2 [FILE]`: one field of each line.
pub(super) fn cut(arguments: &[String], process: &Process) -> Output {
    let (mut delimiter, mut field, mut paths) = ("\t", None, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = |flag: &str| -> Option<&str> {
            match argument.strip_prefix(flag)? {
                "" => arguments.next().map(String::as_str),
                value => Some(value),
            }
        };
        if let Some(value) = value("-d") {
            delimiter = value;
        } else if let Some(value) = value("-f") {
            field = value.parse::<usize>().ok().filter(|number| *number > 0);
        } else {
            paths.push(argument.as_str());
        }
    }
    let Some(field) = field else {
        let words = "cut: you must specify a list of bytes, characters, or fields\n";
        return failed(1, words);
    };
    if paths.is_empty() {
        paths.push("-");
    }
    let mut output = Output::default();
    for path in paths {
        let content = match content("cut", path, process) {
            Ok(content) => content,
            Err(missing) => return missing,
        };
        for line in String::from_utf8_lossy(content).lines() {
            // A line without the delimiter is printed as it is.
            let part = if line.contains(delimiter) {
                line.split(delimiter).nth(field - 1).unwrap_or_default()
            } else {
                line
            };
            output.stdout.extend_from_slice(part.as_bytes());
            output.stdout.push(b'\n');
        }
    }
    output
}

/// `base64 [-d] [-w N] [FILE]`. What cannot be decoded is decoded up to there, with a complaint; so
/// a token, which has no padding, is decoded and complained of.
pub(super) fn base64(arguments: &[String], process: &Process) -> Output {
    let (mut decodes, mut width, mut path) = (false, 76, "-");
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "-d" | "-D" | "--decode" => decodes = true,
            "-w" => match arguments.next().map(str::parse) {
                Some(Ok(number)) => width = number,
                _ => return failed(1, "base64: invalid wrap size\n"),
            },
            "-w0" | "--wrap=0" => width = 0,
            _ => path = argument,
        }
    }
    let content = match content("base64", path, process) {
        Ok(content) => content,
        Err(missing) => return missing,
    };
    if decodes {
        decode(content)
    } else {
        encode(content, width)
    }
}

fn encode(content: &[u8], width: usize) -> Output {
    let text = STANDARD.encode(content);
    if width == 0 {
        return printed(text);
    }
    let mut lines = String::new();
    for line in text.as_bytes().chunks(width) {
        lines.push_str(&String::from_utf8_lossy(line));
        lines.push('\n');
    }
    printed(lines)
}

fn decode(content: &[u8]) -> Output {
    let text: Vec<u8> = content
        .iter()
        .copied()
        .filter(|byte| *byte != b'\n')
        .collect();
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let mut good = text.iter().take_while(|byte| is_digit(byte)).count();
    let is_whole = good == text.len() && STANDARD.decode(&text).is_ok();
    let stdout = loop {
        match LENIENT.decode(&text[..good]) {
            Ok(bytes) => break bytes,
            Err(_) => good -= 1,
        }
    };
    let complaint: &[u8] = if is_whole {
        b""
    } else {
        b"base64: invalid input\n"
    };
    Output {
        stdout,
        stderr: complaint.to_vec(),
        code: i32::from(!is_whole),
        ..Output::default()
    }
}

/// `jq [-r] [-e] .a.b[0] [FILE]`: one member of a document.
pub(super) fn jq(arguments: &[String], process: &Process) -> Output {
    let (flags, words): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with('-') && *argument != "-");
    let filter = words.first().copied().unwrap_or(".");
    let content = match content("jq", words.get(1).copied().unwrap_or("-"), process) {
        Ok(content) => content,
        Err(missing) => return missing,
    };
    if String::from_utf8_lossy(content).trim().is_empty() {
        return Output::default();
    }
    let document: Value = match serde_json::from_slice(content) {
        Ok(document) => document,
        Err(error) => return failed(2, &format!("jq: parse error: {error}\n")),
    };
    let Some(found) = member(&document, filter) else {
        return failed(
            3,
            &format!("jq: error: {filter} is more than these images know\n"),
        );
    };
    let is_raw = flags.contains(&"-r") || flags.contains(&"--raw-output");
    let text = match found {
        Value::String(text) if is_raw => text.clone(),
        other => format!("{other:#}"),
    };
    printed(text + "\n")
}

/// The member that a path means: null where it is missing, nothing where the path is no path.
pub(super) fn member<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let mut found = document;
    for step in path.split('.') {
        let (name, indexes) = match step.split_once('[') {
            Some((name, indexes)) => (name, Some(indexes)),
            None => (step, None),
        };
        if !name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
        {
            return None;
        }
        if !name.is_empty() {
            found = &found[name];
        }
        for index in indexes.into_iter().flat_map(|indexes| indexes.split('[')) {
            let index: usize = index.strip_suffix(']')?.parse().ok()?;
            found = &found[index];
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tool: fn(&[String], &Process) -> Output, arguments: &str, input: &str) -> Output {
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let process = Process {
            input: input.into(),
            ..Process::default()
        };
        tool(&arguments, &process)
    }

    #[test]
    fn base64_goes_as_far_as_it_can() {
        assert_eq!(run(base64, "", "Rok").stdout, b"Um9r\n");
        let decoded = run(base64, "-d", "Um9r\n");
        assert_eq!((decoded.stdout, decoded.code), (b"Rok".to_vec(), 0));
        let unpadded = run(base64, "-d", "eyJhIjoxfQ\n");
        assert_eq!((unpadded.stdout, unpadded.code), (b"{\"a\":1}".to_vec(), 1));
        assert_eq!(unpadded.stderr, b"base64: invalid input\n");
        let broken = run(base64, "-d", "Um9r-_Um9r");
        assert_eq!((broken.stdout, broken.code), (b"Rok".to_vec(), 1));
        assert_eq!(run(base64, "-w0", &"a".repeat(90)).stdout.len(), 120);
        assert_eq!(run(base64, "-d", "").code, 0);
    }

    #[test]
    fn jq_finds_members() {
        let document = r#"{"a":{"b":["x",{"c-d":1}]},"t":"text"}"#;
        for (arguments, expected) in [
            ("-r .t", "text\n"),
            (".t", "\"text\"\n"),
            (".a.b[1].c-d", "1\n"),
            ("-r .nothing", "null\n"),
            (".a.b[0]", "\"x\"\n"),
        ] {
            let output = run(jq, arguments, document);
            assert_eq!(output.stdout, expected.as_bytes(), "{arguments}");
        }
        assert_eq!(run(jq, ".t|length", document).code, 3);
        assert_eq!(run(jq, ".a", "{\"a\":").code, 2);
        assert_eq!(run(jq, ".a", "").code, 0);
    }
}
