//! S3 against a server that nobody here has written: `moto`, which checks the signature of each
//! request.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use toque_acceptance::toque_binary;

/// Where the server is kept from one run of the tests to the next.
const KEPT: &str = "/var/cache/toque-test/moto-5.2.5";

/// Makes a bucket with two objects, a user who may read them, and prints the user's key. From then
/// on every request has to be signed.
const PREPARE: &str = r#"
import boto3, io, json, sys, tarfile
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    entry = tarfile.TarInfo("site/index.html"); entry.size = 5
    tar.addfile(entry, io.BytesIO(b"hello"))
s3, iam = client("s3"), client("iam")
s3.create_bucket(Bucket="apps", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
s3.put_object(Bucket="apps", Key="dir/site 1+2.tgz", Body=archive.getvalue())
iam.create_user(UserName="u")
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps(policy))
print(json.dumps(iam.create_access_key(UserName="u")["AccessKey"], default=str))
"#;

/// The server, until it is dropped.
struct Moto {
    child: Child,
    endpoint: String,
    key: String,
    secret: String,
}

impl Moto {
    fn start() -> Self {
        let python = installed();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(python.with_file_name("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "5")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut moto = Self {
            child,
            endpoint: format!("http://127.0.0.1:{port}"),
            key: String::new(),
            secret: String::new(),
        };
        let up = |_: &u32| {
            std::thread::sleep(Duration::from_millis(100));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        };
        (0..600_u32).find(up).expect("moto answers");
        let told = ok(Command::new(python).args(["-c", PREPARE, &moto.endpoint]));
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        moto.key = told["AccessKeyId"].as_str().unwrap().to_owned();
        moto.secret = told["SecretAccessKey"].as_str().unwrap().to_owned();
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that has moto, installed when it is not there yet.
fn installed() -> PathBuf {
    let python = Path::new(KEPT).join("bin/python3");
    fs::create_dir_all("/var/cache/toque-test").unwrap();
    let lock = fs::File::create(format!("{KEPT}.lock")).unwrap();
    let _one_at_a_time = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
    let whole = Path::new(KEPT).join("whole");
    if !whole.exists() {
        let _ = fs::remove_dir_all(KEPT);
        if !Command::new("python3")
            .args(["-m", "venv", KEPT])
            .output()
            .is_ok_and(|output| output.status.success())
        {
            ok(Command::new("apt-get").args(["-q", "update"]));
            ok(Command::new("apt-get").args(["-q", "-y", "install", "python3-venv"]));
            let _ = fs::remove_dir_all(KEPT);
            ok(Command::new("python3").args(["-m", "venv", KEPT]));
        }
        ok(Command::new(&python).args(["-m", "pip", "install", "-q", "moto[server]==5.2.5"]));
        fs::write(whole, "").unwrap();
    }
    python
}

#[track_caller]
fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Converges a recipe on this machine, with a state of its own.
fn apply(folder: &Path, recipe: &str) -> (bool, String) {
    let file = folder.join("recipe.rhai");
    fs::write(&file, recipe).unwrap();
    let mut command = Command::new(toque_binary());
    let output = command
        .arg("apply")
        .arg(&file)
        .arg("--state-dir")
        .arg(folder.join("state"))
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

#[test]
fn remote_file() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("site.tgz");
    let recipe = |source: &str, secret: &str, more: &str| {
        format!(
            r#"remote_file("{}", #{{ source: "{source}", s3_endpoint: "{}", s3_region: "eu-west-1", s3_access_key_id: "{}",
                s3_secret_access_key: "{secret}", {more} }});"#,
            to.display(),
            moto.endpoint,
            moto.key
        )
    };
    let object = "s3://apps/dir/site 1+2.tgz";
    let (well, text) = apply(folder.path(), &recipe(object, &moto.secret, ""));
    assert!(well && text.contains("1 changed"), "{text}");
    assert!(fs::read(&to).unwrap().starts_with(b"\x1f\x8b"));
    let (well, text) = apply(folder.path(), &recipe(object, &moto.secret, ""));
    assert!(well && text.contains("1 up to date"), "{text}");
    fs::remove_file(&to).unwrap();

    for (source, secret, more) in [
        (object, "not-the-secret-of-this-key", ""),
        (object, moto.secret.as_str(), r#"s3_session_token: "of-another-key""#),
        ("s3://apps/none", &moto.secret, ""),
        ("s3://none/none", &moto.secret, ""),
    ] {
        let (well, text) = apply(folder.path(), &recipe(source, secret, more));
        assert!(!well && text.contains("answered 40"), "{source} {more}: {text}");
        assert!(!text.contains(secret) && !to.exists(), "{text}");
    }
}

#[test]
fn an_app_from_s3() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("app");
    let recipe = |secret: &str| {
        format!(
            r#"deploy("{}", #{{ source: #{{ type: "s3", url: "{}/apps/dir/site%201%2B2.tgz", user: "{}", password: "{secret}",
                region: "eu-west-1", strip: 1 }} }});"#,
            into.display(),
            moto.endpoint,
            moto.key
        )
    };
    let (well, text) = apply(folder.path(), &recipe("not-the-secret"));
    assert!(
        !well && text.contains("answered 403") && text.contains("SignatureDoesNotMatch"),
        "{text}"
    );
    let (well, text) = apply(folder.path(), &recipe(&moto.secret));
    assert!(well, "{text}");
    assert_eq!(fs::read_to_string(into.join("current/index.html")).unwrap(), "hello");
    let (well, text) = apply(folder.path(), &recipe(&moto.secret));
    assert!(well && text.contains("1 up to date"), "{text}");
}
