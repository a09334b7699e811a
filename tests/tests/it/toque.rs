//! Toque on a host, as a user runs it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use toque_acceptance::{Background, Host, Image, Output, toque_binary};

/// Where tests write the repository that they converge.
pub(super) const REPOSITORY: &str = "/srv/cookbooks";

/// A host that has toque.
pub(super) fn host(image: Image) -> Host {
    let host = Host::boot(image);
    equip(&host);
    host
}

/// Gives a host toque.
pub(super) fn equip(host: &Host) {
    host.copy_in(toque_binary(), "/usr/local/bin/toque");
}

/// A folder below `examples/`.
pub(super) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// A run that has ended, with its report.
#[derive(Debug)]
pub(super) struct Run {
    pub output: Output,
    pub report: Value,
}

impl Run {
    pub(super) fn code(&self) -> Option<i32> {
        self.output.code()
    }

    /// What the report counts, such as `changed`.
    pub(super) fn count(&self, what: &str) -> u64 {
        self.report["counts"][what]
            .as_u64()
            .unwrap_or_else(|| panic!("no count `{what}`: {}", self.output))
    }

    /// The resources with a record of this status, once each.
    pub(super) fn with(&self, status: &str) -> Vec<&str> {
        let records = self.report["resources"].as_array().map_or(&[][..], Vec::as_slice);
        let mut names: Vec<&str> = Vec::new();
        for record in records.iter().filter(|record| record["status"] == status) {
            let name = record["resource"].as_str().expect("a record names its resource");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The statuses of what was done to a resource, in order, each as `action: status`.
    pub(super) fn of(&self, resource: &str) -> Vec<String> {
        let records = self.report["resources"].as_array().map_or(&[][..], Vec::as_slice);
        let records = records.iter().filter(|record| record["resource"] == resource);
        records
            .map(|record| {
                format!(
                    "{}: {}",
                    record["action"].as_str().unwrap_or("?"),
                    record["status"].as_str().unwrap_or("?")
                )
            })
            .collect()
    }

    /// Panics unless the run went well.
    #[track_caller]
    pub(super) fn well(self) -> Run {
        assert_eq!(self.code(), Some(0), "{}", self.output);
        self
    }

    /// Panics unless the run went well and changed nothing.
    #[track_caller]
    pub(super) fn idle(self) {
        assert_eq!((self.code(), self.with("changed")), (Some(0), vec![]), "{}", self.output);
    }

    /// Panics unless the run failed with this exit code, with each of `parts` in its messages and
    /// one error in all.
    #[track_caller]
    pub(super) fn fails(self, code: i32, parts: &[&str]) -> Run {
        assert_eq!(self.code(), Some(code), "{}", self.output);
        for part in parts {
            assert!(self.output.stderr.contains(part), "nothing says {part:?}: {}", self.output);
        }
        let errors = self.output.stderr.lines().filter(|line| line.starts_with("error")).count();
        assert_eq!(errors, 1, "one error is clear, {errors} are not: {}", self.output);
        self
    }
}

const REPORT: &str = "/tmp/report.json";

/// Runs toque; `words` are a command that writes a report, and its arguments.
#[track_caller]
pub(super) fn toque(host: &Host, words: &[&str]) -> Run {
    host.run(["rm", "-f", REPORT]);
    let words = [&["toque"], words, &["--report", REPORT]].concat();
    read(host, host.run(words))
}

/// The report of a run that has ended.
pub(super) fn read(host: &Host, output: Output) -> Run {
    let report = host.run(["cat", REPORT]).stdout;
    Run { report: serde_json::from_str(&report).unwrap_or_default(), output }
}

/// Starts toque and leaves it running.
pub(super) fn start(host: &Host, words: &[&str]) -> Background {
    host.spawn([&["toque"], words, &["--report", REPORT]].concat())
}

/// Converges one recipe that belongs to no cookbook.
#[track_caller]
pub(super) fn apply(host: &Host, recipe: &str) -> Run {
    host.write("/root/recipe.rhai", recipe);
    toque(host, &["apply", "/root/recipe.rhai"])
}

/// Plans one recipe that belongs to no cookbook.
#[track_caller]
pub(super) fn plan(host: &Host, recipe: &str) -> Run {
    host.write("/root/recipe.rhai", recipe);
    toque(host, &["apply", "--plan", "/root/recipe.rhai"])
}

/// Plans and converges a recipe, and holds the one against the other; a second converge must have
/// nothing to do.
#[track_caller]
pub(super) fn settle(host: &Host, recipe: &str) -> Run {
    let planned = plan(host, recipe).well();
    let run = apply(host, recipe).well();
    faithful(&planned, &run);
    apply(host, recipe).idle();
    run
}

/// Converges the cookbook `probe` of the repository that [`put`] has written to.
#[track_caller]
pub(super) fn converge(host: &Host) -> Run {
    toque(host, &["converge", "--repo", REPOSITORY, "probe"])
}

/// Writes a file of the cookbook `probe`, which comes to be with its first file.
#[track_caller]
pub(super) fn put(host: &Host, path: &str, text: &str) {
    let cookbook = format!("{REPOSITORY}/cookbooks/probe");
    if !host.exists(&cookbook) {
        host.write(format!("{cookbook}/cookbook.toml"), "name = \"probe\"\nversion = \"1.0.0\"\n");
    }
    host.write(format!("{cookbook}/{path}"), text);
}

/// Panics unless converge changed all that the plan said it would, and nothing that the plan did
/// not foresee.
#[track_caller]
pub(super) fn faithful(planned: &Run, run: &Run) {
    let (would, may, changed) =
        (planned.with("would-change"), planned.with("may-change"), run.with("changed"));
    for resource in &would {
        assert!(
            changed.contains(resource),
            "{resource} was to change and did not\n{}\n{}",
            planned.output,
            run.output
        );
    }
    for resource in &changed {
        let foreseen = would.contains(resource) || may.contains(resource);
        assert!(
            foreseen,
            "{resource} changed and no plan said so\n{}\n{}",
            planned.output, run.output
        );
    }
}
