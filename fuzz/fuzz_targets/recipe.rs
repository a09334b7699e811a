//! A whole recipe: checked, drawn, planned, and converged on a simulated machine, in a repository
//! with custom resources and libraries.
#![no_main]

use std::cell::LazyCell;
use std::rc::Rc;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_contract::registry::Registry;
use toque_contract::report::Report;
use toque_data::run_list::Item;
use toque_engine::check::{Checked, check};
use toque_engine::{Options, Run};
use toque_fuzz::{limits, options, patience, repository, sound, source};
use toque_machine::system::FakeSystem;
use toque_resources::simulated::{Package, debian};

struct Given {
    registry: Rc<Registry>,
    machine: FakeSystem,
}

thread_local! {
    static GIVEN: LazyCell<Given> = LazyCell::new(|| {
        let machine = debian([
            Package::new("git", "2.39"),
            Package::new("apache2", "2.4")
                .file("/etc/apache2/apache2.conf", "# main\n")
                .service("apache2"),
        ]);
        machine.put_dir("/srv", 0o755);
        machine.put_file("/srv/t.hbs", "{{node.name}} is {{word}}");
        let given = Given { registry: Rc::new(toque_resources::standard()), machine };
        // The rest of the repository has no mistakes, so that what is told is about the recipe.
        for recipe in ["", "file(\"/srv/x\", #{ content: node.name });"] {
            Run::on(Rc::new(given.machine.clone()), Rc::clone(&given.registry))
                .options(options_of(recipe))
                .plan()
                .unwrap_or_else(|refused| panic!("{}", refused.diagnostics));
        }
        given
    });
}

fn options_of(recipe: &str) -> Options {
    Options {
        repository: Some(repository()),
        run_list: vec![Item::parse("shop").expect("it is a name")],
        recipe: Some(source("fuzz.rhai", recipe)),
        ..options()
    }
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    GIVEN.with(|given| {
        let checked = Checked {
            recipes: vec![source("fuzz.rhai", text)],
            limits: limits(),
            ..Checked::default()
        };
        check(&given.registry, &checked).iter().for_each(sound);
        let run = |machine: Rc<FakeSystem>| {
            let options = options_of(text);
            let patience = patience(options.stop.clone());
            Run::on(machine, Rc::clone(&given.registry)).options(options).sink(patience)
        };
        let before = Rc::new(given.machine.clone());
        before.take_effects();
        let planned = run(Rc::clone(&before)).plan();
        assert_eq!(before.effects(), [""; 0], "the plan changed the machine");
        match planned {
            Err(refused) => refused.diagnostics.0.iter().for_each(sound),
            Ok(planned) => {
                told(&planned);
                match run(Rc::new(given.machine.clone())).converge() {
                    Ok(converged) => told(&converged),
                    Err(refused) => panic!("what was planned is refused: {}", refused.diagnostics),
                }
            }
        }
    });
    Corpus::Keep
});

/// Whatever happened, the report can be kept, and its mistakes have their place.
fn told(report: &Report) {
    report.resources.iter().filter_map(|record| record.error.as_deref()).for_each(sound);
    serde_json::to_string(report).expect("a report is data");
}
