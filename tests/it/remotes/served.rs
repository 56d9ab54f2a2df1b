//! The journey over HTTPS with a password and over ssh with a key, by the operator's own Git set-up.

use super::*;

#[test]
#[ignore = "needs the peers of tests/run"]
fn over_https_with_the_operators_credential_helper() {
    let hosted = Hosted::new();
    let server = Https::start(&hosted);
    let operator = Operator::new(&server.url());
    operator.configure(&server.trusted());
    operator.configure(&server.credentials(&operator.practice.env, PASSWORD));
    travels(&hosted, &operator);
    assert_nowhere(&operator.practice.env.state_dir(), PASSWORD);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn over_ssh_with_the_operators_key() {
    let hosted = Hosted::new();
    let server = Ssh::start(&hosted);
    let operator = Operator::new(&server.url(&hosted));
    operator.configure(&server.client("operator", &server.known_hosts()));
    travels(&hosted, &operator);
}

/// The first run makes four commits and two tags, the second none.
fn travels(hosted: &Hosted, operator: &Operator) {
    operator.expect(0, &[]);
    assert_eq!(operator.subjects(), SUBJECTS);
    assert_pushed(hosted, operator);

    let refs = hosted.refs();
    let second = operator.expect(0, &[]);
    assert_eq!(hosted.refs(), refs);
    assert_eq!(operator.subjects(), SUBJECTS);
    assert_eq!(writes(&operator.practice.run_of(&second)), [Value::Null; 0]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_wrong_password_ends_before_anything_is_made() {
    let hosted = Hosted::new();
    let server = Https::start(&hosted);
    let operator = Operator::new(&server.url());
    operator.configure(&server.trusted());
    for password in [None, Some("wrong-password")] {
        if let Some(password) = password {
            operator.configure(&server.credentials(&operator.practice.env, password));
        }
        let output = operator.expect(1, &[]);
        assert_says(
            &output,
            &["authentication failed", "set up a credential helper"],
        );
        assert!(!said(&output).contains("wrong-password"));
        operator.assert_nothing_half_made(&output);
    }
    // With the right one, the same place goes on.
    operator.configure(&server.credentials(&operator.practice.env, PASSWORD));
    operator.expect(0, &[]);
    assert_pushed(&hosted, &operator);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_certificate_that_nobody_trusts_ends_before_anything_is_made() {
    let hosted = Hosted::new();
    let server = Https::start(&hosted);
    let operator = Operator::new(&server.url());
    operator.configure(&server.credentials(&operator.practice.env, PASSWORD));
    let output = operator.expect(1, &[]);
    assert_says(
        &output,
        &["server certificate verification failed", "gitops.clone"],
    );
    operator.assert_nothing_half_made(&output);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn ssh_hosts_and_keys_that_are_not_known_end_before_anything_is_made() {
    let hosted = Hosted::new();
    let server = Ssh::start(&hosted);
    let home = Practice::new();
    let (nobody, changed) = (
        home.env.home().join("nobody"),
        home.env.home().join("changed"),
    );
    fs::write(&nobody, "").expect("the home is writable");
    make_key(&home.env.home().join("other"));
    let known = fs::read_to_string(server.known_hosts()).expect("it was made");
    let (host, _) = known.split_once(' ').expect("a host and a key");
    let other = fs::read_to_string(home.env.home().join("other.pub")).expect("it was made");
    fs::write(&changed, format!("{host} {other}")).expect("the home is writable");
    for (key, hosts, words) in [
        ("operator", &nobody, "its ssh host key is not trusted"),
        ("operator", &changed, "its ssh host key is not trusted"),
        ("stranger", &server.known_hosts(), "authentication failed"),
    ] {
        let operator = Operator::new(&server.url(&hosted));
        operator.configure(&server.client(key, hosts));
        let output = operator.expect(1, &[]);
        assert_says(&output, &[words]);
        operator.assert_nothing_half_made(&output);
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_right_that_is_taken_away_half_way_leaves_the_push_to_the_next_run() {
    let hosted = Hosted::new();
    let server = Https::start(&hosted);
    let operator = Operator::new(&server.url());
    operator.configure(&server.trusted());
    operator.configure(&server.credentials(&operator.practice.env, PASSWORD));
    hosted.pre_receive("echo 'frozen for the release' >&2; exit 1");
    let refused = operator.expect(1, &[]);
    assert_says(
        &refused,
        &["rejected", "frozen for the release", "gitops.push"],
    );
    assert_eq!(hosted.git("rev-list --count --all"), "1");
    // Commits and tags are made, and wait in the clone.
    assert_eq!(operator.subjects(), SUBJECTS);
    let refs = [
        "for-each-ref",
        "--format=%(refname)=%(objectname)",
        "refs/heads",
        "refs/tags",
    ];
    let made = operator.git(&refs);
    assert_eq!(lines(&made).len(), 3, "{made}");

    hosted.without_hook();
    let resumed = operator.practice.run(&["resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    assert_eq!(operator.git(&refs), made, "exactly these are pushed");
    assert_pushed(&hosted, &operator);
}
