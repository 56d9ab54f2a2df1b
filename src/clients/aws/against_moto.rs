//! The AWS client against `moto_server`; run by hand with `-- --ignored`.
