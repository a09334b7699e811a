//! Toque inside another program: a kind of its own beside the standard ones, planned and converged
//! on a machine in memory and on the real one. Only the public interfaces are used.
//!
//! `cargo run -p embed` tries both; the real machine is only touched below a folder in the
//! temporary directory.

mod greeting;

use std::io::Write;
use std::rc::Rc;

use toque_engine::machine::system::{FakeSystem, HostSystem};
use toque_engine::prelude::{Kind, Registry, System};
use toque_engine::{Refused, Report, Run};

use crate::greeting::{Greeting, InAFile};

/// Plans, converges, and converges again.
fn try_out(machine: &Rc<dyn System>, recipe: &str) -> Result<[Report; 3], Refused> {
    let greeting = Kind::of::<Greeting>().provider(InAFile);
    let registry: Rc<Registry> = Rc::new(toque_resources::standard().with(greeting));
    let run = || Run::on(Rc::clone(machine), Rc::clone(&registry)).recipe("embedded", recipe);
    Ok([run().plan()?, run().converge()?, run().converge()?])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let recipe = format!(
        r#"
        directory("{0}/etc");
        greeting("{0}/etc/motd", #{{ name: "Ada" }}).notifies("run", "notify_group[greeted]");
        notify_group("greeted");
        "#,
        folder.path().display()
    );
    let fake = FakeSystem::new();
    fake.put_dir(folder.path(), 0o755);
    let machines: [(&str, Rc<dyn System>); 2] =
        [("in memory", Rc::new(fake)), ("for real", Rc::new(HostSystem::new()))];
    let mut out = std::io::stdout();
    for (name, machine) in machines {
        writeln!(out, "{name}:")?;
        let reports = try_out(&machine, &recipe).map_err(|refused| refused.diagnostics)?;
        for (what, Report { counts, .. }) in ["plan:  ", "first: ", "second:"].iter().zip(&reports)
        {
            writeln!(
                out,
                "  {what} {} would change, {} changed, {} up to date",
                counts.would_change, counts.changed, counts.up_to_date
            )?;
        }
    }
    Ok(())
}
