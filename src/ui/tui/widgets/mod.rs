//! Pieces that screens are made of: a line editor, a scrolled text, fitting text, spinner.

pub mod bars;
pub mod editor;
pub mod page;
pub mod text;
