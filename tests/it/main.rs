//! The one integration-test binary: the SDKs make linking slow, so everything shares it.
//!
//! A test that needs a third-party program of `tests/run` is marked
//! `#[ignore = "needs the peers of tests/run"]`. Plain `cargo test` reports it as ignored;
//! `tests/run` installs the programs and includes it, and a missing program is then a failure.

mod peers;
mod rooms;
mod support;
mod tui;
