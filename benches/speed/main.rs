//! Speed of the parts, without processes and networks: `cargo bench`, or `cargo bench -- journal`.
//!
//! `benches/whole.sh` measures the whole program; `benches/README.md` holds the numbers of both.

mod engine;
mod journal;
mod screen;
mod story;
mod templates;

fn main() {
    divan::main();
}
