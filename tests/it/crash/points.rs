//! Names of points that are the same on every machine, and the list of those that must be covered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rok_deploy::clients::gate::Call;

/// Set to write the list anew.
const UPDATE: &str = "ROK_CRASH_POINTS";

/// How often each point of a row comes, by its name.
pub(super) type Points = BTreeMap<String, usize>;

/// The name of a call: who does what, without what is another in every world.
pub(super) fn name(call: &Call, home: &Path) -> String {
    let operation = call.operation.replace(&*home.to_string_lossy(), "~");
    let temporary = std::env::temp_dir();
    let operation = operation.replace(&*temporary.to_string_lossy(), "<tmp>");
    let mut name = format!("{} ", call.client);
    let mut word = String::new();
    for letter in operation.chars() {
        if " /:".contains(letter) {
            name.push_str(stable(&word));
            name.push(letter);
            word.clear();
        } else {
            word.push(letter);
        }
    }
    name.push_str(stable(&word));
    name
}

/// Replaces ids, and what is named by a time.
fn stable(word: &str) -> &str {
    let shape: String = word
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    let is_hex = word.chars().all(|letter| letter.is_ascii_hexdigit());
    if word.starts_with(".tmp") {
        "<name>"
    } else if (is_hex && word.len() == 40) || is_guid(word) {
        "<id>"
    } else if shape == "0000-00-00T00.00.00Z" {
        "<date>"
    } else if shape.starts_with("00000000T000000Z-") {
        "<run>"
    } else {
        word
    }
}

/// Whether a word has the groups of a GUID: 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_guid(word: &str) -> bool {
    let is_hex = |group: &str| group.chars().all(|letter| letter.is_ascii_hexdigit());
    let groups: Vec<_> = word.split('-').filter(|group| is_hex(group)).collect();
    word.len() == 36 && groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
}

/// Counts points by name: `aws iam:GetRole #3` is the third of its name.
pub(super) fn count<'a>(points: impl IntoIterator<Item = &'a String>) -> Points {
    let mut counted = Points::new();
    for point in points.into_iter().collect::<BTreeSet<_>>() {
        let (name, _) = point.rsplit_once(" #").expect("points are numbered");
        *counted.entry(name.to_owned()).or_default() += 1;
    }
    counted
}

/// Whether the list is written instead of held against.
pub(super) fn are_listed_anew() -> bool {
    std::env::var_os(UPDATE).is_some()
}

/// Holds what was covered against the list that is kept, so that no point vanishes unnoticed.
pub(super) fn held_against_the_list(covered: &BTreeMap<String, Points>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/crash/points.txt");
    if are_listed_anew() {
        let lines: Vec<_> = names(covered).into_iter().collect();
        fs::write(&path, lines.join("\n") + "\n").expect("the list is writable");
        return;
    }
    let listed = read(&fs::read_to_string(&path).unwrap_or_default());
    let covered = names(covered);
    let vanished: Vec<_> = listed.difference(&covered).cloned().collect();
    let update = format!(
        "when that is as it should be, `{UPDATE}=write cargo test --test it crash::` writes {}",
        path.display()
    );
    assert!(
        vanished.is_empty(),
        "points are not covered any more:\n{}\n{update}",
        vanished.join("\n")
    );
    let new = covered.difference(&listed).count();
    if new > 0 {
        let note = format!("crash matrix: {new} calls are not listed yet; {update}");
        writeln!(io::stderr(), "{note}").expect("stderr is open");
    }
}

/// Every call of every row, once: how often one is repeated, and whether the world has to be waited
/// for or the Lease renewed, depends on how fast the machine is.
fn names(rows: &BTreeMap<String, Points>) -> BTreeSet<String> {
    let named = rows.iter().flat_map(|(row, points)| {
        let names = points
            .keys()
            .filter(|name| !name.contains(" step_settling ") && !is_renewal(name));
        names.map(move |name| format!("{row}: {name}"))
    });
    named.collect()
}

fn is_renewal(name: &str) -> bool {
    name.starts_with("kubernetes PUT ") && name.contains("/leases/")
}

fn read(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}
