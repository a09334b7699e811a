//! The data of a run: data bags of the repository and of the event that it is for.

use std::rc::Rc;

use serde_json::Value;

use crate::options::{Options, Refused};
use toque_core::diagnostic::Diagnostic;
use toque_data::data_bag::DataBags;
use toque_data::decryption::Decryptor;
use toque_data::stack::{self, Bags};
use toque_language::run_inputs::MachineAccess;

/// Data bags, and what opens the values in them that are not to be read.
pub(crate) struct Data {
    pub bags: Rc<DataBags>,
    /// Those that the command brought.
    pub given: Option<Bags>,
    pub decryptor: Rc<Decryptor>,
}

/// # Errors
/// Custom JSON whose items cannot be data bag items.
pub(crate) fn data(options: &Options) -> Result<Data, Diagnostic> {
    let mut bags = DataBags::of(options.repository.as_deref());
    let given = options
        .command
        .as_ref()
        .map(|command| stack::bags(command, &bags.own_names()?))
        .transpose()?;
    if let Some(given) = &given {
        bags = bags.with(given.clone());
    }
    if options.reach == MachineAccess::Repository && given.is_none() {
        // Recipes may be for a stack that is not here.
        let own = bags.own_names()?;
        bags = bags.with(stack::no_bags(&own));
    }
    let bags = Rc::new(bags);
    let decryptor = match options.reach {
        MachineAccess::Machine => Decryptor::new(
            options.secret_files.clone(),
            Rc::clone(&options.redactor),
            Rc::clone(&bags),
        ),
        MachineAccess::Repository => Decryptor::closed(),
    };
    Ok(Data { bags, given, decryptor: Rc::new(decryptor) })
}

/// What recipes find in the command of a run, as files: see [`stack::expand`].
/// # Errors
/// As there; a secret that cannot be read, when they are revealed.
pub fn expand(options: &Options, reveal: bool) -> Result<Vec<(String, String)>, Refused> {
    let Some(command) = &options.command else { return Ok(Vec::new()) };
    let Data { decryptor, .. } = data(options)?;
    let folder = command.stack.folder.as_deref();
    let open = |value: &Value| decryptor.fill(value, "a value of the command", folder);
    let own = DataBags::of(options.repository.as_deref()).own_names()?;
    let reveal: Option<&dyn Fn(&Value) -> Result<Value, Diagnostic>> =
        if reveal { Some(&open) } else { None };
    Ok(stack::expand(command, &own, reveal)?)
}
