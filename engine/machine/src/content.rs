//! Content of files: what is small is in memory, and what is large stays on a disk and is read in
//! pieces.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use toque_core::text::hex;

/// Bytes up to which something received is held in memory.
const SMALL: u64 = 1 << 20;
/// Bytes up to which a file is read at once: a run may have ten thousand of them.
const SMALL_FILE: u64 = 64 << 10;
/// Where large documents are kept while they are used; `/tmp` is often in memory.
const LARGE: &str = "/var/tmp";

/// The file of large texts while one of them is used, and its end.
static TEXTS: Mutex<(Weak<File>, u64)> = Mutex::new((Weak::new(), 0));

/// The content of a file.
#[derive(Clone)]
pub struct Content(Kept);

#[derive(Clone)]
enum Kept {
    Memory(Arc<[u8]>),
    /// A part of a file without a name, which goes with its last user.
    Unnamed {
        file: Arc<File>,
        start: u64,
        size: u64,
    },
    /// A file that does not change while toque runs.
    Named(Arc<PathBuf>, u64),
}

impl Content {
    /// Returns what is in the file at `path`, which is not to change: read at once where it is
    /// small, and when it is needed where it is large.
    /// # Errors
    /// As `open(2)` and `read(2)`.
    pub fn of_file(path: PathBuf) -> io::Result<Self> {
        let mut file = File::open(&path)?;
        let size = file.metadata()?.len();
        if size > SMALL_FILE {
            return Ok(Self(Kept::Named(Arc::new(path), size)));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Returns a text as content. Large texts are kept one after the other in one file, because a
    /// recipe may declare more of them than a process can have open files.
    /// # Errors
    /// As `write(2)`.
    pub fn of_text(text: String) -> io::Result<Self> {
        let size = text.len() as u64;
        if size <= SMALL {
            return Ok(text.into());
        }
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, start) = match texts.0.upgrade() {
            Some(file) => (file, texts.1),
            None => (Arc::new(unnamed()?), 0),
        };
        file.write_all_at(text.as_bytes(), start)?;
        *texts = (Arc::downgrade(&file), start + size);
        Ok(Self(Kept::Unnamed { file, start, size }))
    }

    /// Returns its size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::Unnamed { size, .. } | Kept::Named(_, size) => *size,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns its bytes, where they are in memory.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kept::Memory(bytes) => Some(bytes),
            Kept::Unnamed { .. } | Kept::Named(..) => None,
        }
    }

    /// Opens it at its beginning.
    /// # Errors
    /// As `open(2)`.
    pub fn reader(&self) -> io::Result<Reader> {
        Ok(match &self.0 {
            Kept::Memory(bytes) => Reader::Memory(Cursor::new(Arc::clone(bytes))),
            Kept::Unnamed { file, start, size } => {
                Reader::Unnamed { file: Arc::clone(file), start: *start, at: 0, size: *size }
            }
            Kept::Named(path, _) => Reader::Named(File::open(path.as_ref())?),
        })
    }

    /// Returns its first bytes, `most` of them where there are as many.
    /// # Errors
    /// As `read(2)`.
    pub fn beginning(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns all of it, for readers that need it in memory.
    /// # Errors
    /// As `read(2)`, and when there is not enough memory.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(self.len()).unwrap_or(usize::MAX))?;
        self.reader()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns its SHA-256 in lower-case hex.
    /// # Errors
    /// As `read(2)`.
    pub fn sha256(&self) -> io::Result<String> {
        sha256(&mut self.reader()?)
    }

    /// Returns true if another reader has the same bytes.
    /// # Errors
    /// As `read(2)`.
    pub fn is_same(&self, other: &mut dyn Read) -> io::Result<bool> {
        let mut own = self.reader()?;
        let (mut one, mut two) = (vec![0; 64 << 10], vec![0; 64 << 10]);
        loop {
            let count = fill(&mut own, &mut one)?;
            if fill(other, &mut two)? != count || one[..count] != two[..count] {
                return Ok(false);
            }
            if count < one.len() {
                return Ok(true);
            }
        }
    }
}

/// Returns the SHA-256 of what a reader gives, in lower-case hex.
/// # Errors
/// As `read(2)`.
pub fn sha256(reader: &mut dyn Read) -> io::Result<String> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match fill(reader, &mut piece)? {
            0 => break,
            count => hash.update(&piece[..count]),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Reads until the piece is full or the end is reached.
fn fill(reader: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kept::Memory(bytes.into()))
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self(Kept::Memory(bytes.into()))
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            Some(bytes) => write!(f, "Content({:?})", String::from_utf8_lossy(bytes)),
            None => write!(f, "Content({} bytes)", self.len()),
        }
    }
}

/// Large content is the same only where it is the same file.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kept::Memory(one), Kept::Memory(two)) => one == two,
            (
                Kept::Unnamed { file: one, start: at, .. },
                Kept::Unnamed { file: two, start: and, .. },
            ) => Arc::ptr_eq(one, two) && at == and,
            (Kept::Named(one, _), Kept::Named(two, _)) => one == two,
            _ => false,
        }
    }
}

impl Eq for Content {}

/// Written as its text, and as its checksum where it is large.
impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.bytes() {
            Some(bytes) => serializer.serialize_str(&String::from_utf8_lossy(bytes)),
            None => {
                let sha256 = self.sha256().map_err(serde::ser::Error::custom)?;
                serializer.serialize_str(&format!("sha256:{sha256}"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of_text(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Content {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Content that is being read.
pub enum Reader {
    Memory(Cursor<Arc<[u8]>>),
    Unnamed { file: Arc<File>, start: u64, at: u64, size: u64 },
    Named(File),
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::Unnamed { file, start, at, size } => {
                let left = usize::try_from(size.saturating_sub(*at)).unwrap_or(usize::MAX);
                let length = buffer.len().min(left);
                let count = file.read_at(&mut buffer[..length], *start + *at)?;
                *at += count as u64;
                Ok(count)
            }
            Self::Named(file) => file.read(buffer),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => bytes.seek(to),
            Self::Unnamed { at, size, .. } => {
                let new = match to {
                    SeekFrom::Start(new) => Some(new),
                    SeekFrom::End(by) => size.checked_add_signed(by),
                    SeekFrom::Current(by) => at.checked_add_signed(by),
                };
                *at = new.ok_or(io::ErrorKind::InvalidInput)?;
                Ok(*at)
            }
            Self::Named(file) => file.seek(to),
        }
    }
}

/// Content that is being received. What becomes large goes to a file without a name.
#[derive(Default)]
pub struct Received {
    memory: Vec<u8>,
    file: Option<File>,
    size: u64,
}

impl Received {
    /// Adds a piece.
    /// # Errors
    /// When it cannot be kept.
    pub fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.size += piece.len() as u64;
        if self.file.is_none() && self.size > SMALL {
            let mut file = unnamed()?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(piece),
            None => {
                self.memory.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// Returns the size so far, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns what was received.
    #[must_use]
    pub fn finish(self) -> Content {
        match self.file {
            Some(file) => {
                Content(Kept::Unnamed { file: Arc::new(file), start: 0, size: self.size })
            }
            None => self.memory.into(),
        }
    }
}

fn unnamed() -> io::Result<File> {
    tempfile::tempfile_in(LARGE).or_else(|_| tempfile::tempfile())
}

/// Reads all that a reader gives, and keeps it as content.
/// # Errors
/// As `read(2)`, and when it cannot be kept.
pub fn receive(reader: &mut dyn Read) -> io::Result<Content> {
    let (mut received, mut piece) = (Received::default(), vec![0; 64 << 10]);
    loop {
        match fill(reader, &mut piece)? {
            0 => return Ok(received.finish()),
            count => received.add(&piece[..count])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_content_reads_as_small_content_does() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, 70_000, SMALL as usize, SMALL as usize + 1, 3 << 20] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let path = folder.path().join("file");
            std::fs::write(&path, &bytes).unwrap();
            let contents = [
                Content::from(bytes.clone()),
                Content::of_file(path).unwrap(),
                receive(&mut &bytes[..]).unwrap(),
            ];
            for content in contents {
                assert_eq!(content.len(), size as u64);
                assert_eq!(content.read().unwrap(), bytes);
                assert_eq!(content.sha256().unwrap(), sha256(&mut &bytes[..]).unwrap());
                assert!(content.is_same(&mut &bytes[..]).unwrap());
                assert!(!content.is_same(&mut (&bytes[..]).chain(&b"x"[..])).unwrap());
                if let Some((_, but_last)) = bytes.split_last() {
                    assert!(!content.is_same(&mut &but_last[..]).unwrap());
                }
                let mut reader = content.reader().unwrap();
                let from = reader.seek(SeekFrom::End(-(size.min(5) as i64))).unwrap() as usize;
                let mut end = Vec::new();
                reader.read_to_end(&mut end).unwrap();
                assert_eq!(end, bytes[from..]);
            }
        }
    }

    #[test]
    fn large_texts_share_a_file() {
        let text = |letter: &str| letter.repeat((SMALL as usize) + 7);
        let texts: Vec<String> = ["a", "b", "c"].map(text).into();
        let contents: Vec<Content> =
            texts.iter().cloned().map(|text| Content::of_text(text).unwrap()).collect();
        for (content, text) in contents.iter().zip(&texts) {
            assert!(content.bytes().is_none());
            assert_eq!(content.read().unwrap(), text.as_bytes());
            assert_eq!(content.sha256().unwrap(), sha256(&mut text.as_bytes()).unwrap());
            let mut end = Vec::new();
            let mut reader = content.reader().unwrap();
            reader.seek(SeekFrom::End(-3)).unwrap();
            reader.read_to_end(&mut end).unwrap();
            assert_eq!(end, &text.as_bytes()[text.len() - 3..]);
        }
        assert_ne!(contents[0], contents[1]);
        assert_eq!(contents[0], contents[0].clone());
        let written = serde_json::to_value(&contents[0]).unwrap();
        assert_eq!(written, format!("sha256:{}", contents[0].sha256().unwrap()));
        let read: Content = serde_json::from_value("short".into()).unwrap();
        assert_eq!(read.bytes(), Some(&b"short"[..]));
    }
}
