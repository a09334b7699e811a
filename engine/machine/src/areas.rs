//! What many resources read (the package database, unit states, accounts) is read once, and dropped
//! by whatever may change it.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::BitOr;
use std::rc::Rc;

use toque_core::failure::Failure;

/// A part of the machine that is read as a whole, or that a plan can be in doubt about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Everything that has a path.
    Files,
    /// Installed packages, and what the package lists offer.
    Packages,
    /// Services and units: what runs, what is enabled.
    Services,
    /// Users and groups.
    Accounts,
    Mounts,
    /// Facts of the node.
    Facts,
    /// `node.run_state`.
    RunState,
}

impl Area {
    pub const ALL: [Self; 7] = [
        Self::Files,
        Self::Packages,
        Self::Services,
        Self::Accounts,
        Self::Mounts,
        Self::Facts,
        Self::RunState,
    ];
}

/// A set of areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Areas(u8);

impl Areas {
    pub const NONE: Self = Self(0);
    /// What a command may have changed.
    pub const ALL: Self = Self(0x7f);

    /// These areas, for constants.
    #[must_use]
    pub const fn of(areas: &[Area]) -> Self {
        let (mut set, mut index) = (0, 0);
        while index < areas.len() {
            set |= 1 << areas[index] as u8;
            index += 1;
        }
        Self(set)
    }

    #[must_use]
    pub fn contains(self, area: Area) -> bool {
        self.0 & (1 << area as u8) != 0
    }
}

impl From<Area> for Areas {
    fn from(area: Area) -> Self {
        Self(1 << area as u8)
    }
}

impl BitOr for Areas {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Area {
    type Output = Areas;
    fn bitor(self, other: Self) -> Areas {
        Areas::from(self) | Areas::from(other)
    }
}

impl BitOr<Area> for Areas {
    type Output = Self;
    fn bitor(self, other: Area) -> Self {
        self | Self::from(other)
    }
}

/// Snapshots by type: a provider defines `struct Installed(…)` and asks for it; the first to ask
/// reads it.
#[derive(Default)]
pub(crate) struct Snapshots {
    held: RefCell<HashMap<TypeId, (Area, Rc<dyn Any>)>>,
}

impl Snapshots {
    /// The snapshot of type `T`, read now if it is not held.
    /// # Errors
    /// As `read`; a failed reading is not kept.
    pub(crate) fn get<T: Any>(
        &self,
        area: Area,
        read: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<Rc<T>, Failure> {
        if let Some((_, held)) = self.held.borrow().get(&TypeId::of::<T>())
            && let Ok(snapshot) = Rc::clone(held).downcast::<T>()
        {
            return Ok(snapshot);
        }
        let snapshot = Rc::new(read()?);
        let erased: Rc<dyn Any> = Rc::<T>::clone(&snapshot);
        self.held.borrow_mut().insert(TypeId::of::<T>(), (area, erased));
        Ok(snapshot)
    }

    /// Forgets what may have changed.
    pub(crate) fn drop_areas(&self, areas: Areas) {
        if areas != Areas::NONE {
            self.held.borrow_mut().retain(|_, (area, _)| !areas.contains(*area));
        }
    }
}
