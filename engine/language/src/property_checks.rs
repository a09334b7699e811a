//! Checks of properties.

use serde_json::{Map, Value};
use toque_contract::registry::Kind;
use toque_core::property_error::PropertyError;
use toque_core::redaction::Redactor;
use toque_core::serde_errors;
use toque_machine::property::CommandLine;
use toque_machine::view::ARGUMENTS;

/// Refuses properties that would put a decrypted value into the arguments of a command.
pub(crate) fn check_arguments(
    kind: &Kind,
    redactor: &Redactor,
    fixed: &Map<String, Value>,
) -> Result<(), PropertyError> {
    let schema = &kind.schema()["properties"];
    let mut lines = fixed.iter().filter(|(key, _)| schema[key.as_str()]["format"] == "command");
    lines.try_for_each(|(key, value)| {
        serde_errors::read(value.clone()).map_or(Ok(()), |line| check_line(redactor, &line, key))
    })
}

/// Refuses a command line in which everybody who lists the processes would see a decrypted value.
pub(crate) fn check_line(
    redactor: &Redactor,
    line: &CommandLine,
    property: &str,
) -> Result<(), PropertyError> {
    match line.command().argv.iter().find_map(|word| redactor.in_written_argument(word)) {
        None => Ok(()),
        Some(from) => {
            let told = format!(
                "the command holds {from}, which is decrypted, and every process of the machine could read it there"
            );
            Err(PropertyError::new(property, told).hint(ARGUMENTS))
        }
    }
}
