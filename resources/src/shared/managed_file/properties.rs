//! The properties that every kind of managed file has, declared once.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many copies of earlier contents are kept; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backup(pub usize);

impl Default for Backup {
    fn default() -> Self {
        Self(5)
    }
}

impl Serialize for Backup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_bool(false),
            keep => serializer.serialize_u64(keep as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Backup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BackupVisitor)
    }
}

struct BackupVisitor;

impl Visitor<'_> for BackupVisitor {
    type Value = Backup;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of copies to keep, or false for none")
    }

    fn visit_bool<E: Error>(self, keep: bool) -> Result<Backup, E> {
        if keep { Err(E::invalid_value(Unexpected::Bool(true), &self)) } else { Ok(Backup(0)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Backup, E> {
        usize::try_from(number)
            .map(Backup)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Backup, E> {
        usize::try_from(number)
            .map(Backup)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

impl JsonSchema for Backup {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "backup".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "boolean"], "minimum": 0 })
    }
}

/// Declares a kind of managed file: `path`, the kind's own properties, and those that all of them
/// share. Written out by a macro because `serde(flatten)` would lose which property an error is
/// about.
macro_rules! managed_file {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub(crate) struct $name {
            /// Absolute path of the file. Default: the resource's name.
            pub path: String,
            $($(#[$field_meta])* pub $field: $type,)*
            /// Owner, by name or number. Default: toque's own user for a new file; an existing one
            /// keeps its owner.
            #[serde(default)]
            pub owner: Option<toque_machine::property::Account>,
            /// Group, by name or number. Default: toque's own group for a new file; an existing one
            /// keeps its group.
            #[serde(default)]
            pub group: Option<toque_machine::property::Account>,
            /// Permissions, such as `"0644"`. Default: 0666 less the umask for a new file; an
            /// existing one keeps its mode.
            #[serde(default)]
            pub mode: Option<toque_machine::property::Mode>,
            /// How many earlier contents are kept in the state directory, or `false` for none.
            /// Default: 5.
            #[serde(default)]
            pub backup: $crate::shared::managed_file::Backup,
            /// What must accept new content before it goes live: `"json"`, `"yaml"`, `"toml"`,
            /// `"systemd_unit"`, or a shell command in which `%{path}` stands for the path of the
            /// new file, quoted; one or an array. A command runs when the file is about to change,
            /// not in a plan. Default: nothing.
            #[serde(default)]
            pub verify: Option<toque_machine::property::OneOrMany<String>>,
            /// Whether the file is replaced at once by a new one. `false` writes into the file that
            /// is there, which keeps its inode and its other names, and which readers may see
            /// half-written. Default: `true`.
            #[serde(default = "crate::shared::defaults::yes")]
            pub atomic_update: bool,
            /// Whether whatever is at the path and is not a file (a directory with all that is in
            /// it, a symbolic link that must not be followed, a pipe) is removed to make room.
            /// Default: `false`.
            #[serde(default)]
            pub force_unlink: bool,
            /// Whether a symbolic link at the path is followed and the file at its end managed.
            /// `false` takes the link for something that is in the way. Only links are ever
            /// followed that belong to root (or toque's own user) and lie in a folder which nobody
            /// else can write. Default: `true`.
            #[serde(default)]
            pub manage_symlink_source: Option<bool>,
        }

        impl $name {
            /// The part that all managed files share, with what this kind found for content.
            fn managed(self, content: Option<toque_machine::content::Content>, checksum: Option<String>, umask: u32) -> $crate::shared::managed_file::ManagedFile {
                let verify = self.verify.as_ref().map_or(&[][..], toque_machine::property::OneOrMany::as_slice);
                $crate::shared::managed_file::ManagedFile {
                    path: $crate::shared::path::plain(&self.path),
                    content,
                    checksum,
                    verify: verify.iter().map(|text| $crate::shared::managed_file::Verify::new(text)).collect(),
                    declared: $crate::shared::ownership::Declared { owner: self.owner, group: self.group, mode: self.mode },
                    new_mode: 0o666 & !umask,
                    backup: self.backup.0,
                    atomic: self.atomic_update,
                    force_unlink: self.force_unlink,
                    follow: self.manage_symlink_source.unwrap_or(true),
                }
            }

            fn check_managed(&self) -> Result<(), toque_core::property_error::PropertyError> {
                $crate::shared::path::check_file("path", &self.path)?;
                let verify = self.verify.as_ref().map_or(&[][..], toque_machine::property::OneOrMany::as_slice);
                verify.iter().try_for_each(|text| $crate::shared::managed_file::Verify::check(text))
            }
        }
    };
}

pub(crate) use managed_file;
