//! The secret that encrypts items, and the keys that are made of it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use md5::Md5;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use toque_core::failure::{ErrorContext, Failure};

/// Bytes of a secret file.
const MOST: u64 = 1 << 20;

/// What a secret file holds. It is never shown, and forgotten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The secret in a file of these bytes: blanks around it, NUL among them, do not count, as
    /// Ruby's `strip` has it.
    /// # Errors
    /// When nothing is left.
    pub fn of_file(bytes: &[u8]) -> Result<Self, Failure> {
        let counts = |byte: &u8| !matches!(byte, b'\0' | b'\t'..=b'\r' | b' ');
        let (Some(first), Some(last)) =
            (bytes.iter().position(counts), bytes.iter().rposition(counts))
        else {
            return Err(Failure::new("the secret is blank")
                .hint("make one: `(umask 077; openssl rand -base64 512 > FILE)`"));
        };
        Ok(Self(Zeroizing::new(bytes[first..=last].to_vec())))
    }

    /// # Errors
    /// When the file cannot be read, or is blank.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        read.context("read the secret file", path)?;
        if bytes.len() as u64 > MOST {
            return Err(Failure::new(format!(
                "`{}` is no secret file: it has more than 1 MiB",
                path.display()
            ))
            .hint("name the file that items were encrypted with"));
        }
        Self::of_file(&bytes).map_err(|blank| Failure {
            message: format!("the secret file `{}` is blank", path.display()),
            ..blank
        })
    }

    /// The secret in the first of these files that is there, and which one that is.
    /// # Errors
    /// When none is there, with all that were tried; as [`Secret::read`].
    pub fn first_of(files: &[PathBuf]) -> Result<(Self, &Path), Failure> {
        match files.iter().find(|path| path.symlink_metadata().is_ok()) {
            Some(path) => Self::read(path).map(|secret| (secret, path.as_path())),
            None => {
                let tried: Vec<String> =
                    files.iter().map(|path| format!("`{}`", path.display())).collect();
                let missing = match tried.as_slice() {
                    [] => "no secret file is named".to_owned(),
                    [one] => format!("the secret file {one} is not there"),
                    several => format!("the secret file is neither {}", several.join(" nor ")),
                };
                Err(Failure::new(missing)
                    .hint("name it with `--secret-file`, or as `secret_file` in toque.toml"))
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key of versions 1 to 3.
    pub(super) fn key(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }

    /// The key and the initialization vector of version 0: OpenSSL's `EVP_BytesToKey` with MD5,
    /// 2048 rounds and no salt, which is what Ruby's `pkcs5_keyivgen` does unless told otherwise.
    pub(super) fn key_and_iv(&self) -> ([u8; 32], [u8; 16]) {
        let block = |before: &[u8]| -> [u8; 16] {
            let first = Md5::new().chain_update(before).chain_update(self.bytes()).finalize();
            (1..2048).fold(first, |digest, _| Md5::digest(digest)).into()
        };
        let first = block(&[]);
        let second = block(&first);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&first);
        key[16..].copy_from_slice(&second);
        (key, block(&second))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([sensitive])")
    }
}
