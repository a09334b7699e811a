//! What must hold.

use crate::report::{self, megabytes};
use crate::universe::{self, Resolved};
use crate::{bag, cookbook, deploy};

/// What was found.
pub(crate) struct Found {
    /// Bytes that the most expensive of the large files takes above a small one.
    pub large_files: u64,
    /// Of the no-op of 10,000 files, to the floor's CPU.
    pub ratio: f64,
    /// Of the same, in bytes.
    pub peak: u64,
    /// Seconds of wall of an empty run.
    pub empty: f64,
    /// Seconds of wall of reading all facts.
    pub facts: f64,
    /// Seconds of compiling the large cookbook.
    pub compile: f64,
    /// What a file costs among 10,000, to one among 1,000.
    pub growth: f64,
    /// Seconds of wall of deploying an app, to those of `git clone`.
    pub deploy: f64,
    /// Seconds of one search of the large data bag, which was read before.
    pub search: f64,
    /// Choosing versions in a universe of the size of the public one.
    pub resolved: Resolved,
    /// Seconds of wall of an install with an empty cache.
    pub cold: f64,
    /// Seconds of wall of the no-op of `examples/webserver`, or why it was not measured.
    pub webserver: Result<f64, String>,
}

/// Shows each figure with its target, and tells whether all are met.
pub(crate) fn show(found: &Found) -> bool {
    println!("\nTargets:");
    let mut met = true;
    let mut target = |what: &str, figure: String, wanted: &str, holds: bool| {
        println!("  {} {what}: {figure} (target: {wanted})", if holds { "PASS" } else { "OVER" });
        met &= holds;
    };
    let goal = if found.ratio <= 2.0 { "reached" } else { "not reached" };
    let wanted = format!("at most 3.00 ×; the goal of 2.00 × is {goal}");
    target(
        "no-op of 10,000 files",
        format!("{:.2} × the floor's CPU", found.ratio),
        &wanted,
        found.ratio <= 3.0,
    );
    target(
        "its peak memory",
        format!("{:.1} MB", megabytes(found.peak)),
        "under 80 MB",
        found.peak < 80_000_000,
    );
    target(
        "memory of any large file, above a small one",
        format!("{:.1} MB", megabytes(found.large_files)),
        "at most 64 MiB",
        found.large_files <= 64 << 20,
    );
    target("empty run", format!("{:.1} ms", found.empty * 1e3), "under 10 ms", found.empty < 0.010);
    target(
        "all facts of this machine",
        format!("{:.1} ms", found.facts * 1e3),
        "under 60 ms",
        found.facts < 0.060,
    );
    let what =
        format!("compiling {} recipes with {} custom resources", cookbook::RECIPES, cookbook::USES);
    target(&what, format!("{:.1} ms", found.compile * 1e3), "under 500 ms", found.compile < 0.5);
    let growth = format!("{:.2} × what one among 1,000 costs", found.growth);
    target("a file among 10,000", growth, "linear: at most 1.25 ×", found.growth <= 1.25);
    let what = format!("{} items searched", report::thousands(bag::ITEMS));
    target(&what, format!("{:.1} ms", found.search * 1e3), "under 50 ms", found.search < 0.05);
    let what = format!("deploying {} files", report::thousands(deploy::FILES));
    target(
        &what,
        format!("{:.2} × `git clone`", found.deploy),
        "at most 1.30 ×",
        found.deploy <= 1.3,
    );
    let what = format!(
        "resolving {} cookbooks among {}",
        universe::REQUESTED,
        report::thousands(universe::COOKBOOKS)
    );
    target(
        &what,
        format!("{:.1} ms", found.resolved.solved * 1e3),
        "under 150 ms",
        found.resolved.solved < 0.15,
    );
    let figure = format!("{:.1} ms", found.resolved.explained * 1e3);
    target("explaining a conflict among them", figure, "under 1 s", found.resolved.explained < 1.0);
    let what = format!("installing {} of them with an empty cache", universe::REQUESTED);
    target(&what, format!("{:.1} ms", found.cold * 1e3), "under 1 s", found.cold < 1.0);
    match &found.webserver {
        Ok(wall) => target(
            "no-op of examples/webserver",
            format!("{:.1} ms", wall * 1e3),
            "under 100 ms",
            *wall < 0.1,
        ),
        Err(why) => println!("  ---- no-op of examples/webserver: not measured, {why}"),
    }
    met
}
