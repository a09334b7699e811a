//! Toque inside another program: a kind of its own beside the standard ones, planned and converged
//! on a machine in memory and on the real one. Only the public interfaces are used.
//!
//! `cargo run -p embed` tries both; the real machine is only touched below a folder in the
//! temporary directory.

mod greeting;

use std::process::ExitCode;
use std::rc::Rc;

use toque_engine::diagnostic::Source;
use toque_engine::registry::{Kind, Registry};
use toque_engine::report::Report;
use toque_engine::run::{Options, Refused, converge, plan};
use toque_engine::system::{FakeSystem, HostSystem, System};

use crate::greeting::{Greeting, InAFile};

fn main() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("toque-embed-{}", std::process::id()));
    let recipe = format!(
        r#"
        directory("{0}");
        greeting("{0}/motd", #{{ name: "Ada" }}).notifies("run", "notify_group[greeted]");
        notify_group("greeted");
        "#,
        folder.display()
    );
    let fake = FakeSystem::new();
    fake.put_dir(std::env::temp_dir(), 0o1777);
    let machines: [(&str, Rc<dyn System>); 2] =
        [("in memory", Rc::new(fake)), ("for real", Rc::new(HostSystem::new()))];
    let mut code = ExitCode::SUCCESS;
    for (name, machine) in machines {
        match try_out(&machine, &recipe) {
            Ok(text) => println(&format!("{name}:\n{text}")),
            Err(refused) => {
                println(&format!("{name}: {}", refused.diagnostics));
                code = ExitCode::FAILURE;
            }
        }
    }
    // Whether it could be removed changes nothing about what was shown.
    let _ = std::fs::remove_dir_all(folder);
    code
}

/// Plans, converges, and converges again.
fn try_out(machine: &Rc<dyn System>, recipe: &str) -> Result<String, Refused> {
    let registry: Rc<Registry> =
        Rc::new(toque_resources::standard().with(Kind::of::<Greeting>().provider(InAFile)));
    let source = Source { name: "embedded".to_owned(), path: None, text: recipe.to_owned() };
    let options = Options { recipe: Some(source), ..Options::default() };
    let planned = plan(Rc::clone(machine), Rc::clone(&registry), &options, Box::new(()))?;
    let first = converge(Rc::clone(machine), Rc::clone(&registry), &options, Box::new(()))?;
    let second = converge(Rc::clone(machine), registry, &options, Box::new(()))?;
    Ok(format!(
        "  plan:   {}\n  first:  {}\n  second: {}",
        summary(&planned),
        summary(&first),
        summary(&second)
    ))
}

fn summary(report: &Report) -> String {
    let counts = &report.counts;
    format!(
        "{} would change, {} changed, {} up to date",
        counts.would_change, counts.changed, counts.up_to_date
    )
}

fn println(text: &str) {
    use std::io::Write;
    // A reader that went away ends nothing.
    let _ = writeln!(std::io::stdout(), "{text}");
}
