//! `service` by systemd, and `systemd_unit`.

use std::io::ErrorKind;
use std::path::Path;

use toque_contract::report::Status;
use toque_machine::system::{Operation, Query};

use crate::{converges, fails, fresh, planned};

#[test]
fn a_service_that_its_package_starts_may_change() {
    let recipe = r#"package("web"); service("web", #{ action: ["enable", "start"] });"#;
    assert_eq!(planned(&fresh(), recipe, Status::MayChange).len(), 2);
    let (machine, lines) = converges(&fresh(), recipe);
    assert_eq!(lines, ["install package `web` 2.0"]);
    let (machine, lines) =
        converges(&machine, r#"service("web", #{ action: ["stop", "disable"] });"#);
    assert_eq!(lines, ["stop service `web`", "disable service `web`"]);
    let (machine, _) = converges(&machine, r#"service("web", #{ action: "mask" });"#);
    assert!(fails(&machine, r#"service("web", #{ action: "start" });"#).contains("it is masked"));
    converges(&machine, r#"service("web", #{ action: ["unmask", "enable", "start"] });"#);
    let said = fails(&machine, r#"service("wen", #{ action: "start" });"#);
    assert!(said.contains("there is no service `wen`"), "{said}");
    assert!(said.contains("did you mean `web.service`?"), "{said}");
}

#[test]
fn writes_units_and_runs_them() {
    let recipe = r#"
        systemd_unit("job.service", #{
            content: #{ Service: #{ ExecStart: "/bin/true" }, Install: #{ WantedBy: "multi-user.target" } },
            action: ["create", "enable", "start"],
        });
        service("job", #{ action: ["enable", "start"] });
    "#;
    assert!(planned(&fresh(), recipe, Status::MayChange).is_empty());
    let (machine, lines) = converges(&fresh(), recipe);
    assert_eq!(
        lines,
        [
            "create unit file `/etc/systemd/system/job.service`",
            "enable unit `job.service`",
            "start unit `job.service`"
        ]
    );
    let text = "[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n";
    assert_eq!(machine.text("/etc/systemd/system/job.service"), text);
    let said = fails(
        &machine,
        r#"systemd_unit("job.service", #{ content: "nonsense", action: "create" });"#,
    );
    assert!(said.contains("not a unit file that systemd accepts"), "{said}");
    let (_, lines) =
        converges(&machine, r#"systemd_unit("job.service", #{ content: "", action: "delete" });"#);
    assert_eq!(lines, ["remove unit file `/etc/systemd/system/job.service`"]);
}

#[test]
fn a_service_that_fails_shows_its_state() {
    let recipe = r#"systemd_unit("bad.service", #{ content: "[Service]\nExecStart=/bin/false\n", action: ["create", "start"] });"#;
    let said = fails(&fresh(), recipe);
    assert!(
        said.contains("exited with 1")
            && said.contains("Active: failed")
            && said.contains("journalctl -u bad.service"),
        "{said}"
    );
}

#[test]
fn a_unit_file_that_cannot_be_replaced_is_written_in_place() {
    const PATH: &str = "/etc/systemd/system/job.service";
    let machine = fresh();
    machine.put_file(PATH, "[Service]\nExecStart=/bin/false\n");
    machine.break_operation(Operation::Rename, PATH, ErrorKind::ResourceBusy);
    let recipe = r#"systemd_unit("job.service", #{ content: "[Service]\nExecStart=/bin/true\n", action: "create" });"#;
    let (machine, _) = converges(&machine, recipe);
    assert_eq!(machine.text(PATH), "[Service]\nExecStart=/bin/true\n");
    assert_eq!(machine.read_dir(Path::new("/etc/systemd/system")).unwrap(), ["job.service"]);
}

#[test]
fn a_file_may_be_a_units() {
    let recipe = r#"
        service("web", #{ action: "enable" });
        file("/lib/systemd/system/web.service", #{ content: "[Service]\nExecStart=/bin/true\n" });
        service("web again", #{ service_name: "web", action: "enable" });
    "#;
    let machine = fresh();
    toque_resources::simulated::install(&machine, "web").unwrap();
    machine.clear("/etc/systemd/system/multi-user.target.wants/web.service");
    let (machine, lines) = converges(&machine, recipe);
    assert_eq!(lines, ["enable service `web`", "update file `/lib/systemd/system/web.service`"]);
    let installable = recipe.replace("true", "true\\n[Install]\\nWantedBy=multi-user.target");
    machine.clear("/etc/systemd/system/multi-user.target.wants/web.service");
    let (_, lines) = converges(&machine, &installable);
    assert_eq!(lines.len(), 2, "{lines:?}");
}
