//! `toque graph`.

use std::fmt::Write as _;

use toque_data::stack::Event;
use toque_engine::graph_export::GraphExport;
use toque_engine::{Refused, Run};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::output;
use crate::prepare::Source;

/// Show the resource graph
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque graph webserver --format dot | dot -Tsvg > graph.svg")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let prepared = args.source.prepare(None, Some(Event::Configure), trust)?;
    let drawing =
        Run::on(prepared.system, prepared.registry).options(prepared.options.clone()).graph()?;
    match args.format {
        Format::Text => output::print(&text(&drawing)),
        Format::Dot => output::print(&dot(&drawing)),
        Format::Json => output::json(&drawing),
    }
    Ok(Exit::Success)
}

fn text(drawing: &GraphExport) -> String {
    let mut text = String::new();
    let mut recipe = None;
    let mut depths: Vec<usize> = Vec::with_capacity(drawing.resources.len());
    for resource in &drawing.resources {
        let depth = resource.inside.map_or(0, |outer| depths[outer] + 1);
        depths.push(depth);
        if depth == 0 && recipe != Some(&resource.recipe) {
            let _ = writeln!(text, "{}", resource.recipe.as_deref().unwrap_or("(no recipe)"));
            recipe = Some(&resource.recipe);
        }
        let margin = "  ".repeat(depth + 1);
        let at = resource.at.as_deref().map_or(String::new(), |at| format!("  ({at})"));
        let _ = writeln!(text, "{margin}{} {}{at}", resource.id, resource.actions.join(", "));
        for by in &resource.set_by {
            let _ = writeln!(text, "{margin}  changed by {by}");
        }
        for edge in &resource.notifies {
            let _ =
                writeln!(text, "{margin}  -> {} {} ({})", edge.target, edge.action, edge.timing);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Declaration order downwards in grey, notifications in colour.
fn dot(drawing: &GraphExport) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text =
        "digraph toque {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n".to_owned();
    for (index, resource) in drawing.resources.iter().enumerate() {
        let label = format!("{}\n{}", resource.id, resource.actions.join(", "));
        let _ = writeln!(text, "  r{index} [label={}];", quote(&label).replace('\n', "\\n"));
        if let Some(outer) = resource.inside {
            let _ = writeln!(text, "  r{outer} -> r{index} [style=dotted, arrowhead=none];");
        }
        if index > 0 {
            let _ = writeln!(text, "  r{} -> r{index} [color=gray70, arrowhead=vee];", index - 1);
        }
    }
    for (index, resource) in drawing.resources.iter().enumerate() {
        for edge in &resource.notifies {
            let style = if edge.timing == "delayed" { "dashed" } else { "solid" };
            let label = quote(&format!("{} ({})", edge.action, edge.timing));
            let _ = writeln!(
                text,
                "  r{index} -> r{} [label={label}, style={style}, color=blue, constraint=false];",
                edge.to
            );
        }
    }
    text.push('}');
    text
}
