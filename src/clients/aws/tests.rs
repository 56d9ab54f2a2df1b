//! The AWS client against small servers on loopback.
