//! The cluster client against a small API server on loopback.
