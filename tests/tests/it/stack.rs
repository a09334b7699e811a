//! `examples/stack`: events of a stack of four machines, from empty ones on.

use std::cell::RefCell;
use std::rc::Rc;

use toque_acceptance::stack::{PASSWORD, Stack};

const EVERYWHERE: [&str; 4] = ["db1", "web1", "web2", "lb1"];
const WEB: [&str; 2] = ["web1", "web2"];

#[test]
fn a_stack_follows_its_document_event_by_event() {
    let written = Rc::new(RefCell::new(String::new()));
    let log = Rc::clone(&written);
    let stack = Stack::boot(move |line| {
        log.borrow_mut().push_str(line);
        log.borrow_mut().push('\n');
    });

    // A setup installs, configures and deploys. Of two instances, the first one migrates.
    let setup = stack.converge_each(&EVERYWHERE, "setup");
    let migrating: Vec<bool> = setup.iter().map(|output| output.contains("migrate")).collect();
    assert_eq!(migrating, [false, true, false, false], "{setup:?}");
    for output in stack
        .converge_each(&EVERYWHERE, "configure")
        .iter()
        .chain(&stack.converge_each(&EVERYWHERE, "setup"))
    {
        assert!(output.contains(" 0 changed"), "there was nothing left to do: {output}");
    }
    for (one, other) in [("web1", "db1"), ("lb1", "web2"), ("db1", "lb1")] {
        assert_eq!(
            stack.run(one, &format!("getent hosts {other}")).split_whitespace().nth(1),
            Some(other)
        );
    }

    // Both answer in turn, from one database.
    assert_eq!(served(&stack), ["shop v1 on web1: 0 orders", "shop v1 on web2: 0 orders"]);
    let taken = stack.order("lamp");
    assert!(taken.ends_with("took an order: lamp\n"), "{taken}");
    assert_eq!(served(&stack), ["shop v1 on web1: 1 orders", "shop v1 on web2: 1 orders"]);

    // A new version comes when the document names it and it is asked for.
    stack.publish_v2();
    assert!(stack.converge("web1", "setup").contains(" 0 changed"));
    stack.edit("s/\"v1\"/\"v2\"/");
    let deploy = stack.converge_each(&WEB, "deploy --app shop");
    assert!(deploy[0].contains("migrate") && !deploy[1].contains("migrate"), "{deploy:?}");
    assert_eq!(served(&stack), ["shop v2 on web1: 1 orders", "shop v2 on web2: 1 orders"]);
    let columns = "psql -tAc 'SELECT note FROM orders' shop";
    stack.run("db1", &format!("runuser -u postgres -- {columns}"));

    // A rollback holds against all that is not a deploy of the app.
    stack.converge_each(&WEB, "rollback --app shop");
    let rolled_back = ["shop v1 on web1: 1 orders", "shop v1 on web2: 1 orders"];
    assert_eq!(served(&stack), rolled_back);
    for output in stack.converge_each(&WEB, "setup") {
        assert!(output.contains("held: v2 was rolled back"), "{output}");
    }
    stack.converge_each(&EVERYWHERE, "configure");
    assert_eq!(served(&stack), rolled_back);
    stack.converge_each(&WEB, "deploy --app shop");
    assert_eq!(served(&stack), ["shop v2 on web1: 1 orders", "shop v2 on web2: 1 orders"]);
    // The release that was left is still there: nothing is fetched twice, and nothing is migrated
    // twice.
    stack.converge_each(&WEB, "rollback --app shop");
    assert_eq!(served(&stack), rolled_back);

    // Who is offline is given nothing, and may not connect.
    stack.converge("web2", "shutdown");
    stack.edit("/\"web2\"/s/online/stopped/");
    stack.converge_each(&["db1", "web1", "lb1"], "configure");
    assert_eq!(served(&stack), rolled_back[..1]);
    assert_eq!(stack.run("lb1", "grep check /etc/haproxy/haproxy.cfg").lines().count(), 1);
    assert!(!stack.run("db1", "cat /etc/postgresql/15/main/pg_hba.conf").contains("10.0.0.12"));
    assert!(!stack.run("web1", "cat /etc/hosts").contains("web2"));
    // Back online, it is set up again, and the rollback still holds.
    stack.edit("/\"web2\"/s/stopped/online/");
    stack.converge_each(&["db1", "web1", "lb1"], "configure");
    stack.converge("web2", "setup");
    assert_eq!(served(&stack), rolled_back);
    assert!(stack.converge("web2", "setup").contains(" 0 changed"));

    // An app goes as a whole.
    stack.converge("web2", "undeploy --app shop");
    assert!(!stack.host("web2").exists("/srv/www/shop"));
    assert_eq!(served(&stack), rolled_back[..1]);

    // What is secret is where it has to be, and nowhere else.
    let mark = PASSWORD.split(':').next().expect("a text has a first part");
    assert!(!written.borrow().contains(mark), "{}", written.borrow());
    let (kept, used) = ("/etc/toque/shop-database", "/srv/www/shop/shared/app.env");
    for (instance, meant) in
        [("db1", &[kept][..]), ("web1", &[kept, used]), ("web2", &[kept]), ("lb1", &[])]
    {
        let host = stack.host(instance);
        let found = host
            .run([
                "grep",
                "-rlF",
                "--exclude-dir=proc",
                "--exclude-dir=sys",
                "--exclude-dir=dev",
                mark,
                "/",
            ])
            .stdout;
        let mut found: Vec<&str> = found.lines().collect();
        found.sort_unstable();
        assert_eq!(found, meant, "{instance}");
        for path in meant {
            assert_eq!(host.ok(["stat", "-c", "%a", path]).stdout, "600\n", "{path} of {instance}");
        }
    }
}

/// Who answers with what, each once, in order.
#[track_caller]
fn served(stack: &Stack) -> Vec<String> {
    let mut answers = stack.requests(6);
    answers.sort();
    answers.dedup();
    answers
}
