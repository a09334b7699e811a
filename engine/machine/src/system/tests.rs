//! The same operations on the real machine and on the fake one, and what only one of them has.

mod fake;
mod fetch;
mod hostile;
mod process;
mod same;
