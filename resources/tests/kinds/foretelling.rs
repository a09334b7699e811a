//! The law of plans on random recipes: what would change does change, and nothing changes that was
//! not foretold.

use std::panic::{AssertUnwindSafe, catch_unwind};

use toque_resources::simulated::{debian, install};

use crate::{fresh, offered, try_converge};

/// Numbers that look random, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

fn resource(draw: &mut Draw) -> String {
    let user = draw.of(&["ann", "bob"]);
    let group = draw.of(&["ops", "staff", "ann"]);
    match draw.below(14) {
        0 | 1 => {
            let name = draw.of(&["tool", "web", "libc", "mta", "mta-a"]);
            format!(
                "package(\"{name}\", #{{ action: \"{}\" }});",
                draw.of(&["install", "upgrade", "remove", "purge", "lock", "unlock"])
            )
        }
        2 => format!("package(\"tool\", #{{ version: \"{}\" }});", draw.of(&["1.0", "1.1"])),
        3 | 4 => {
            let name = draw.of(&["web", "job"]);
            let action = draw
                .of(&["enable", "disable", "start", "stop", "restart", "reload", "mask", "unmask"]);
            format!("service(\"{name}\", #{{ action: \"{action}\" }});")
        }
        5 => {
            let action = draw.of(&[
                "create",
                "delete",
                "enable",
                "disable",
                "start",
                "stop",
                "try_restart",
                "mask",
                "unmask",
            ]);
            let ties = draw.of(&["", "Requires=web.service\n", "Conflicts=web.service\n"]);
            let install = draw.of(&["", "[Install]\nWantedBy=multi-user.target\n"]);
            let content = format!("[Unit]\n{ties}[Service]\nExecStart=/bin/true\n{install}");
            format!(
                "systemd_unit(\"job.service\", #{{ content: {content:?}, action: \"{action}\" }});"
            )
        }
        6 => {
            let action = draw.of(&["create", "remove", "lock"]);
            format!(
                "user(\"{user}\", #{{ action: \"{action}\", manage_home: {} }});",
                draw.of(&["true", "false"])
            )
        }
        7 => format!(
            "user(\"{user}\", #{{ uid: {}, shell: \"{}\" }});",
            draw.of(&["1200", "1300"]),
            draw.of(&["/bin/sh", "/bin/dash"])
        ),
        8 => format!(
            "user(\"{user}\", #{{ action: \"manage\", password: \"$6${}\", comment: \"c\" }});",
            draw.of(&["a", "b"])
        ),
        9 => format!("group(\"{group}\", #{{ action: \"{}\" }});", draw.of(&["create", "remove"])),
        10 => format!(
            "group(\"{group}\", #{{ members: [\"{user}\"], append: {} }});",
            draw.of(&["true", "false"])
        ),
        11 => format!(
            "group(\"{group}\", #{{ gid: {}, excluded_members: [\"{user}\"] }});",
            draw.of(&["1400", "1500"])
        ),
        12 => format!("file(\"/home/{user}/x\", #{{ content: \"x\", owner: \"{user}\" }});"),
        _ => match draw.below(3) {
            0 => format!(
                "execute(\"{}\");",
                draw.of(&["touch /tmp/x", "true", "rm /etc/web/web.conf"])
            ),
            1 => "apt_update(\"lists\");".to_owned(),
            _ => "file(\"/etc/web/web.conf\", #{ content: \"mine\" });".to_owned(),
        },
    }
}

#[test]
fn plans_foretell_random_recipes() {
    let mut compared = 0;
    for seed in 1..500_u64 {
        let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut machine = if draw.below(3) == 0 { debian(offered()) } else { fresh() };
        for package in ["tool", "web"] {
            if draw.below(2) == 0 {
                install(&machine, package).unwrap();
            }
        }
        // Each recipe begins with what the one before has left.
        for _ in 0..4 {
            let mut lines: Vec<String> = (0..=draw.below(5)).map(|_| resource(&mut draw)).collect();
            lines.dedup();
            let recipe = lines.join("\n");
            let tried = catch_unwind(AssertUnwindSafe(|| try_converge(&machine, &recipe)));
            match tried.unwrap_or_else(|_| panic!("seed {seed}")) {
                Ok((after, _)) => {
                    compared += 1;
                    machine = after;
                }
                // Some draws cannot work, such as starting what is masked; the law is about the
                // others.
                Err(_) => continue,
            }
        }
    }
    assert!(compared > 500, "only {compared} runs were compared");
}
