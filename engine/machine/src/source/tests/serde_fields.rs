use serde_json::{Value, json};

use crate::source::{Source, SourceType};
use toque_core::serde_errors;

#[test]
fn items_of_opsworks() {
    let value = json!({ "type": "git", "url": "https://u:secret@example.com/a.git", "revision": "", "user": null, "password": null,
        "ssh_key": null });
    let source: Source = serde_json::from_value(value).unwrap();
    source.check().unwrap();
    assert_eq!(
        (source.kind, source.revision.as_deref(), source.user.as_deref()),
        (Some(SourceType::Git), None, None)
    );
    assert_eq!(source.shown(), "https://example.com/a.git");

    let value = json!({ "type": "s3", "url": "https://s3.amazonaws.com/b/c.zip", "username": "AK", "password": "secret" });
    let source: Source = serde_json::from_value(value).unwrap();
    assert_eq!(source.user.as_deref(), Some("AK"));
    assert!(!format!("{source:?}").contains("secret"));
}

#[test]
fn what_is_no_source() {
    for (value, property, message) in [
        (json!({}), "type", "the source has no `type`"),
        (json!({ "type": null, "url": "/a" }), "type", "the source has no `type`"),
        (
            json!({ "type": "other" }),
            "type",
            "the app has no source to deploy: its type is `other`",
        ),
        (json!({ "type": "svn", "url": "svn://a" }), "type", "Subversion is not supported"),
        (
            json!({ "type": "git" }),
            "url",
            "the source has no `url`: where does the content come from?",
        ),
        (
            json!({ "type": "git", "url": null }),
            "url",
            "the source has no `url`: where does the content come from?",
        ),
        (
            json!({ "type": "git", "url": "--upload-pack=x" }),
            "url",
            "`--upload-pack=x` is no address of a git repository",
        ),
        (
            json!({ "type": "git", "url": "/a", "revision": "-x" }),
            "revision",
            "`-x` is no branch, tag or commit",
        ),
        (
            json!({ "type": "git", "url": "/a", "checksum": "ab" }),
            "checksum",
            "`checksum` has no meaning for a git repository",
        ),
    ] {
        let source: Source = serde_json::from_value(value.clone()).unwrap();
        let error = source.check().unwrap_err();
        assert_eq!(
            (error.property.as_str(), error.message.as_str()),
            (property, message),
            "{value}"
        );
        assert!(error.hint.is_some() || property == "url", "{value}");
    }
}

#[test]
fn fields_that_are_unknown_or_of_another_type() {
    let told = |value: Value| {
        let error = serde_errors::read::<Source>(value).unwrap_err();
        (error.message, error.hint.unwrap_or_default())
    };
    let (message, hint) = told(json!({ "type": "git", "url": "/a", "revison": "x" }));
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("there is no key `revison` here", "did you mean `revision`?")
    );
    let (message, hint) = told(json!({ "type": "hg", "url": "/a" }));
    assert_eq!(message, "`hg` is none of the values it can have", "{hint}");
    assert!(told(json!({ "type": "git", "url": 5 })).0.contains("expected a string"));
    assert!(
        told(json!({ "type": "git", "url": "/a", "shallow": "yes" }))
            .0
            .contains("expected true or false")
    );
}

#[test]
fn ends_of_lines_are_no_part_of_a_password() {
    let value = json!({ "type": "git", "url": "https://example.com/a\n", "user": "u\r\n", "password": "p \n" });
    let source: Source = serde_json::from_value(value).unwrap();
    assert_eq!(
        (source.url.as_str(), source.user.as_deref(), source.password.as_deref()),
        ("https://example.com/a", Some("u"), Some("p "))
    );
    source.check().unwrap();
}
