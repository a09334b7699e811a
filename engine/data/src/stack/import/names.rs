//! Names of fields: `LayerIds` of the API is `layer_ids` in data bags.

use serde_json::Value;

/// A value of the API with the names of data bags, at every level. Its keys are fields everywhere:
/// what users named stands in lists.
pub(super) fn snake_cased(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (snake(key), snake_cased(value))).collect()
        }
        Value::Array(items) => items.iter().map(snake_cased).collect(),
        other => other.clone(),
    }
}

/// `Ec2InstanceId` is `ec2_instance_id`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `ec2_instance_id` is `Ec2InstanceId`.
pub(super) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    };
    name.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (api, bag) in [
            ("LayerIds", "layer_ids"),
            ("Ec2InstanceId", "ec2_instance_id"),
            ("SshHostRsaKeyFingerprint", "ssh_host_rsa_key_fingerprint"),
            ("Url", "url"),
            ("RdsDbInstanceArn", "rds_db_instance_arn"),
            ("3", "3"),
        ] {
            assert_eq!((snake(api).as_str(), camel(bag).as_str()), (bag, api));
        }
    }
}
