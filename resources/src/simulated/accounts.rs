//! The shadow suite.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toque_machine::command::{Command, Output};
use toque_machine::system::{FakeSystem, FileKind, Query, System};

use super::{arguments, fail, ok};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const SHADOW: &str = "/etc/shadow";

pub(super) fn install_programs(machine: &FakeSystem) {
    machine.install_program("useradd", useradd);
    machine.install_program("usermod", usermod);
    machine.install_program("userdel", userdel);
    machine.install_program("groupadd", groupadd);
    machine.install_program("groupmod", groupmod);
    machine.install_program("groupdel", groupdel);
    machine.install_program("gpasswd", gpasswd);
    machine.install_program("chpasswd", chpasswd);
    machine.install_program("getent", |_, _| fail(2, ""));
}

pub(super) fn add_system_user(machine: &FakeSystem, name: &str) {
    if line(machine, PASSWD, name).is_none() {
        useradd(machine, &Command::new(["useradd", "-r", "-M", "--", name]));
    }
}

/// The fields of a line of a file.
fn line(machine: &FakeSystem, file: &str, name: &str) -> Option<Vec<String>> {
    lines(machine, file).into_iter().find(|fields| fields[0] == name)
}

fn lines(machine: &FakeSystem, file: &str) -> Vec<Vec<String>> {
    machine.text(file).lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

/// Puts a line in the place of the one of the same name, or at the end; without fields, it goes.
fn set(machine: &FakeSystem, file: &str, name: &str, fields: Option<&[String]>) {
    let mut all = lines(machine, file);
    match (all.iter_mut().find(|line| line[0] == name), fields) {
        (Some(line), Some(fields)) => *line = fields.to_vec(),
        (None, Some(fields)) => all.push(fields.to_vec()),
        (_, None) => all.retain(|line| line[0] != name),
    }
    machine.put_file(file, all.iter().map(|line| line.join(":") + "\n").collect::<String>());
}

fn strings(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

fn numbers(machine: &FakeSystem, file: &str) -> BTreeSet<u32> {
    lines(machine, file).iter().filter_map(|fields| fields.get(2)?.parse().ok()).collect()
}

/// As `useradd` and `groupadd` choose: up from the highest, or down from the lowest.
fn next(used: &BTreeSet<u32>, system: bool) -> u32 {
    let (min, max) = if system { (101, 999) } else { (1000, 60000) };
    let mut taken = used.range(min..=max).copied();
    let free = |number: &u32| !used.contains(number);
    if system {
        let first = taken.next().map_or(max, |lowest| lowest - 1);
        (min..=first).rev().chain((min..=max).rev()).find(free).unwrap_or(max)
    } else {
        let first = taken.next_back().map_or(min, |highest| highest + 1);
        (first..=max).chain(min..=max).find(free).unwrap_or(max)
    }
}

/// A group by name or number: its name and number.
fn group_of(machine: &FakeSystem, wanted: &str) -> Option<(String, String)> {
    let fields = lines(machine, GROUP)
        .into_iter()
        .find(|fields| fields[0] == wanted || fields.get(2).is_some_and(|gid| gid == wanted))?;
    Some((fields[0].clone(), fields[2].clone()))
}

fn value<'a>(options: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    options.iter().find(|(option, _)| *option == name).map(|(_, value)| *value)
}

fn useradd(machine: &FakeSystem, command: &Command) -> Output {
    let (options, flags, rest) = arguments(command, &["-u", "-g", "-c", "-d", "-s", "-e", "-f"]);
    let Some(name) = rest.first().copied() else { return fail(2, "Usage: useradd\n") };
    if line(machine, PASSWD, name).is_some() {
        return fail(9, &format!("useradd: user '{name}' already exists\n"));
    }
    let used = numbers(machine, PASSWD);
    let system = flags.contains(&"-r");
    let uid = match value(&options, "-u").and_then(|uid| uid.parse::<u32>().ok()) {
        Some(uid) if used.contains(&uid) && !flags.contains(&"-o") => {
            return fail(4, &format!("useradd: UID {uid} is not unique\n"));
        }
        Some(uid) => uid,
        None => next(&used, system),
    };
    let gid = match value(&options, "-g") {
        Some(group) => match group_of(machine, group) {
            Some((_, gid)) => gid,
            None => return fail(6, &format!("useradd: group '{group}' does not exist\n")),
        },
        None if line(machine, GROUP, name).is_some() => {
            return fail(9, &format!("useradd: group {name} exists\n"));
        }
        None => {
            let used = numbers(machine, GROUP);
            let range = if system { 101..=999 } else { 1000..=60000 };
            let gid = if range.contains(&uid) && !used.contains(&uid) {
                uid
            } else {
                next(&used, system)
            };
            set(machine, GROUP, name, Some(&strings(&[name, "x", &gid.to_string(), ""])));
            gid.to_string()
        }
    };
    let home = value(&options, "-d").map_or_else(|| format!("/home/{name}"), str::to_owned);
    let shell = value(&options, "-s").unwrap_or("/bin/sh");
    let comment = value(&options, "-c").unwrap_or_default();
    set(
        machine,
        PASSWD,
        name,
        Some(&strings(&[name, "x", &uid.to_string(), &gid, comment, &home, shell])),
    );
    let days =
        |option: &str| value(&options, option).filter(|days| *days != "-1").unwrap_or_default();
    set(
        machine,
        SHADOW,
        name,
        Some(&strings(&[name, "!", "20000", "0", "99999", "7", days("-f"), days("-e"), ""])),
    );
    if flags.contains(&"-m") && machine.lstat(Path::new(&home)).is_err() {
        machine.put_dir(&home, 0o755);
        own(machine, Path::new(&home), uid, gid.parse().unwrap_or_default());
        fill(
            machine,
            Path::new("/etc/skel"),
            Path::new(&home),
            uid,
            gid.parse().unwrap_or_default(),
        );
    }
    ok("")
}

fn own(machine: &FakeSystem, path: &Path, uid: u32, gid: u32) {
    let _ = machine.set_owner(path, Some(uid), Some(gid));
}

fn fill(machine: &FakeSystem, from: &Path, to: &Path, uid: u32, gid: u32) {
    for name in machine.read_dir(from).unwrap_or_default() {
        let (source, path): (PathBuf, PathBuf) = (from.join(&name), to.join::<&OsString>(&name));
        let Ok(found) = machine.lstat(&source) else { continue };
        match found.kind {
            FileKind::Directory => machine.put_dir(&path, found.mode),
            FileKind::Link => {
                machine.put_link(&path, machine.read_link(&source).unwrap_or_default());
            }
            _ => machine.put_file(&path, machine.read(&source).unwrap_or_default()),
        }
        if found.kind == FileKind::Directory {
            fill(machine, &source, &path, uid, gid);
        } else if found.kind == FileKind::File {
            let _ = machine.set_mode(&path, found.mode);
        }
        own(machine, &path, uid, gid);
    }
}

fn usermod(machine: &FakeSystem, command: &Command) -> Output {
    let (options, flags, rest) = arguments(command, &["-u", "-g", "-c", "-d", "-s", "-e", "-f"]);
    let Some(name) = rest.first().copied() else { return fail(2, "Usage: usermod\n") };
    let (Some(mut user), Some(mut shadow)) =
        (line(machine, PASSWD, name), line(machine, SHADOW, name))
    else {
        return fail(6, &format!("usermod: user '{name}' does not exist\n"));
    };
    let home = user[5].clone();
    for (option, value) in &options {
        match *option {
            "-u" => {
                let uid = value.parse().unwrap_or_default();
                if numbers(machine, PASSWD).contains(&uid) && !flags.contains(&"-o") {
                    return fail(4, &format!("usermod: UID '{uid}' already exists\n"));
                }
                user[2] = (*value).to_owned();
            }
            "-g" => match group_of(machine, value) {
                Some((_, gid)) => user[3] = gid,
                None => return fail(6, &format!("usermod: group '{value}' does not exist\n")),
            },
            "-c" => user[4] = (*value).to_owned(),
            "-d" => user[5] = (*value).to_owned(),
            "-s" => user[6] = (*value).to_owned(),
            "-e" => shadow[7] = (*value).to_owned(),
            _ => shadow[6] = if *value == "-1" { String::new() } else { (*value).to_owned() },
        }
    }
    if flags.contains(&"-L") && !shadow[1].starts_with('!') {
        shadow[1].insert(0, '!');
    }
    if flags.contains(&"-U") && shadow[1].len() > 1 {
        shadow[1] = shadow[1].trim_start_matches('!').to_owned();
    }
    if flags.contains(&"-m") {
        let _ = machine.rename(Path::new(&home), Path::new(&user[5]));
    }
    set(machine, PASSWD, name, Some(&user));
    set(machine, SHADOW, name, Some(&shadow));
    ok("")
}

fn userdel(machine: &FakeSystem, command: &Command) -> Output {
    let (_, flags, rest) = arguments(command, &[]);
    let Some(name) = rest.first().copied() else { return fail(2, "Usage: userdel\n") };
    let Some(user) = line(machine, PASSWD, name) else {
        return fail(6, &format!("userdel: user '{name}' does not exist\n"));
    };
    set(machine, PASSWD, name, None);
    set(machine, SHADOW, name, None);
    for mut group in lines(machine, GROUP) {
        let members = group[3]
            .split(',')
            .filter(|member| !member.is_empty() && *member != name)
            .collect::<Vec<_>>()
            .join(",");
        let shared =
            !members.is_empty() || lines(machine, PASSWD).iter().any(|user| user[3] == group[2]);
        if group[0] == name && group[2] == user[3] && !shared {
            set(machine, GROUP, name, None);
        } else if members != group[3] {
            group[3] = members;
            set(machine, GROUP, &group[0].clone(), Some(&group));
        }
    }
    if flags.contains(&"-r") {
        machine.clear(&user[5]);
    }
    ok("")
}

fn groupadd(machine: &FakeSystem, command: &Command) -> Output {
    let (options, flags, rest) = arguments(command, &["-g"]);
    let Some(name) = rest.first().copied() else { return fail(2, "Usage: groupadd\n") };
    if line(machine, GROUP, name).is_some() {
        return fail(9, &format!("groupadd: group '{name}' already exists\n"));
    }
    let used = numbers(machine, GROUP);
    let gid = match value(&options, "-g").and_then(|gid| gid.parse().ok()) {
        Some(gid) if used.contains(&gid) && !flags.contains(&"-o") => {
            return fail(4, &format!("groupadd: GID '{gid}' already exists\n"));
        }
        Some(gid) => gid,
        None => next(&used, flags.contains(&"-r")),
    };
    set(machine, GROUP, name, Some(&strings(&[name, "x", &gid.to_string(), ""])));
    ok("")
}

fn groupmod(machine: &FakeSystem, command: &Command) -> Output {
    let (options, flags, rest) = arguments(command, &["-g"]);
    let name = rest.first().copied().unwrap_or_default();
    let Some(mut group) = line(machine, GROUP, name) else {
        return fail(6, &format!("groupmod: group '{name}' does not exist\n"));
    };
    if let Some(gid) = value(&options, "-g") {
        if numbers(machine, GROUP).contains(&gid.parse().unwrap_or_default())
            && !flags.contains(&"-o")
        {
            return fail(4, &format!("groupmod: GID '{gid}' already exists\n"));
        }
        // Whoever had it as primary group keeps it.
        for mut user in lines(machine, PASSWD).into_iter().filter(|user| user[3] == group[2]) {
            gid.clone_into(&mut user[3]);
            set(machine, PASSWD, &user[0].clone(), Some(&user));
        }
        gid.clone_into(&mut group[2]);
    }
    set(machine, GROUP, name, Some(&group));
    ok("")
}

fn groupdel(machine: &FakeSystem, command: &Command) -> Output {
    let (_, _, rest) = arguments(command, &[]);
    let name = rest.first().copied().unwrap_or_default();
    let Some(group) = line(machine, GROUP, name) else {
        return fail(6, &format!("groupdel: group '{name}' does not exist\n"));
    };
    if let Some(user) = lines(machine, PASSWD).iter().find(|user| user[3] == group[2]) {
        return fail(
            8,
            &format!("groupdel: cannot remove the primary group of user '{}'\n", user[0]),
        );
    }
    set(machine, GROUP, name, None);
    ok("")
}

fn gpasswd(machine: &FakeSystem, command: &Command) -> Output {
    let (options, _, rest) = arguments(command, &["-a", "-d"]);
    let name = rest.first().copied().unwrap_or_default();
    let Some(mut group) = line(machine, GROUP, name) else {
        return fail(3, &format!("gpasswd: group '{name}' does not exist\n"));
    };
    let mut members: Vec<String> =
        group[3].split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
    for (option, user) in options {
        if option == "-a" {
            if line(machine, PASSWD, user).is_none() {
                return fail(3, &format!("gpasswd: user '{user}' does not exist\n"));
            }
            if !members.iter().any(|member| member == user) {
                members.push(user.to_owned());
            }
        } else if members.iter().any(|member| member == user) {
            members.retain(|member| member != user);
        } else {
            return fail(3, &format!("gpasswd: user '{user}' is not a member of '{name}'\n"));
        }
    }
    group[3] = members.join(",");
    set(machine, GROUP, name, Some(&group));
    ok("")
}

fn chpasswd(machine: &FakeSystem, command: &Command) -> Output {
    let input = String::from_utf8_lossy(command.input.as_deref().unwrap_or_default()).into_owned();
    for (name, hash) in input.lines().filter_map(|line| line.split_once(':')) {
        let Some(mut shadow) = line(machine, SHADOW, name) else {
            return fail(1, &format!("chpasswd: line 1: user '{name}' does not exist\n"));
        };
        hash.clone_into(&mut shadow[1]);
        set(machine, SHADOW, name, Some(&shadow));
    }
    ok("")
}
