//! How fast Toque converges, beside a bare program that does the same to the same files: the floor.
//!
//! `bench` spawns the release binary on repositories that it makes, and itself as the floor, in
//! turns. Every figure is the least of several runs, because whatever else the machine does only
//! adds to it.
//!
//! - `run`: the cases; `targets`: the limits that each must keep
//! - `floor`, `files`: the bare program, and the files that both make
//! - `bag`, `cold`, `cookbook`, `deploy`, `universe`, `webserver`: the inputs of the cases
//! - `memory`: large files
//! - `measure`, `report`: time and memory of a process, and the table

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "it prints figures, and ends where it cannot measure"
)]

mod bag;
mod cold;
mod cookbook;
mod deploy;
mod files;
mod floor;
mod measure;
mod memory;
mod report;
mod run;
mod targets;
mod universe;
mod webserver;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => return bench(),
        ["cookbooks"] => {
            cookbooks(&here(&tempfile::tempdir().expect("a temporary directory")));
        }
        ["memory"] => {
            let folder = tempfile::tempdir().expect("a temporary directory");
            memory::show(&toque_acceptance::toque_binary(), folder.path());
        }
        ["floor", action, folder, count] => {
            floor::run(action, folder.as_ref(), count.parse().expect("a number of files"));
        }
        ["measure", ref command @ ..] => measure::child(command),
        _ => panic!("`bench` takes no arguments, or `cookbooks`, or `memory`"),
    }
    ExitCode::SUCCESS
}

fn here(folder: &tempfile::TempDir) -> run::Bench {
    let binary = toque_acceptance::toque_binary();
    println!("toque: {}\nfiles: {}\n", binary.display(), folder.path().display());
    run::Bench { binary, folder: folder.path().to_owned() }
}

/// Prints all figures; a target that is missed is a failure.
fn bench() -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let bench = here(&folder);

    report::heading();
    let empty = bench.empty();
    report::row("empty run list", &empty, None);
    let facts = bench.facts();
    report::row("all facts", &run::Taken::of(&facts), None);
    let mut no_ops = Vec::new();
    for count in [100, 1_000, 10_000] {
        let (first, no_op) = bench.files(count);
        report::row(
            &format!("{} files, first", report::thousands(count)),
            &first.toque,
            Some(&first.floor),
        );
        report::row(
            &format!("{} files, no-op", report::thousands(count)),
            &no_op.toque,
            Some(&no_op.floor),
        );
        no_ops.push((count, no_op));
    }
    report::row(
        "the loop of 10,000 alone",
        &bench.language(10_000),
        no_ops.last().map(|(_, both)| &both.floor),
    );
    let (first, no_op) = bench.templates(1_000);
    report::row("1,000 templates, first", &first.toque, Some(&first.floor));
    report::row("1,000 templates, no-op", &no_op.toque, Some(&no_op.floor));
    let cookbook = bench.cookbook();
    report::row(
        &format!("{} recipes, {} custom", cookbook::RECIPES, cookbook::USES),
        &cookbook,
        None,
    );
    let (read, searched) = bench.search();
    report::row(&format!("reading {} items", report::thousands(bag::ITEMS)), &read, None);
    report::row(&format!("and {} searches", bag::SEARCHES), &searched, None);
    match bench.packages(200) {
        Some(no_op) => report::row("200 packages, no-op", &no_op, None),
        None => println!("200 packages: this machine has no dpkg-query, or not so many packages"),
    }
    let deployed = bench.deploy();
    report::row(
        &format!("deploying {} files", report::thousands(deploy::FILES)),
        &deployed.toque,
        Some(&deployed.floor),
    );

    let (resolved, cold) = cookbooks(&bench);
    let large_files = memory::show(&bench.binary, &bench.folder);

    println!("\nPer file of a no-op, less the empty run:");
    for (count, both) in &no_ops {
        let each = |seconds: f64| (seconds - empty.cpu) * 1e6 / f64::from(*count);
        println!("  {:>6} files: {:5.1} µs", report::thousands(*count), each(both.toque.cpu));
    }

    let (_, largest) = &no_ops[no_ops.len() - 1];
    let met = targets::show(&targets::Found {
        large_files,
        ratio: largest.toque.cpu / largest.floor.cpu,
        peak: largest.toque.peak,
        empty: empty.wall,
        facts: facts.wall,
        compile: cookbook.compile,
        growth: {
            let each =
                |index: usize| (no_ops[index].1.toque.cpu - empty.cpu) / f64::from(no_ops[index].0);
            each(2) / each(1)
        },
        deploy: deployed.toque.wall / deployed.floor.wall,
        search: (searched.compile - read.compile) / f64::from(bag::SEARCHES),
        resolved,
        cold,
        webserver: webserver::no_op(&bench.binary),
    });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what choosing and fetching cookbooks takes: the choosing, and the seconds of wall of all
/// of it with an empty cache.
fn cookbooks(bench: &run::Bench) -> (universe::Resolved, f64) {
    let (cold, fetched) = cold::install(&bench.binary, &bench.folder);
    println!(
        "\nChoosing {} cookbooks with an empty cache, and fetching all {fetched} that it takes:",
        universe::REQUESTED
    );
    println!(
        "  {:.1} ms, {:.1} ms of CPU, {:.1} MB",
        cold.wall * 1e3,
        cold.cpu * 1e3,
        report::megabytes(cold.peak)
    );
    let resolved = universe::resolve();
    let universes =
        format!("{} universes of {}", universe::UNIVERSES, report::thousands(universe::COOKBOOKS));
    println!("Resolving {} cookbooks in {universes}, the worst of each:", universe::REQUESTED);
    println!(
        "  {:.1} ms, a conflict explained in {:.1} ms",
        resolved.solved * 1e3,
        resolved.explained * 1e3
    );
    println!(
        "  {} choices for {} cookbooks: the newest do not go together",
        resolved.steps, resolved.chosen
    );
    (resolved, cold.wall)
}
