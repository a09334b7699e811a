use std::rc::Rc;
use toque_engine::diagnostic::Source;
use toque_engine::run::*;
use toque_engine::system::FakeSystem;
fn main() {
    let text = std::env::args().nth(1).unwrap();
    let o = Options { recipe: Some(Source { name: "-e".into(), path: None, text }), ..Options::default() };
    let s = Rc::new(FakeSystem::new());
    match converge(
        s.clone(),
        Rc::new(toque_resources::standard()),
        &o,
        Box::new(|e: &toque_engine::event::Event<'_>| {
            if let toque_engine::event::Event::Log { message, .. } = e {
                println!("LOG {message}")
            }
        }),
    ) {
        Ok(r) => println!("{}", serde_json::to_string_pretty(&r.resources).unwrap()),
        Err(e) => println!("{:#?}", e.diagnostics.0),
    }
}
