//! Converges `examples/stack` on throwaway machines, one for each instance, and shows each step.

use toque_acceptance::stack::Stack;

const EVERYWHERE: [&str; 4] = ["db1", "web1", "web2", "lb1"];
const WEB: [&str; 2] = ["web1", "web2"];

fn main() {
    say(
        "Four machines on a bridge of their own, from which no way leads out, and a fifth that serves the app's repository.",
    );
    let stack = Stack::boot(show);
    stack.run("web1", "cat stack.json");
    say("What the layer `web` does when an app is deployed.");
    stack.run("web1", "cat cookbooks/shop/recipes/deploy.rhai");

    say("Setup, everywhere. It ends with a deploy.");
    stack.converge_each(&EVERYWHERE, "setup");
    say(
        "Configure, everywhere. It changes nothing: the document has said from the beginning who is online.",
    );
    stack.converge_each(&EVERYWHERE, "configure");
    say("Requests go to both instances in turn, which share a database.");
    stack.order("lamp");
    let answers = stack.requests(4);
    assert!(
        WEB.iter().all(|name| answers.iter().any(|answer| answer.contains(name))),
        "{answers:?}"
    );

    say("The app has a new version. The stack is told, and it is deployed.");
    stack.publish_v2();
    stack.edit("s/\"v1\"/\"v2\"/");
    stack.converge_each(&WEB, "deploy --app shop");
    assert!(stack.requests(4).iter().all(|answer| answer.contains("v2")));

    say("It was not a good one. Back.");
    stack.converge_each(&WEB, "rollback --app shop");
    assert!(stack.requests(4).iter().all(|answer| answer.contains("v1")));
    say("Another setup keeps that, although the stack still says v2.");
    let held = stack.converge_each(&WEB, "setup");
    assert!(held.iter().all(|output| output.contains("held: v2")));
    assert!(stack.requests(4).iter().all(|answer| answer.contains("v1")));

    say("An instance goes offline. The others are told.");
    stack.converge("web2", "shutdown");
    stack.edit("/\"web2\"/s/online/stopped/");
    stack.converge_each(&["db1", "web1", "lb1"], "configure");
    stack.run("lb1", "grep check /etc/haproxy/haproxy.cfg");
    assert!(stack.requests(4).iter().all(|answer| answer.contains("web1")));
    say("The machines go, and nothing of them stays.");
}

fn say(text: &str) {
    show(&format!("\n# {text}"));
}

#[expect(clippy::print_stdout, reason = "this is what the demonstration is for")]
fn show(line: &str) {
    println!("{line}");
}
