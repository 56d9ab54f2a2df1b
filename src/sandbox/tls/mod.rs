//! TLS on loopback: certificate authorities of the practice world, and listeners that use them.

mod authority;
mod connections;

pub(super) use authority::{Authority, Subject};
pub(super) use connections::TlsConnections;
