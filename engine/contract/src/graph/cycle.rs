//! Notifications that would never end: each sets off the next at once, and the last one the first.

use super::{ActionRef, Edge, Graph, Index, Timing};
use toque_core::diagnostic::{Diagnostic, Span};

/// How many resources may set off one another at once; each waits for the next.
const DEEPEST: usize = 1000;

impl Graph {
    /// Immediate and before notifications that come back to where they started would never end.
    pub(super) fn circle(&self, edges: &[Vec<Edge>]) -> Option<Diagnostic> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; edges.len() + self.bodies.len()];
        for start in 0..marks.len() {
            if marks[start] != Mark::New || edges.get(start).is_some_and(Vec::is_empty) {
                continue;
            }
            marks[start] = Mark::Open;
            let mut path = vec![(start, self.sets_off(start, edges).into_iter())];
            while let Some((at, next)) = path.last_mut() {
                let Some((to, span)) = next.next() else {
                    marks[*at] = Mark::Done;
                    path.pop();
                    continue;
                };
                match marks[to] {
                    Mark::New => {
                        marks[to] = Mark::Open;
                        if path.len() >= DEEPEST {
                            return Some(
                                Diagnostic::error(format!(
                                    "notifications set off one another more than {DEEPEST} deep"
                                ))
                                .at(span.cloned())
                                .hint("make some of them \"delayed\""),
                            );
                        }
                        path.push((to, self.sets_off(to, edges).into_iter()));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|(node, _)| *node == to).unwrap_or(0);
                        let nodes: Vec<usize> =
                            path[from..].iter().map(|(node, _)| *node).chain([to]).collect();
                        let names: Vec<String> =
                            nodes.iter().map(|node| self.node_name(*node)).collect();
                        // What a custom resource sets off inside is written nowhere as a
                        // notification; another of them is.
                        let written = |two: &[usize]| {
                            self.sets_off(two[0], edges)
                                .into_iter()
                                .find(|(next, _)| *next == two[1])?
                                .1
                        };
                        let span = span.or_else(|| nodes.windows(2).rev().find_map(written));
                        return Some(
                            Diagnostic::error(format!(
                                "notifications go round in a circle: {}",
                                names.join(" -> ")
                            ))
                            .at(span.cloned())
                            .hint("make one of them \"delayed\", or take it out"),
                        );
                    }
                    Mark::Done => {}
                }
            }
        }
        None
    }

    /// What a change at a node brings about at once: its notifications, and of a custom resource's
    /// action what is inside. Nodes are the resources, then the bodies.
    fn sets_off<'e>(&self, node: usize, edges: &'e [Vec<Edge>]) -> Vec<(usize, Option<&'e Span>)> {
        let to_node = |index: Index, action: ActionRef| {
            self.bodies.get_index_of(&(index, action)).map_or(index, |at| edges.len() + at)
        };
        let body = node.checked_sub(edges.len()).and_then(|at| self.bodies.get_index(at));
        let index = body.map_or(node, |((index, _), _)| *index);
        let inside = body.into_iter().flat_map(|(_, inside)| inside).flat_map(|child| {
            let actions = self.resources[*child]
                .common
                .actions
                .iter()
                .filter(|action| **action != ActionRef::Nothing);
            actions.map(|action| (to_node(*child, *action), None))
        });
        let told = edges[index]
            .iter()
            .filter(|edge| edge.timing != Timing::Delayed && edge.action != ActionRef::Nothing);
        told.map(|edge| (to_node(edge.to, edge.action), edge.span.as_ref())).chain(inside).collect()
    }

    fn node_name(&self, node: usize) -> String {
        let index = node.checked_sub(self.resources.len()).and_then(|at| self.bodies.get_index(at));
        format!("`{}`", self.resources[index.map_or(node, |((index, _), _)| *index)].id)
    }
}
