//! Pieces that screens are made of: a line editor, a scrolled text, fitting text, spinner,
//! timeline.

pub mod bars;
pub mod editor;
pub mod page;
pub mod text;
pub mod timeline;
