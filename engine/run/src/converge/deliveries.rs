//! The delayed notifications of a run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use toque_contract::graph::{ActionRef, Index};
use toque_contract::report::Cause;
use toque_machine::planned::{Uncertainty, add_uncertainty};

/// A delayed notification.
#[derive(Clone)]
pub(super) struct Delivery {
    pub to: Index,
    pub action: ActionRef,
    pub cause: Cause,
    /// In a plan: the resources that decide whether it is sent.
    pub doubts: Uncertainty,
    /// It comes at this place only if it did not come at an earlier one.
    pub again: bool,
}

/// The delayed notifications, in the order of queueing.
#[derive(Default, Clone)]
pub(super) struct Deliveries {
    delayed: Vec<Delivery>,
    /// The last place of each action on a resource.
    places: HashMap<(Index, ActionRef), usize>,
    /// The number of notifications that have been delivered.
    delivered: usize,
    delivering: bool,
}

impl Deliveries {
    pub(super) fn len(&self) -> usize {
        self.delayed.len()
    }

    /// Whether all that is queued has been delivered.
    pub(super) fn is_done(&self) -> bool {
        self.delivered == self.delayed.len()
    }

    /// Returns the next notification to deliver.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        self.delivering = true;
        let next = self.delayed.get(self.delivered).cloned()?;
        self.delivered += 1;
        Some(next)
    }

    /// Whether the notification of an action has been delivered in this run.
    pub(super) fn has_delivered(&self, to: Index, action: ActionRef) -> bool {
        self.places.get(&(to, action)).is_some_and(|place| *place < self.delivered)
    }

    /// Queues a notification for the end of the run, each action on a resource once.
    pub(super) fn queue(&mut self, delivery: Delivery) {
        let place = self.delayed.len();
        let known = match self.places.entry((delivery.to, delivery.action)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(place);
                self.delayed.push(delivery);
                return;
            }
        };
        let first = &mut self.delayed[*known];
        if first.doubts.is_empty() || (first.again && self.delivering) {
            return;
        }
        if *known + 1 == place && !self.delivering {
            // One certain notifier is enough to make it certain.
            if delivery.doubts.is_empty() {
                first.doubts.clear();
            }
            return;
        }
        // If the first is not sent after all, this is its place in the order.
        let mut doubts = first.doubts.clone();
        add_uncertainty(&mut doubts, &delivery.doubts);
        *known = place;
        self.delayed.push(Delivery { doubts, again: true, ..delivery });
    }
}
