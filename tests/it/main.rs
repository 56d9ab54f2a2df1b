//! The one integration-test binary: the SDKs make linking slow, so everything shares it.
//!
//! A test that needs a third-party program of `tests/run` is marked
//! `#[ignore = "needs the peers of tests/run"]`. Plain `cargo test` reports it as ignored;
//! `tests/run` installs the programs and includes it, and a missing program is then a failure.

mod apply;
mod az;
mod azure_handover;
mod bad_input;
mod canary;
mod catalogue;
mod crash;
mod exec;
mod faults;
mod handed_over;
mod hostile;
mod journey;
mod killed;
mod logged_out;
mod on_microburst;
mod on_ministack;
mod on_moto;
mod oracle;
mod peers;
mod real_world;
mod remotes;
mod render;
mod replay;
mod rerun;
mod resumed;
mod rooms;
mod rotate;
mod sandbox_clients;
mod sops;
mod stack;
mod stack_template;
mod steps;
mod support;
mod teardown;
mod tui;
mod two_operators;
mod verify;
