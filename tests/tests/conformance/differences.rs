//! Where Toque differs from Chef on purpose: the reason, and the cases that show it.

pub const NOTIFICATIONS: &[(&str, &[&str])] = &[];
