//! Memory, as text with its unit: `16330236kB`.

use serde_json::{Map, Value, json};

use super::{facts, text};
use crate::system::Query;

/// Ohai's names for the lines of `/proc/meminfo` that it tells.
const NAMES: &[(&str, &str)] = &[
    ("total", "MemTotal"),
    ("free", "MemFree"),
    ("available", "MemAvailable"),
    ("buffers", "Buffers"),
    ("cached", "Cached"),
    ("active", "Active"),
    ("inactive", "Inactive"),
    ("high_total", "HighTotal"),
    ("high_free", "HighFree"),
    ("low_total", "LowTotal"),
    ("low_free", "LowFree"),
    ("dirty", "Dirty"),
    ("writeback", "Writeback"),
    ("anon_pages", "AnonPages"),
    ("mapped", "Mapped"),
    ("slab", "Slab"),
    ("slab_reclaimable", "SReclaimable"),
    ("slab_unreclaim", "SUnreclaim"),
    ("page_tables", "PageTables"),
    ("nfs_unstable", "NFS_Unstable"),
    ("bounce", "Bounce"),
    ("commit_limit", "CommitLimit"),
    ("committed_as", "Committed_AS"),
    ("vmalloc_total", "VmallocTotal"),
    ("vmalloc_used", "VmallocUsed"),
    ("vmalloc_chunk", "VmallocChunk"),
    ("hugepage_size", "Hugepagesize"),
    ("hugetlb", "Hugetlb"),
];
const SWAP: &[(&str, &str)] =
    &[("cached", "SwapCached"), ("total", "SwapTotal"), ("free", "SwapFree")];
const HUGE_PAGES: &[(&str, &str)] = &[
    ("total", "HugePages_Total"),
    ("free", "HugePages_Free"),
    ("reserved", "HugePages_Rsvd"),
    ("surplus", "HugePages_Surp"),
];
const DIRECT_MAP: &[(&str, &str)] = &[
    ("4k", "DirectMap4k"),
    ("2M", "DirectMap2M"),
    ("4M", "DirectMap4M"),
    ("64k", "DirectMap64k"),
    ("1M", "DirectMap1M"),
    ("1G", "DirectMap1G"),
    ("2G", "DirectMap2G"),
];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let text = text(query, "/proc/meminfo");
    let lines: Map<String, Value> = text.lines().filter_map(parse).collect();
    let told = |names: &[(&str, &str)]| -> Map<String, Value> {
        names
            .iter()
            .filter_map(|(name, line)| Some(((*name).to_owned(), lines.get(*line)?.clone())))
            .collect()
    };
    let mut memory = told(NAMES);
    memory.insert("swap".to_owned(), told(SWAP).into());
    memory.insert("hugepages".to_owned(), told(HUGE_PAGES).into());
    memory.insert("directmap".to_owned(), told(DIRECT_MAP).into());
    facts([("memory", (!lines.is_empty()).then(|| memory.into()))])
}

/// `MemTotal:       24684092 kB`; some lines are plain numbers.
fn parse(line: &str) -> Option<(String, Value)> {
    let (name, rest) = line.split_once(':')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    Some((name.to_owned(), json!(words.concat())))
}
