use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::*;

/// Amazon's own cases, from the request to the signature.
#[test]
fn vectors_of_amazon() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/s3/sign/vectors");
    let cases: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let read =
            |name: &str| std::fs::read_to_string(case.join(name)).unwrap().replace("\r\n", "\n");
        let context: Value = serde_json::from_str(&read("context.json")).unwrap();
        let text = |value: &Value| {
            value.as_str().unwrap_or_else(|| panic!("{}", case.display())).to_owned()
        };
        let [id, secret] =
            ["access_key_id", "secret_access_key"].map(|name| text(&context["credentials"][name]));
        let (region, service) = (text(&context["region"]), text(&context["service"]));
        let token = context["credentials"]["token"].as_str();
        let key = Key { id: &id, secret: &secret, token, region: &region };

        let request = read("request.txt");
        let (first, rest) = request.split_once('\n').unwrap();
        let path =
            first.strip_prefix("GET ").and_then(|first| first.strip_suffix(" HTTP/1.1")).unwrap();
        let at = text(&context["timestamp"]).parse::<Timestamp>().unwrap();
        let time = time(at.into());
        let mut headers: Vec<(String, String)> = rest
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        headers.push(("x-amz-date".to_owned(), time.clone()));
        headers.extend(token.map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
        headers.sort();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = encoded(path.as_bytes(), true);
        let signed =
            Signed { method: "GET", path: &path, query: "", headers: &headers, payload: EMPTY };
        assert_eq!(signed.canonical(), read("header-canonical-request.txt"), "{}", case.display());
        let scope = format!("{}/{region}/{service}/aws4_request", &time[..8]);
        assert_eq!(
            to_sign(&signed, &time, &scope),
            read("header-string-to-sign.txt"),
            "{}",
            case.display()
        );
        let authorization = authorization(&key, &service, &signed, &time);
        assert!(
            authorization.ends_with(&format!("Signature={}", read("header-signature.txt"))),
            "{}: {authorization}",
            case.display()
        );
    }
}

/// The example of the documentation of S3 ("Signature Calculations for the Authorization Header").
#[test]
fn the_example_of_s3() {
    let key = Key {
        id: "AKIAIOSFODNN7EXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        token: None,
        region: "us-east-1",
    };
    let at = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
    let time = time(at);
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("range", "bytes=0-9"),
        ("x-amz-content-sha256", EMPTY),
        ("x-amz-date", &time),
    ];
    let signed =
        Signed { method: "GET", path: "/test.txt", query: "", headers: &headers, payload: EMPTY };
    assert_eq!(
        authorization(&key, "s3", &signed, &time),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

#[test]
fn what_is_sent() {
    let key = Key { id: "AK", secret: "secret", token: Some("token"), region: "eu-west-1" };
    let sent =
        headers(&key, "b.s3.amazonaws.com", "/k", UNIX_EPOCH + Duration::from_secs(1_369_353_600));
    let names: Vec<&str> = sent.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "authorization"]
    );
    assert!(sent.iter().all(|(_, value)| !value.contains("secret")));
}
