//! Ids of what has none: made of names, so that they are the same wherever a document is read.

use uuid::Uuid;

/// Of a stack.
pub(super) fn of_stack(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("toque:stack/{name}").as_bytes()).to_string()
}

/// Of something in a stack, such as the `layer` that is called `web`.
pub(super) fn within(stack: &str, what: &str, name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("toque:{stack}/{what}/{name}").as_bytes())
        .to_string()
}
