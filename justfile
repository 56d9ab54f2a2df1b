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

# Many runs under faults, in virtual time: `just faults 10000`. Three quarters of an hour on two idle cores.
faults seeds="10000" first="0":
    ROK_FAULT_SEEDS={{seeds}} ROK_FAULT_FIRST={{first}} cargo test --locked --release --test it -- --nocapture --exact faults::seeds_end_like_a_run_without_faults

# Feeds a parser what coverage leads to (`fuzz/targets`), beginning with the kept seeds: `just fuzz journal 600`. Needs cargo-fuzz.
fuzz target seconds="60":
    mkdir -p fuzz/corpus/{{target}}
    RUSTC_BOOTSTRAP=1 cargo fuzz run --dev --sanitizer none {{target}} fuzz/corpus/{{target}} tests/corpus/{{target}} -- -max_total_time={{seconds}} -max_len=65536

# Shows changed snapshots one by one; each is read before it is accepted.
review:
    cargo insta review

# Licences, duplicates and sources of the dependencies.
deny:
    cargo deny --locked check bans licenses sources

# Everything that CI runs.
ci:
    bash .ci/run

# The program as it is shipped: one file that needs no library of the machine.
dist:
    cargo rustc --locked --profile dist --bin rok-deploy -- -C target-feature=+crt-static

# Speed: of the parts, then of the whole program. Needs `just dist` and the peers of `just test`.
bench:
    cargo bench --locked
    benches/whole.sh
