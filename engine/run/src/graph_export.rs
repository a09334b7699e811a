//! The graph as data, to be shown.

use std::collections::HashMap;

use serde::Serialize;

use toque_contract::graph::{Edge, Graph};
use toque_contract::registry::Registry;

/// A resource of a graph that is only looked at.
#[derive(Debug, Clone, Serialize)]
pub struct ExportedResource {
    pub id: String,
    pub actions: Vec<String>,
    /// The recipe that declares it; what is inside a custom resource is in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The place in the list of resources of the one that it is inside of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Where `.set` changed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_by: Vec<String>,
    pub notifies: Vec<ExportedEdge>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ExportedEdge {
    /// The target's place in the list of resources.
    pub to: usize,
    pub target: String,
    pub action: String,
    pub timing: &'static str,
}

/// The graph as data, in the order in which resources come to their turn; what is inside a resource
/// comes after it.
#[derive(Debug, Clone, Serialize)]
pub struct GraphExport {
    pub resources: Vec<ExportedResource>,
}

impl GraphExport {
    pub(crate) fn of(graph: &Graph, edges: &[Vec<Edge>], registry: &Registry) -> Self {
        let mut kept = Vec::new();
        graph.outermost().for_each(|index| add(graph, index, &mut kept));
        let place: HashMap<usize, usize> =
            kept.iter().enumerate().map(|(place, index)| (*index, place)).collect();
        let resources = kept.iter().map(|&index| {
            let declared = &graph.resources[index];
            let kind = &registry.kinds[declared.kind];
            ExportedResource {
                id: declared.id.to_string(),
                actions: declared
                    .common
                    .actions
                    .iter()
                    .map(|act| act.name(kind).to_owned())
                    .collect(),
                recipe: declared
                    .recipe
                    .as_ref()
                    .filter(|_| declared.inside.is_none())
                    .map(ToString::to_string),
                inside: declared.inside.and_then(|(container, _)| place.get(&container).copied()),
                at: declared.span.as_ref().map(ToString::to_string),
                set_by: declared.set_by.iter().map(ToString::to_string).collect(),
                notifies: edges[index]
                    .iter()
                    .filter_map(|edge| {
                        let target = &graph.resources[edge.to];
                        Some(ExportedEdge {
                            to: *place.get(&edge.to)?,
                            target: target.id.to_string(),
                            action: edge.action.name(&registry.kinds[target.kind]).to_owned(),
                            timing: edge.timing.name(),
                        })
                    })
                    .collect(),
            }
        });
        Self { resources: resources.collect() }
    }
}

/// A resource and what is inside it, in order.
fn add(graph: &Graph, index: usize, kept: &mut Vec<usize>) {
    if graph.resources[index].removed {
        return;
    }
    kept.push(index);
    graph.inside(index).for_each(|inner| add(graph, inner, kept));
}
