//! What `dmidecode` prints of the tables of the firmware.

use serde_json::{Map, Value, json};

/// The kinds of records that Ohai tells, and its names for them. The kernel's files tell nothing of
/// the others either.
const KINDS: &[(&str, &str)] = &[
    ("0", "bios"),
    ("1", "system"),
    ("2", "base_board"),
    ("3", "chassis"),
    ("4", "processor"),
    ("6", "memory_module"),
    ("11", "oem_strings"),
];

/// Fields that are not the hardware's.
const SKIPPED: &[&str] = &[
    "application_identifier",
    "caption",
    "creation_class_name",
    "size",
    "system_creation_class_name",
    "record_id",
];

/// Every record as it is told (`all_records`), and beside them what all records of a kind have in
/// common.
pub(crate) fn parse(output: &str) -> Map<String, Value> {
    let mut dmi = Map::new();
    let mut record: Option<Record> = None;
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(handle) = line.strip_prefix("Handle ") {
            keep(&mut dmi, record.take());
            record = Record::begin(handle);
        } else if let Some(value) = line.strip_prefix("\t\t") {
            if let Some(record) = &mut record {
                record.add_to_list(value);
            }
        } else if let Some(field) = line.strip_prefix('\t') {
            if let Some(record) = &mut record {
                record.add_field(field);
            }
        } else if let Some(record) = &mut record {
            record.fields.entry("application_identifier").or_insert_with(|| json!(line));
        } else {
            heading(&mut dmi, line);
        }
    }
    keep(&mut dmi, record);
    for part in dmi.values_mut().filter_map(Value::as_object_mut) {
        let common = in_common(part);
        part.extend(common);
    }
    dmi
}

struct Record {
    kind: &'static str,
    fields: Map<String, Value>,
    last: Option<String>,
}

impl Record {
    /// `0x0100, DMI type 1, 27 bytes`; `size` is what Ohai calls the type.
    fn begin(handle: &str) -> Option<Self> {
        let (id, rest) = handle.split_once(", DMI type ")?;
        let (number, _) = rest.split_once(',')?;
        let (_, kind) = KINDS.iter().find(|(known, _)| *known == number)?;
        let fields = Map::from_iter([
            ("record_id".to_owned(), json!(id)),
            ("size".to_owned(), json!(number)),
        ]);
        Some(Self { kind, fields, last: None })
    }

    /// `Vendor: SeaBIOS`, or only `Characteristics:`
    fn add_field(&mut self, field: &str) {
        let Some((name, value)) = field.split_once(':') else { return };
        let value = value.strip_prefix(' ').map_or(Value::Null, |value| json!(value));
        self.fields.insert(name.to_owned(), value);
        self.last = Some(name.to_owned());
    }

    /// A list is a map whose values are null.
    fn add_to_list(&mut self, entry: &str) {
        let Some(field) = self.last.as_ref().and_then(|name| self.fields.get_mut(name)) else {
            return;
        };
        if !field.is_object() {
            *field = json!({});
        }
        field[entry] = Value::Null;
    }
}

fn heading(dmi: &mut Map<String, Value>, line: &str) {
    if let Some(version) = line.strip_prefix("# dmidecode ") {
        dmi.insert("dmidecode_version".to_owned(), json!(version));
    } else if let Some(version) =
        line.strip_prefix("SMBIOS ").and_then(|rest| rest.strip_suffix(" present."))
    {
        dmi.insert("smbios_version".to_owned(), json!(version));
    } else if let Some((count, rest)) = line.split_once(" structures occupying ") {
        let size = rest.strip_suffix(" bytes.").unwrap_or(rest);
        dmi.insert("structures".to_owned(), json!({ "count": count, "size": size }));
    } else if let Some(at) = line.strip_prefix("Table at ").and_then(|rest| rest.strip_suffix('.'))
    {
        // Ohai does not know of an F in an address.
        if !at.contains('F') {
            dmi.insert("table_location".to_owned(), json!(at));
        }
    }
}

fn keep(dmi: &mut Map<String, Value>, record: Option<Record>) {
    let Some(Record { kind, fields, .. }) = record else { return };
    let part = dmi.entry(kind).or_insert_with(|| json!({ "all_records": [] }));
    if let Some(Value::Array(records)) = part.get_mut("all_records") {
        records.push(fields.into());
    }
}

fn in_common(part: &Map<String, Value>) -> Map<String, Value> {
    let mut common: Map<String, Value> = Map::new();
    let records = part.get("all_records").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (name, value) in records.iter().filter_map(Value::as_object).flatten() {
        let name: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        let Some(value) =
            value.as_str().map(str::trim).filter(|_| !SKIPPED.contains(&name.as_str()))
        else {
            continue;
        };
        let known = common.entry(name).or_insert_with(|| json!(value));
        if known.as_str() != Some(value) {
            *known = Value::Null;
        }
    }
    common.retain(|_, value| !value.is_null());
    common
}
