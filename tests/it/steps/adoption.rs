//! Objects of our names that are not ours.
