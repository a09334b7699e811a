//! The fields of stack documents: OpsWorks' names, in snake case, with what its data bag items have
//! where nothing is said.
//!
//! Facts: the shapes of its API (`2013-02-18`), and the data bags of Chef 12 stacks.

use super::schema::Shape::{
    Any, Environment, Flag, Json, List, Map, Number, Recipes, Secret, Text, Texts,
};
use super::schema::{Field, Shape, WhenAbsent};

const fn field(name: &'static str, shape: Shape, absent: WhenAbsent) -> Field {
    Field { name, shape, absent }
}

/// Always there in an item.
const fn column(name: &'static str, shape: Shape) -> Field {
    field(name, shape, WhenAbsent::Null)
}

/// There when it was said.
const fn more(name: &'static str, shape: Shape) -> Field {
    field(name, shape, WhenAbsent::Left)
}

pub(super) const DOCUMENT: &[Field] = &[
    column("version", Number),
    column("stack", Map(STACK)),
    column("layers", List(LAYER)),
    column("instances", List(INSTANCE)),
    column("apps", List(APP)),
    column("users", List(USER)),
    column("load_balancers", List(LOAD_BALANCER)),
    column("databases", List(DATABASE)),
    column("ecs_clusters", List(ECS_CLUSTER)),
    column("volumes", Any),
    column("command", Map(COMMAND)),
];

pub(super) const STACK: &[Field] = &[
    column("stack_id", Text),
    column("name", Text),
    column("arn", Text),
    column("region", Text),
    column("vpc_id", Text),
    field("use_custom_cookbooks", Flag, WhenAbsent::False),
    column("custom_cookbooks_source", Map(COOKBOOKS_SOURCE)),
    more("custom_json", Json),
    more("compat", Text),
    more("hostname_theme", Text),
    more("agent_version", Text),
    more("attributes", Any),
    more("chef_configuration", Any),
    more("configuration_manager", Any),
    more("created_at", Text),
    more("default_availability_zone", Text),
    more("default_instance_profile_arn", Text),
    more("default_os", Text),
    more("default_root_device_type", Text),
    more("default_ssh_key_name", Text),
    more("default_subnet_id", Text),
    more("service_role_arn", Text),
    more("tags", Any),
    more("use_opsworks_security_groups", Flag),
];

/// OpsWorks says `username` here, and `user` in the source of an app.
const COOKBOOKS_SOURCE: &[Field] = &source("username");

pub(super) const APP_SOURCE: &[Field] = &source("user");

const fn source(user: &'static str) -> [Field; 12] {
    [
        column("type", Text),
        column("url", Text),
        column(user, Text),
        column("password", Secret),
        column("ssh_key", Secret),
        column("revision", Text),
        more("checksum", Text),
        more("region", Text),
        more("session_token", Secret),
        more("shallow", Flag),
        more("strip", Number),
        more("submodules", Flag),
    ]
}

pub(super) const LAYER: &[Field] = &[
    column("layer_id", Text),
    column("name", Text),
    column("shortname", Text),
    column("type", Text),
    field("packages", Texts, WhenAbsent::EmptyList),
    field("volume_configurations", List(VOLUME), WhenAbsent::EmptyList),
    column("ecs_cluster_arn", Text),
    field("custom_recipes", Map(RECIPES), WhenAbsent::EmptyMap),
    more("default_recipes", Map(RECIPES)),
    more("custom_json", Json),
    more("arn", Text),
    more("attributes", Any),
    more("auto_assign_elastic_ips", Flag),
    more("auto_assign_public_ips", Flag),
    more("cloud_watch_logs_configuration", Any),
    more("created_at", Text),
    more("custom_instance_profile_arn", Text),
    more("custom_security_group_ids", Texts),
    more("default_security_group_names", Texts),
    more("enable_auto_healing", Flag),
    more("install_updates_on_boot", Flag),
    more("lifecycle_event_configuration", Any),
    more("stack_id", Text),
    more("tags", Any),
    more("use_ebs_optimized_instances", Flag),
];

const RECIPES: &[Field] = &[
    field("setup", Recipes, WhenAbsent::EmptyList),
    field("configure", Recipes, WhenAbsent::EmptyList),
    field("deploy", Recipes, WhenAbsent::EmptyList),
    field("undeploy", Recipes, WhenAbsent::EmptyList),
    field("shutdown", Recipes, WhenAbsent::EmptyList),
];

const VOLUME: &[Field] = &[
    column("iops", Number),
    column("mount_point", Text),
    column("number_of_disks", Number),
    column("raid_level", Number),
    column("size", Number),
    column("volume_type", Text),
    field("encrypted", Flag, WhenAbsent::False),
];

pub(super) const INSTANCE: &[Field] = &[
    column("ami_id", Text),
    column("architecture", Text),
    column("auto_scaling_type", Text),
    column("availability_zone", Text),
    column("created_at", Text),
    column("ebs_optimized", Flag),
    column("ec2_instance_id", Text),
    column("elastic_ip", Text),
    column("hostname", Text),
    column("instance_id", Text),
    column("instance_type", Text),
    more("layer_ids", Texts),
    more("layers", Texts),
    column("os", Text),
    column("private_dns", Text),
    column("private_ip", Text),
    column("public_dns", Text),
    column("public_ip", Text),
    column("root_device_type", Text),
    column("root_device_volume_id", Text),
    column("ssh_host_dsa_key_fingerprint", Text),
    column("ssh_host_dsa_key_private", Secret),
    column("ssh_host_dsa_key_public", Text),
    column("ssh_host_rsa_key_fingerprint", Text),
    column("ssh_host_rsa_key_private", Secret),
    column("ssh_host_rsa_key_public", Text),
    column("status", Text),
    column("subnet_id", Text),
    column("virtualization_type", Text),
    column("infrastructure_class", Text),
    more("custom_json", Json),
    more("agent_version", Text),
    more("arn", Text),
    more("block_device_mappings", Any),
    more("ecs_cluster_arn", Text),
    more("ecs_container_instance_arn", Text),
    more("install_updates_on_boot", Flag),
    more("instance_profile_arn", Text),
    more("last_service_error_id", Text),
    more("platform", Text),
    more("registered_by", Text),
    more("reported_agent_version", Text),
    more("reported_os", Any),
    more("security_group_ids", Texts),
    more("ssh_key_name", Text),
    more("stack_id", Text),
    more("tenancy", Text),
];

pub(super) const APP: &[Field] = &[
    column("app_id", Text),
    column("shortname", Text),
    column("name", Text),
    column("type", Text),
    column("description", Text),
    column("app_source", Map(APP_SOURCE)),
    field("data_sources", List(DATA_SOURCE), WhenAbsent::EmptyList),
    field("domains", Texts, WhenAbsent::EmptyList),
    field("enable_ssl", Flag, WhenAbsent::False),
    column("ssl_configuration", Map(SSL)),
    field("environment", Environment, WhenAbsent::EmptyMap),
    field("attributes", Map(APP_ATTRIBUTES), WhenAbsent::EmptyMap),
    column("stack_id", Text),
    more("custom_json", Json),
    more("created_at", Text),
];

const APP_ATTRIBUTES: &[Field] = &[
    column("document_root", Text),
    column("auto_bundle_on_deploy", Any),
    column("rails_env", Text),
    column("aws_flow_ruby_settings", Any),
];

/// `name` is what recipes may tell several by; OpsWorks had one database an app.
const DATA_SOURCE: &[Field] =
    &[column("type", Text), column("arn", Text), column("database_name", Text), more("name", Text)];

const SSL: &[Field] =
    &[column("certificate", Text), column("private_key", Secret), column("chain", Text)];

pub(super) const USER: &[Field] = &[
    field("administrator_privileges", Flag, WhenAbsent::False),
    column("iam_user_arn", Text),
    field("remote_access", Flag, WhenAbsent::False),
    column("ssh_public_key", Text),
    column("unix_user_id", Number),
    column("username", Text),
    more("email", Text),
    more("name", Text),
    more("level", Text),
    more("allow_self_management", Flag),
];

pub(super) const LOAD_BALANCER: &[Field] = &[
    column("elastic_load_balancer_name", Text),
    column("dns_name", Text),
    column("layer_id", Text),
    more("layer", Text),
    more("availability_zones", Texts),
    more("ec2_instance_ids", Texts),
    more("region", Text),
    more("stack_id", Text),
    more("subnet_ids", Texts),
    more("vpc_id", Text),
];

pub(super) const DATABASE: &[Field] = &[
    column("address", Text),
    column("port", Number),
    column("db_instance_identifier", Text),
    column("db_user", Text),
    column("db_password", Secret),
    column("engine", Text),
    column("rds_db_instance_arn", Text),
    column("region", Text),
    field("missing_on_rds", Flag, WhenAbsent::False),
    more("stack_id", Text),
];

pub(super) const ECS_CLUSTER: &[Field] = &[
    column("ecs_cluster_arn", Text),
    column("ecs_cluster_name", Text),
    more("registered_at", Text),
    more("stack_id", Text),
];

/// What a command document has beside the stack: one event on one instance.
const COMMAND: &[Field] = &[
    column("type", Text),
    column("args", Map(ARGUMENTS)),
    column("command_id", Text),
    column("iam_user_arn", Text),
    column("instance_id", Text),
    column("sent_at", Text),
    more("instance", Text),
    more("recipes", Recipes),
    more("custom_json", Json),
];

const ARGUMENTS: &[Field] = &[
    more("app_ids", Texts),
    more("apps", Texts),
    more("recipes", Recipes),
    more("allow_reboot", Any),
    more("migrate", Any),
    more("upgrade_os_to", Any),
];
