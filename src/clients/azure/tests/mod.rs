//! The clients against scripted servers on loopback.

mod attempts;
mod chain;
mod practice;
mod recorded;
mod server;
mod verbs;

use azure_core::http::Pipeline;

use super::connect::pipeline;
use super::gated::Gated;
use super::http::Network;
use crate::clients::skew::ClockSkew;
use crate::clients::wire::WireLog;

/// A pipeline whose every request fails.
pub(super) fn no_network() -> Pipeline {
    let gated = Gated {
        network: Network::Nowhere,
        wire: WireLog::in_memory(),
        skew: ClockSkew::default(),
    };
    pipeline(gated, None)
}
