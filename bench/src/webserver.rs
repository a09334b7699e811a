//! The no-op of `examples/webserver`, on a host of its own.

use std::panic;
use std::path::Path;

use toque_acceptance::{Host, Image};

/// Seconds of wall, or why it cannot be told here.
pub(crate) fn no_op(binary: &Path) -> Result<f64, String> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/webserver");
    if !example.exists() {
        return Err("it is not there".to_owned());
    }
    let host = panic::catch_unwind(|| Host::boot(Image::Debian12))
        .map_err(|_| "a host does not boot here".to_owned())?;
    host.copy_in(binary, "/usr/local/bin/toque");
    host.copy_in(&example, "/srv/webserver");
    host.ok(["toque", "converge", "--repo", "/srv/webserver"]);
    // Timed within the host: coming into it takes longer than the run.
    let script = "s=$(date +%s%N); toque converge --repo /srv/webserver > /dev/null; e=$(date +%s%N); echo $((e - s))";
    let nanoseconds = (0..5).filter_map(|_| host.sh(script).trim().parse::<u64>().ok()).min();
    nanoseconds
        .map(|nanoseconds| nanoseconds as f64 / 1e9)
        .ok_or_else(|| "the host's clock tells nothing".to_owned())
}
