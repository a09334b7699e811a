//! Readers of what system tools print and keep: text in, data out.

pub mod apt_policy;
pub mod debconf;
pub mod debian_version;
pub mod dpkg_status;
pub mod rpm;
pub mod shadow;
pub mod systemctl;
