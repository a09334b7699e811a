//! The recipes of the attacks, one for each way in which a kind touches a path, and those kinds and
//! properties that are left out, with the reason.

/// The folder of most cells.
pub(super) const PARENT: &str = "/srv/app/a";

/// A recipe that works in `/srv/app/a`, which a user owns and attacks.
pub(super) struct Cell {
    pub kind: &'static str,
    /// The folder that is attacked.
    pub parent: &'static str,
    /// The properties whose paths it attacks.
    pub properties: &'static [&'static str],
    /// The entry of the folder that a link takes the place of.
    pub name: &'static str,
    pub recipe: &'static str,
}

const fn cell(
    kind: &'static str,
    properties: &'static [&'static str],
    name: &'static str,
    recipe: &'static str,
) -> Cell {
    Cell { kind, parent: PARENT, properties, name, recipe }
}

/// A cell in the folder that a user owns in an app that is root's.
const fn shared(
    properties: &'static [&'static str],
    name: &'static str,
    recipe: &'static str,
) -> Cell {
    Cell { kind: "deploy", parent: "/srv/site/shared", properties, name, recipe }
}

pub(super) const CELLS: [Cell; 42] = [
    cell(
        "file",
        &["path"],
        "secret",
        r#"file("/srv/app/a/secret", #{ content: "new\n", owner: "app", group: "app", mode: "0644" });"#,
    ),
    cell(
        "file",
        &["path"],
        "secret",
        r#"file("/srv/app/a/secret", #{ content: "new\n", atomic_update: false, mode: "0666" });"#,
    ),
    cell(
        "file",
        &["path", "manage_symlink_source"],
        "secret",
        r#"file("/srv/app/a/secret", #{ content: "new\n", manage_symlink_source: true });"#,
    ),
    cell(
        "file",
        &["path", "force_unlink"],
        "secret",
        r#"file("/srv/app/a/secret", #{ content: "new\n", force_unlink: true, owner: "app" });"#,
    ),
    cell(
        "file",
        &["path"],
        "secret",
        r#"file("/srv/app/a/secret", #{ owner: "app", mode: "0666" });"#,
    ),
    cell("file", &["path"], "secret", r#"file("/srv/app/a/secret", #{ action: "touch" });"#),
    cell("file", &["path"], "secret", r#"file("/srv/app/a/secret", #{ action: "delete" });"#),
    cell(
        "template",
        &["path"],
        "secret",
        r#"template("/srv/app/a/secret", #{ source: "new.hbs", owner: "app" });"#,
    ),
    cell(
        "cookbook_file",
        &["path"],
        "secret",
        r#"cookbook_file("/srv/app/a/secret", #{ source: "new", owner: "app" });"#,
    ),
    cell(
        "remote_file",
        &["path"],
        "secret",
        r#"remote_file("/srv/app/a/secret", #{ source: "file:///srv/source/file", owner: "app" });"#,
    ),
    cell(
        "remote_file",
        &["source"],
        "secret",
        r#"remote_file("/srv/public/out", #{ source: "file:///srv/app/a/secret", mode: "0644" });"#,
    ),
    cell(
        "directory",
        &["path", "recursive"],
        "bin",
        r#"directory("/srv/app/a/bin", #{ recursive: true, owner: "app" });"#,
    ),
    cell(
        "directory",
        &["path", "recursive"],
        "dir",
        r#"directory("/srv/app/a/dir/deep/er", #{ recursive: true, owner: "app", mode: "0777" });"#,
    ),
    cell(
        "directory",
        &["path"],
        "dir",
        r#"directory("/srv/app/a/dir", #{ owner: "app", mode: "0777" });"#,
    ),
    cell(
        "directory",
        &["path", "recursive"],
        "dir",
        r#"directory("/srv/app/a/dir", #{ recursive: true, action: "delete" });"#,
    ),
    cell(
        "remote_directory",
        &["path", "purge"],
        "dir",
        r#"remote_directory("/srv/app/a/dir", #{ source: "tree", purge: true, owner: "app", files_owner: "app", files_mode: "0644" });"#,
    ),
    cell(
        "remote_directory",
        &["path"],
        "dir",
        r#"remote_directory("/srv/app/a/dir/new", #{ source: "tree" });"#,
    ),
    cell(
        "remote_directory",
        &["path"],
        "dir",
        r#"remote_directory("/srv/app/a/dir", #{ source: "tree", recursive: true, action: "delete" });"#,
    ),
    cell(
        "link",
        &["target_file", "owner"],
        "secret",
        r#"link("/srv/app/a/secret", #{ to: "/srv/source/file", force: true, owner: "app" });"#,
    ),
    cell(
        "link",
        &["target_file"],
        "new",
        r#"link("/srv/app/a/new", #{ to: "/srv/source/file" });"#,
    ),
    cell(
        "link",
        &["to"],
        "secret",
        r#"link("/srv/app/a/hard", #{ to: "/srv/app/a/secret", link_type: "hard" });"#,
    ),
    cell(
        "link",
        &["target_file"],
        "secret",
        r#"file("/srv/app/a/secret", #{ action: "delete" }); link("/srv/app/a/secret", #{ to: "/srv/source/file" }); link("/srv/app/a/secret", #{ to: "/srv/source/file", action: "delete" });"#,
    ),
    cell(
        "archive_file",
        &["destination"],
        "dir",
        r#"archive_file("/srv/source/tree.tar", #{ destination: "/srv/app/a/dir", overwrite: true, owner: "app", mode: "0755" });"#,
    ),
    cell(
        "archive_file",
        &["path"],
        "pack.tar",
        r#"archive_file("/srv/app/a/pack.tar", #{ destination: "/srv/public/unpacked" });"#,
    ),
    cell(
        "git",
        &["destination"],
        "clone",
        r#"git("/srv/app/a/clone", #{ repository: "/srv/source/repo", revision: "v1", user: "app" });"#,
    ),
    cell(
        "git",
        &["destination"],
        "export",
        r#"git("/srv/app/a/export", #{ repository: "/srv/source/repo", revision: "v1", user: "app", action: "export" });"#,
    ),
    cell(
        "git",
        &["repository"],
        "repo",
        r#"git("/srv/public/clone", #{ repository: "/srv/app/a/repo", revision: "v1" });"#,
    ),
    cell(
        "deploy",
        &["path"],
        "site",
        r#"deploy("/srv/app/a/site", #{ source: #{ type: "git", url: "/srv/source/repo", revision: "v1" }, owner: "app" });"#,
    ),
    shared(
        &["shared", "symlinks"],
        "dir",
        r#"deploy("/srv/site", #{ source: #{ type: "git", url: "/srv/source/repo", revision: "v1" }, owner: "app", mode: "0777", shared: ["dir/new"], symlinks: #{ dir: "dir" } });"#,
    ),
    shared(
        &["environment_file", "environment"],
        "secret",
        r#"deploy("/srv/site", #{ source: #{ type: "git", url: "/srv/source/repo", revision: "v1" }, owner: "app", environment: #{ A: "b" }, environment_file: "shared/secret" });"#,
    ),
    // The owner's own hook plants what the next steps meet.
    shared(
        &["purge_before_symlink", "create_dirs_before_symlink"],
        "dir",
        r#"deploy("/srv/site", #{ source: #{ type: "git", url: "/srv/source/repo", revision: "v1" }, owner: "app", before_migrate: "ln -s /outside/dir dir; ln -s /outside sub", purge_before_symlink: ["dir/secret", "sub/secret"], create_dirs_before_symlink: ["dir/deep/er", "sub/deep"], symlinks: #{ secret: "sub/link" } });"#,
    ),
    cell(
        "execute",
        &["creates"],
        "made",
        r#"execute("touch /srv/public/made", #{ creates: "/srv/app/a/made" });"#,
    ),
    cell(
        "template",
        &["source", "local"],
        "source",
        r#"template("/srv/public/out", #{ source: "/srv/app/a/source", local: true, mode: "0644" });"#,
    ),
    cell(
        "user",
        &["home"],
        "home",
        r#"user("walker", #{ home: "/srv/app/a/home", manage_home: true });"#,
    ),
    cell(
        "user",
        &["home"],
        "walker",
        r#"user("walker", #{ home: "/srv/app/a/walker", manage_home: true }); user("walker", #{ action: "remove", manage_home: true });"#,
    ),
    cell(
        "execute",
        &["cwd", "creates"],
        "dir",
        r#"execute("touch made", #{ cwd: "/srv/app/a/dir", creates: "made" });"#,
    ),
    cell(
        "execute",
        &["cwd"],
        "dir",
        r#"execute("touch made", #{ cwd: "/srv/app/a/dir", user: "app" });"#,
    ),
    cell(
        "script",
        &["cwd", "creates"],
        "dir",
        r#"script("make", #{ interpreter: "sh", code: "touch made", cwd: "/srv/app/a/dir", creates: "made" });"#,
    ),
    cell(
        "bash",
        &["cwd", "creates"],
        "dir",
        r#"bash("make", #{ code: "touch made", cwd: "/srv/app/a/dir", creates: "made" });"#,
    ),
    cell(
        "bash",
        &["cwd"],
        "dir",
        r#"bash("make", #{ code: "touch made", cwd: "/srv/app/a/dir", user: "app" });"#,
    ),
    cell(
        "file",
        &["path"],
        "dir",
        r#"file("/srv/app/a/dir/secret", #{ content: "new\n", owner: "app" });"#,
    ),
    cell(
        "file",
        &["path"],
        "dir",
        r#"file("/srv/app/a/dir/sub/secret", #{ action: "delete" }); directory("/srv/app/a/dir/sub", #{ action: "delete" });"#,
    ),
];

pub(super) const LEFT_OUT: [(&str, &str); 9] = [
    ("apt_update", "it has no path"),
    ("block", "it has no path: the closure's resources have cells of their own"),
    ("facts", "it has no path"),
    ("group", "it has no path"),
    ("log", "it has no path"),
    ("notify_group", "it has no path"),
    ("package", "root runs what a package holds, so that whoever can write `source` is root"),
    ("service", "it has no path: its commands are root's"),
    ("systemd_unit", "it writes in /etc/systemd alone, which is root's"),
];

/// Properties of attacked kinds that speak of paths, and need no cell.
pub(super) const PATHS_LEFT_OUT: [(&str, &[&str], &str); 3] = [
    ("*", &["verify"], "its path is that of the staged file, whose cells are those of `path`"),
    (
        "remote_directory",
        &["source", "cookbook"],
        "they are below the repository, which is trusted",
    ),
    (
        "deploy",
        &["before_migrate"],
        "commands run with the rights of the owner; closures are the recipe's",
    ),
];
