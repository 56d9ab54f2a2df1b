//! Keeps watch over the arrows between the rooms: they point down only.
//!
//! Every path in the sources that starts at `crate`, `self` or `super` is resolved to the room it
//! names. Tests inside a room may also use the practice cloud, because a step is tried against it
//! next to its code.

mod paths;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, each with the rooms it may use besides itself.
const ARROWS: &[(&str, Reach)] = &[
    ("commands", Reach::Everything),
    ("recipes", Reach::Only(&["steps", "engine"])),
    ("steps", Reach::Only(&["clients", "engine"])),
    ("ui", Reach::Only(&["engine"])),
    ("journal", Reach::Only(&["engine"])),
    ("clients", Reach::Only(&[])),
    ("engine", Reach::Only(&[])),
    ("sandbox", Reach::Only(&[])),
];

/// The top of the house, which may use every room and which no room below `commands` may use.
const TOP: &[&str] = &["main", "lib", "cli", "settings", "failure", "bin", "corpus"];

/// What test modules may use besides what their room may: the practice cloud, and the seeds that
/// parsers are fed with.
const IN_TESTS: &[&str] = &["sandbox", "corpus"];

#[derive(Clone, Copy)]
enum Reach {
    Everything,
    Only(&'static [&'static str]),
}

#[test]
fn arrows_between_the_rooms_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(
        files.iter().any(|file| file.ends_with("engine/mod.rs")),
        "looked in {root:?}"
    );

    let violations: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let name = file
                .strip_prefix(&root)
                .expect("the walk starts at the root");
            let source = fs::read_to_string(file).expect("source files are readable");
            violations(name, &source)
                .into_iter()
                .map(|it| it.to_string())
        })
        .collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// A path in a file to something its room must not know.
struct Violation {
    file: PathBuf,
    line: usize,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "src/{}:{}: {}",
            self.file.display(),
            self.line,
            self.message
        )
    }
}

fn violations(file: &Path, source: &str) -> Vec<Violation> {
    let violation = |line, message| Violation {
        file: file.to_owned(),
        line,
        message,
    };
    let module = module_of(file);
    let room = match module.first() {
        None => return Vec::new(),
        Some(first) if TOP.contains(&first.as_str()) => return Vec::new(),
        Some(first) => first.clone(),
    };
    let Some((_, reach)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        return vec![violation(
            1,
            format!("`{room}` is neither a room nor the top"),
        )];
    };
    let Reach::Only(allowed) = reach else {
        return Vec::new();
    };

    let in_test_file = module.iter().any(|name| name == "tests");
    paths::used_paths(source, module)
        .into_iter()
        .filter(|path| {
            let practises =
                IN_TESTS.contains(&path.target.as_str()) && (in_test_file || path.in_tests);
            path.target != room && !allowed.contains(&path.target.as_str()) && !practises
        })
        .map(|path| {
            violation(
                path.line,
                format!("`{room}` must not use `crate::{}`", path.target),
            )
        })
        .collect()
}

/// The module path of a source file: `engine/plan.rs` and `engine/plan/mod.rs` are both `engine::plan`.
fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<String> = file
        .with_extension("")
        .iter()
        .map(|part| part.to_str().expect("source paths are UTF-8").to_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("source folders are readable") {
        let path = entry.expect("source folders are readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

mod the_watch_itself {
    use super::*;

    fn complaints(file: &str, source: &str) -> Vec<String> {
        violations(Path::new(file), source)
            .iter()
            .map(Violation::to_string)
            .collect()
    }

    #[test]
    fn sees_every_way_up() {
        let ways = [
            "use crate::steps::Role;",
            "use crate::{clients::wire, steps};",
            "use crate::{\n    clients::{aws, git},\n    steps::{self as ladder},\n};",
            "use super::super::steps;",
            "use super::{aws, super::{steps}};",
            "use self::super::super::steps as ladder;",
            "fn up() { crate::steps::climb() }",
            "impl From<crate::steps::Error> for Error {}",
            "macro_rules! up { () => { $crate::steps::climb() } }",
            "mod inner { use super::super::super::steps; }",
            "#[cfg(test)] mod tests { use crate::steps::Role; }",
            "const QUOTE: char = '\\''; use crate::steps; const OTHER: char = '\"';",
        ];
        for source in ways {
            let complaints = complaints("clients/wire.rs", &format!("// One\n{source}"));
            assert_eq!(complaints.len(), 1, "{source}: {complaints:?}");
            assert!(
                complaints[0].contains("`clients` must not use `crate::steps`"),
                "{complaints:?}"
            );
        }
        assert_eq!(
            complaints("ui/plain.rs", "\n\nuse crate::settings::Settings;"),
            ["src/ui/plain.rs:3: `ui` must not use `crate::settings`"],
        );
    }

    #[test]
    fn sees_the_whole_house_taken_at_once() {
        for source in [
            "use crate::*;",
            "use crate as house;",
            "use crate::{self as house};",
        ] {
            assert_eq!(complaints("engine/plan.rs", source).len(), 1, "{source}");
        }
    }

    #[test]
    fn lets_the_way_down_pass() {
        let down = "use crate::{clients::aws, engine::{self, Step}}; use super::Name; pub(crate) fn x(&self) {}";
        assert_eq!(complaints("steps/aws/role.rs", down), [""; 0]);
        assert_eq!(complaints("steps/mod.rs", "use super::clients;"), [""; 0]);
        assert_eq!(
            complaints("commands/run.rs", "use crate::{cli, steps, ui};"),
            [""; 0]
        );
        assert_eq!(complaints("cli.rs", "use crate::recipes;"), [""; 0]);
        assert_eq!(
            complaints("bin/rok-s3-authorize.rs", "use crate::commands;"),
            [""; 0]
        );
    }

    #[test]
    fn reads_code_and_not_words() {
        let words = r##"
            //! See [`crate::steps`].
            /* use crate::steps; /* nested */ use crate::steps; */
            const TEXT: &str = "use crate::steps; \" use crate::steps;";
            const RAW: &str = r#"use crate::steps; " use crate::steps;"#;
            fn lifetime<'a>(bytes: &'a [u8]) -> &'a [u8] { b"crate::steps" }
        "##;
        assert_eq!(complaints("engine/plan.rs", words), [""; 0]);
    }

    #[test]
    fn lets_tests_and_only_tests_practise() {
        let practice = "#[cfg(test)]\nmod tests { use crate::sandbox::World; }";
        assert_eq!(complaints("steps/aws/role.rs", practice), [""; 0]);
        assert_eq!(
            complaints("steps/aws/tests.rs", "use crate::sandbox::World;"),
            [""; 0]
        );
        let after =
            "#[cfg(test)] use std::fs;\n#[cfg(test)] fn help() {}\nuse crate::sandbox::World;";
        assert_eq!(
            complaints("steps/aws/role.rs", after),
            ["src/steps/aws/role.rs:3: `steps` must not use `crate::sandbox`"],
        );
    }

    #[test]
    fn knows_no_room_without_arrows() {
        assert_eq!(
            complaints("attic/mod.rs", "use std::fs;"),
            ["src/attic/mod.rs:1: `attic` is neither a room nor the top"],
        );
    }
}
