//! Commits and tags are signed as the operator has configured it, or not made at all.

use super::*;

/// An operator who signs commits and tags with an ssh key, and a file of whose signatures count.
fn signer(hosted: &Hosted) -> Operator {
    let operator = Operator::new(&hosted.url());
    let home = operator.practice.env.home();
    let (key, signers) = (home.join("signing"), home.join("signers"));
    make_key(&key);
    let public = fs::read_to_string(home.join("signing.pub")).expect("it was made");
    fs::write(&signers, format!("operator@example.com {public}")).expect("it is writable");
    operator.configure(&format!(
        "[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {}\n[commit]\n\tgpgSign = true\n\
         [tag]\n\tgpgSign = true\n[gpg \"ssh\"]\n\tallowedSignersFile = {}\n",
        key.display(),
        signers.display()
    ));
    operator
}

#[test]
fn every_commit_and_tag_verifies() {
    let hosted = Hosted::new();
    let operator = signer(&hosted);
    operator.expect(0, &[]);
    assert_eq!(operator.subjects(), SUBJECTS);
    assert_pushed(&hosted, &operator);
    let log = operator.git(&["log", "--format=%G? %GS %an %cn", "-4"]);
    let author = format!("Rok Deploy v{} Operator", env!("CARGO_PKG_VERSION"));
    let signed = format!("G operator@example.com {author}");
    assert_eq!(lines(&log), [signed.as_str(); 4]);
    for tag in lines(&operator.git(&["tag", "--list"])) {
        operator.git(&["verify-tag", &tag]);
    }
    let shown = operator.git(&["log", "--show-signature", "-1"]);
    assert!(
        shown.contains("Good \"git\" signature for operator@example.com"),
        "{shown}"
    );
}

#[test]
fn without_the_key_nothing_is_committed_and_the_next_run_goes_on() {
    let hosted = Hosted::new();
    let operator = signer(&hosted);
    let home = operator.practice.env.home();
    fs::rename(home.join("signing"), home.join("away")).expect("it is there");
    let output = operator.expect(1, &[]);
    assert_says(
        &output,
        &["commit: refused", "signing", "the files are kept"],
    );
    assert_eq!(operator.subjects(), [""; 0]);
    assert_eq!(operator.git(&["tag", "--list"]), "");
    assert_eq!(operator.git(&["diff", "--cached", "--name-only"]), "");
    assert_eq!(hosted.git("rev-list --count --all"), "1");

    fs::rename(home.join("away"), home.join("signing")).expect("it is there");
    operator.expect(0, &[]);
    assert_eq!(operator.subjects(), SUBJECTS);
    assert_pushed(&hosted, &operator);
}

#[test]
fn a_tag_that_cannot_be_signed_is_not_made_nor_pushed() {
    let hosted = Hosted::new();
    let operator = signer(&hosted);
    // Signs commits, and fails on tags, as a card does that is pulled out in between.
    let script = operator.practice.env.home().join("sign");
    let text = "#!/bin/sh\nfor file; do :; done\n\
                case $(cat \"$file\" 2>/dev/null) in *'tag deploy/'*) echo 'no card' >&2; exit 1;; esac\n\
                exec ssh-keygen \"$@\"\n";
    fs::write(&script, text).expect("it is writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).expect("it is ours");
    operator.configure(&format!(
        "[gpg \"ssh\"]\n\tprogram = {}\n",
        script.display()
    ));
    let output = operator.expect(1, &[]);
    assert_says(&output, &["sign tag `deploy/", "no card"]);
    assert_eq!(operator.git(&["tag", "--list"]), "");
    assert_eq!(hosted.git("rev-list --count --all"), "1");

    operator.configure("[gpg \"ssh\"]\n\tprogram = ssh-keygen\n");
    operator.expect(0, &[]);
    assert_eq!(operator.subjects(), SUBJECTS);
    assert_pushed(&hosted, &operator);
}
