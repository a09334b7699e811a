//! Converges `examples/webserver` on a throwaway machine, and shows each step.

use std::path::Path;

use toque_acceptance::{Host, Image, toque_binary};

fn main() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/webserver");
    say("A machine of its own: Debian 12 with systemd, and nothing else.");
    let host = Host::boot(Image::Debian12);
    host.copy_in(toque_binary(), "/usr/local/bin/toque");
    host.copy_in(&example, "/srv/webserver");
    run(&host, "cat cookbooks/webserver/recipes/default.rhai");

    say("What would happen? A plan changes nothing.");
    run(&host, "toque plan");
    say("Make it so.");
    run(&host, "toque converge");
    say("The page is served. (Fetching it takes a package, too.)");
    run(&host, "toque apply -e 'package(\"curl\")'");
    run(&host, "curl --silent http://localhost/");
    say("Once more: there is nothing left to do.");
    let again = run(&host, "toque converge");
    assert!(again.contains(" 0 changed"), "the second run should have found nothing to do");
    say("The machine goes, and nothing of it stays.");
}

#[expect(clippy::print_stdout, reason = "this is what the demonstration is for")]
fn say(text: &str) {
    println!("\n# {text}");
}

/// Runs a shell line in the repository and shows it with what it writes, which is returned.
#[expect(clippy::print_stdout, reason = "this is what the demonstration is for")]
fn run(host: &Host, line: &str) -> String {
    println!("$ {line}");
    let output = host.ok(["sh", "-c", &format!("cd /srv/webserver && {line} 2>&1")]);
    let mut removed = 0;
    for line in output.stdout.lines() {
        // The page that the package brings, and that makes room for this one, is long.
        removed = if line.starts_with("      -") { removed + 1 } else { 0 };
        match removed {
            ..4 => println!("  {line}"),
            4 => println!("        …"),
            _ => {}
        }
    }
    output.stdout
}
