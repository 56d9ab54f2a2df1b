//! `rok-deploy` gives a Kubernetes workload its own object storage, without stored keys.
//!
//! Rooms and the arrows between them, which point down only (`tests/it/rooms.rs` keeps watch):
//!
//! - [`commands`] wires everything: one file per command.
//! - [`recipes`] say which questions and which steps, in which order → `steps`, `engine`.
//! - [`steps`] are one idempotent change or check each → `clients`, `engine`.
//! - [`ui`] and [`journal`] read the engine's events → `engine`.
//! - [`engine`] is values and one loop, [`clients`] are small types over SDKs, [`sandbox`] is the
//!   practice cloud: these three know nothing of ours.

pub mod cli;
pub mod clients;
pub mod commands;
#[cfg(test)]
mod corpus;
pub mod engine;
pub mod failure;
pub mod journal;
pub mod recipes;
pub mod sandbox;
pub mod settings;
pub mod steps;
pub mod ui;
