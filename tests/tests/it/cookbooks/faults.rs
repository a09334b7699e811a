//! What goes wrong, and what is told about it.
