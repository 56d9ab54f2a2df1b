//! The practice Azure, driven over real TLS.

mod blob;
mod deployments;
mod entra;
mod identities;
mod practice;
mod rights;
mod world;
