//! The levels, in their order.

/// Where an attribute was set; later wins. Of the documents, the environment gives way to roles
/// among the defaults and wins over them among the overrides, and what is said of this one node
/// wins over both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// By attribute files and recipes, as every level that is not a document's.
    Default,
    EnvDefault,
    RoleDefault,
    NodeDefault,
    ForceDefault,
    Normal,
    /// By the custom JSON of the stack, and so on.
    StackNormal,
    LayerNormal,
    AppNormal,
    InstanceNormal,
    CommandNormal,
    /// By the node's file.
    NodeNormal,
    /// By `-j`.
    JsonNormal,
    Override,
    RoleOverride,
    EnvOverride,
    NodeOverride,
    ForceOverride,
    /// What the run itself knows; over it come the machine's facts.
    Automatic,
}

impl Level {
    pub const ALL: [Self; 19] = [
        Self::Default,
        Self::EnvDefault,
        Self::RoleDefault,
        Self::NodeDefault,
        Self::ForceDefault,
        Self::Normal,
        Self::StackNormal,
        Self::LayerNormal,
        Self::AppNormal,
        Self::InstanceNormal,
        Self::CommandNormal,
        Self::NodeNormal,
        Self::JsonNormal,
        Self::Override,
        Self::RoleOverride,
        Self::EnvOverride,
        Self::NodeOverride,
        Self::ForceOverride,
        Self::Automatic,
    ];

    /// As `explain` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::EnvDefault => "env_default",
            Self::RoleDefault => "role_default",
            Self::NodeDefault => "node_default",
            Self::ForceDefault => "force_default",
            Self::Normal => "normal",
            Self::StackNormal => "stack_normal",
            Self::LayerNormal => "layer_normal",
            Self::AppNormal => "app_normal",
            Self::InstanceNormal => "instance_normal",
            Self::CommandNormal => "command_normal",
            Self::NodeNormal => "node_normal",
            Self::JsonNormal => "json_normal",
            Self::Override => "override",
            Self::RoleOverride => "role_override",
            Self::EnvOverride => "env_override",
            Self::NodeOverride => "node_override",
            Self::ForceOverride => "force_override",
            Self::Automatic => "automatic",
        }
    }
}
