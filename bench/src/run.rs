//! The cases: each makes a repository, and runs Toque and the floor on it in turns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{self, Usage};
use crate::{bag, cookbook, deploy, files};

/// Enough for the least of them to be undisturbed.
const RUNS: usize = 9;

/// What is measured, and where.
pub(crate) struct Bench {
    pub binary: PathBuf,
    pub folder: PathBuf,
}

/// What Toque took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub wall: f64,
    pub cpu: f64,
    pub peak: u64,
    /// Seconds of the wall, as the report of the run tells them.
    pub compile: f64,
    pub converge: f64,
}

/// Toque and the floor, measured in turns.
pub(crate) struct Both {
    pub toque: Taken,
    pub floor: Usage,
}

impl Bench {
    /// Nothing to do at all.
    pub(crate) fn empty(&self) -> Taken {
        let repository = self.repository("empty", "");
        least(RUNS * 2, || self.toque(&repository, &[]))
    }

    /// All facts of this machine, as `toque facts` reads them.
    pub(crate) fn facts(&self) -> Usage {
        let words = [self.binary.as_os_str(), "facts".as_ref()];
        (1..RUNS).fold(measure::run(&words), |least, _| least.least(measure::run(&words)))
    }

    /// As many `file` resources: the first converge and one that finds them up to date.
    pub(crate) fn files(&self, count: u32) -> (Both, Both) {
        let name = format!("files-{count}");
        let repository = self.repository(&name, "");
        let out = made(&repository.join("out"));
        fs::write(repository.join(RECIPE), files::recipe(&out, count))
            .expect("the recipe can be written");
        self.first_and_no_op(&repository, &out, count)
    }

    /// As many `template` resources.
    pub(crate) fn templates(&self, count: u32) -> (Both, Both) {
        let repository = self.repository("templates", "");
        let out = made(&repository.join("out"));
        fs::write(repository.join(RECIPE), files::template_recipe(&out, count))
            .expect("the recipe can be written");
        let templates = made(&repository.join("cookbooks/bench/templates"));
        fs::write(templates.join("file.hbs"), files::template())
            .expect("the template can be written");
        self.first_and_no_op(&repository, &out, count)
    }

    /// A loop that makes the values of as many resources, and declares none.
    pub(crate) fn language(&self, count: u32) -> Taken {
        let repository = self.repository(
            "language",
            &files::loop_alone(&self.folder.join("files-10000/out"), count),
        );
        least(RUNS, || self.toque(&repository, &["bench"]))
    }

    /// A cookbook of many recipes and custom resources, when all is up to date.
    pub(crate) fn cookbook(&self) -> Taken {
        let repository = self.repository("cookbook", "");
        cookbook::write(&repository, &made(&repository.join("out")));
        self.toque(&repository, &["bench"]);
        least(RUNS, || self.toque(&repository, &["bench"]))
    }

    /// As many packages that this machine has.
    pub(crate) fn packages(&self, count: usize) -> Option<Taken> {
        let listed = Command::new("dpkg-query")
            .args(["-W", "-f", "${db:Status-Abbrev} ${Package}\\n"])
            .output()
            .ok()?;
        let listed = String::from_utf8_lossy(&listed.stdout);
        let mut names: Vec<String> = listed
            .lines()
            .filter_map(|line| line.strip_prefix("ii  "))
            .map(str::to_owned)
            .collect();
        names.dedup();
        names.truncate(count);
        if names.len() < count {
            return None;
        }
        let repository = self.repository("packages", &files::package_recipe(&names));
        Some(least(3, || self.toque(&repository, &["bench"])))
    }

    fn first_and_no_op(&self, repository: &Path, out: &Path, count: u32) -> (Both, Both) {
        let bare = made(&repository.join("bare"));
        // Every file is synced, so that many of them take minutes, and their number evens out what
        // disturbs one.
        let firsts = if count < 1_000 { 3 } else { 1 };
        let first = in_turns(firsts, || {
            emptied(out);
            emptied(&bare);
            (self.toque(repository, &["bench"]), floor("write", &bare, count))
        });
        // The very same files.
        let no_op =
            in_turns(RUNS, || (self.toque(repository, &["bench"]), floor("check", out, count)));
        (first, no_op)
    }

    /// One converge.
    fn toque(&self, repository: &Path, run_list: &[&str]) -> Taken {
        let state = repository.join("state");
        let mut words = vec![
            self.binary.as_os_str(),
            "converge".as_ref(),
            "--repo".as_ref(),
            repository.as_os_str(),
        ];
        words.extend(["--state-dir".as_ref(), state.as_os_str()]);
        words.extend(run_list.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
        let usage = measure::run(&words);
        let report = newest_report(&state.join("runs"));
        let (compile, converge) =
            (number(&report, "compile_seconds"), number(&report, "converge_seconds"));
        Taken { wall: usage.wall, cpu: usage.cpu, peak: usage.peak, compile, converge }
    }

    /// A large data bag: one search that finds all of it, for which it is read, and that with more
    /// searches.
    pub(crate) fn search(&self) -> (Taken, Taken) {
        let repository = self.repository("search", "");
        bag::write(&repository);
        let searches = |count: u32| {
            fs::write(repository.join(RECIPE), bag::recipe(count))
                .expect("the recipe can be written");
            least(RUNS, || self.toque(&repository, &["bench"]))
        };
        (searches(0), searches(bag::SEARCHES))
    }

    /// An app that is deployed for the first time, and `git clone` of the same repository in its
    /// place.
    pub(crate) fn deploy(&self) -> Both {
        let repository = self.repository("deploy", "");
        let (origin, out) = (made(&repository.join("origin")), repository.join("out"));
        deploy::write(&origin);
        fs::write(repository.join(RECIPE), deploy::recipe(&origin, &out.join("app")))
            .expect("the recipe can be written");
        made(&out);
        in_turns(RUNS, || {
            emptied(&out);
            let clone = [
                "git".as_ref(),
                "clone".as_ref(),
                "-q".as_ref(),
                origin.as_os_str(),
                out.as_os_str(),
            ];
            let floor = measure::run(&clone);
            emptied(&out);
            (self.toque(&repository, &["bench"]), floor)
        })
    }

    /// A repository of one cookbook with one recipe.
    fn repository(&self, name: &str, recipe: &str) -> PathBuf {
        let repository = self.folder.join(name);
        made(&repository.join("cookbooks/bench/recipes"));
        fs::write(
            repository.join("cookbooks/bench/cookbook.toml"),
            "name = \"bench\"\nversion = \"1.0.0\"\n",
        )
        .expect("the cookbook can be written");
        fs::write(repository.join(RECIPE), recipe).expect("the recipe can be written");
        repository
    }
}

const RECIPE: &str = "cookbooks/bench/recipes/default.rhai";

fn floor(action: &str, folder: &Path, count: u32) -> Usage {
    let program = std::env::current_exe().expect("the path of this program");
    let count = count.to_string();
    measure::run(&[
        program.as_os_str(),
        "floor".as_ref(),
        action.as_ref(),
        folder.as_os_str(),
        count.as_ref(),
    ])
}

fn least(runs: usize, mut run: impl FnMut() -> Taken) -> Taken {
    (1..runs).fold(run(), |least, _| least.least(run()))
}

fn in_turns(runs: usize, mut run: impl FnMut() -> (Taken, Usage)) -> Both {
    let (mut toque, mut floor) = run();
    for _ in 1..runs {
        let next = run();
        (toque, floor) = (toque.least(next.0), floor.least(next.1));
    }
    Both { toque, floor }
}

impl Taken {
    /// What a command took that is no run.
    pub(crate) fn of(usage: &Usage) -> Self {
        Self { wall: usage.wall, cpu: usage.cpu, peak: usage.peak, compile: 0.0, converge: 0.0 }
    }

    fn least(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            peak: self.peak.min(other.peak),
            compile: self.compile.min(other.compile),
            converge: self.converge.min(other.converge),
        }
    }
}

fn made(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).expect("the folder can be made");
    folder.to_owned()
}

fn emptied(folder: &Path) {
    fs::remove_dir_all(folder).expect("the folder can be removed");
    made(folder);
}

/// The text of the last run's report.
fn newest_report(runs: &Path) -> String {
    let entries = fs::read_dir(runs).expect("the run is kept").flatten();
    let newest = entries.map(|entry| entry.path()).max().expect("the run is kept");
    fs::read_to_string(newest).expect("the report can be read")
}

/// A number of a report; these stand before the records, so the first of its name is meant.
fn number(report: &str, name: &str) -> f64 {
    let (_, rest) = report.split_once(&format!("\"{name}\":")).expect("the report tells it");
    rest.split([',', '}']).next().and_then(|text| text.trim().parse().ok()).expect("it is a number")
}
