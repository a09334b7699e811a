//! Choosing versions: the cookbooks that sources offer, the solver, and the explanation when no
//! versions go together.

pub mod catalog;
mod conflict;
mod explain;
mod hints;
mod sentences;
mod solver;
pub mod target_platforms;
mod version_set;

use std::time::{Duration, Instant};

use toque_core::cancel::CancelToken;
use toque_core::deep_stack::with_stack;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;

use self::catalog::Catalog;
use self::solver::{NoSolution, Problem, SolverState};
pub use self::solver::{Preferred, Requirement, Solution};

/// How long a solution is looked for. What people write takes less than a tenth of a second.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to find out which requirements are to blame and what would help. An
/// explanation that is longer than it could be is better than one that does not come.
const EXPLAINING: Duration = Duration::from_millis(500);
/// Bytes: a reason is as deep as the longest way from a requirement to what it comes to.
const STACK: usize = 128 * 1024 * 1024;

/// Chooses versions that satisfy all requirements and all that depends on them, in this order: what
/// is to move as new as possible, what is locked as it was, what is required as new as possible,
/// each as far as those before allow. Cookbooks may depend on one another in a circle. What the
/// machines of the catalog cannot use is passed over.
/// # Errors
/// When there is none, why, and what would help.
pub fn solve(
    catalog: &Catalog,
    requirements: &[Requirement],
    preferred: &Preferred,
) -> Result<Solution, Diagnostic> {
    solve_until(&CancelToken::default(), catalog, requirements, preferred)
}

/// The same, which is given up once a stop is requested.
/// # Errors
/// As [`solve`], and when it was stopped.
pub fn solve_until(
    stop: &CancelToken,
    catalog: &Catalog,
    requirements: &[Requirement],
    preferred: &Preferred,
) -> Result<Solution, Diagnostic> {
    solve_in_steps(stop, catalog, requirements, preferred).0
}

/// The same, with the number of steps that it took, without those of the explanation.
pub fn solve_in_steps(
    stop: &CancelToken,
    catalog: &Catalog,
    requirements: &[Requirement],
    preferred: &Preferred,
) -> (Result<Solution, Diagnostic>, u64) {
    let state = SolverState::new(stop, PATIENCE);
    let problem = Problem {
        catalog,
        targets: catalog.targets.clone(),
        requirements: requirements.iter().collect(),
        preferred,
        relaxed: None,
        state: &state,
    };
    with_stack(STACK, || {
        let solved = problem.solve();
        let steps = state.steps.get();
        let solved = solved.map_err(|no_solution| match no_solution {
            NoSolution::Impossible(reason) => {
                state.until.set(Instant::now() + EXPLAINING);
                explain::explain(&problem, &reason)
            }
            NoSolution::GivenUp if stop.requested() => {
                let message = "it was stopped before versions that go together were found";
                Failure { interrupted: true, ..Failure::new(message) }.into()
            }
            NoSolution::GivenUp => {
                let (seconds, count) = (PATIENCE.as_secs(), requirements.len());
                Diagnostic::error(format!("no versions that go together were found in {seconds} seconds, and not that there are none"))
                    .note(format!("for the {count} cookbooks that are asked for; {steps} choices were made"))
                    .hint("ask for narrower constraints in Cookfile.toml, so that less has to be tried")
            }
        });
        (solved, steps)
    })
    .unwrap_or_else(|failure| (Err(failure.into()), 0))
}
