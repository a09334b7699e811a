//! The attributes of a command: those of OpsWorks where the stack wants them, and custom JSON level
//! by level.

use std::rc::Rc;

use serde_json::Value;

use super::nodes::node;
use super::{Bags, Command, CustomJson, chef11_attributes};
use crate::attributes::{Attributes, Level, Origin};
use crate::data_bag::Given;
use crate::decryption::Decryptor;
use toque_core::diagnostic::Diagnostic;

/// What an instance knows of itself by its stack.
const OF_ITSELF: [&str; 5] =
    ["aws_opsworks_instance_id", "ipaddress", "ip", "layers", "private_ip"];

/// Sets them. Of several layers, those that the instance names later win.
/// # Errors
/// A value that is kept elsewhere and cannot be read.
pub fn set(
    command: &Command,
    bags: &Bags,
    attributes: &mut Attributes,
    decryptor: &Decryptor,
) -> Result<(), Diagnostic> {
    let stack = &command.stack;
    let folder = stack.folder.as_deref();
    let open = |value: &Value| decryptor.fill(value, "custom JSON", folder);
    if stack.opsworks_11 {
        let known = chef11_attributes::attributes(command, bags);
        if let Value::Object(map) =
            decryptor.fill(&Value::Object(known), "the attributes of the stack", folder)?
        {
            attributes.merge(Level::StackNormal, &map, &Rc::new(Origin::Run));
        }
    }
    if let Some(own) = command.own() {
        // What others find of it, as far as its machine does not tell it.
        let mut known = node(own);
        known.retain(|key, value| OF_ITSELF.contains(&key.as_str()) && !value.is_null());
        let Given { document, path: below } = own.entry.given.clone();
        let origin = Origin::Document { document, below };
        attributes.merge(Level::Default, &known, &Rc::new(origin));
    }
    let mut set = |level: Level, json: Option<&CustomJson>| {
        json.map_or(Ok(()), |json| json.set(level, attributes, &open))
    };
    set(Level::StackNormal, stack.custom_json.as_ref())?;
    for layer in command.layers() {
        set(Level::LayerNormal, layer.custom_json.as_ref())?;
    }
    for app in &stack.apps {
        set(Level::AppNormal, app.custom_json.as_ref())?;
    }
    set(Level::InstanceNormal, command.own().and_then(|instance| instance.custom_json.as_ref()))?;
    set(Level::CommandNormal, command.custom_json.as_ref())
}
