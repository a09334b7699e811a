//! The format of messages: values stand in backticks, the words around them do not. So the values
//! of a message about something sensitive can be hidden. Nothing else may depend on the text of a
//! message.

/// What stands in the place of a hidden value.
pub const REDACTED: &str = "[sensitive]";

/// Returns the first value of a message, after the words before it.
pub fn first_value(message: &str) -> Option<(&str, &str)> {
    let (words, rest) = message.split_once('`')?;
    Some((words, rest.split_once('`').map_or(rest, |(value, _)| value)))
}

/// Returns a message without its values. None when it has none: such a text comes from elsewhere
/// and may be the secret itself.
pub fn redact_values(message: &str) -> Option<String> {
    first_value(message)?;
    let parts = message.split('`').enumerate();
    Some(parts.map(|(index, part)| if index % 2 == 0 { part } else { REDACTED }).collect())
}
