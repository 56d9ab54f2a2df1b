# The commands of everyday work. `just ci` is what has to pass before a merge.

# Rewrites the sources in the house format.
fmt:
    cargo fmt

# Warnings are errors, as in CI.
lint:
    cargo clippy --all-targets --locked -- -D warnings

# All tests with the third-party peers; arguments as for `cargo test`.
test *arguments:
    tests/run {{arguments}}

# Shows changed snapshots one by one; each is read before it is accepted.
review:
    cargo insta review

# Licences, duplicates and sources of the dependencies.
deny:
    cargo deny --locked check bans licenses sources

# Everything that CI runs.
ci:
    bash .ci/run
