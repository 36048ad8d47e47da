//! What was reached before, in a file that is kept with the sources: it may not be fallen below.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use audit_runtime::trail::Json;
use serde::Deserialize;

use super::book::{Cell, Row, Tally};
use super::column::{Column, Measure};

const SCHEMA: &str = "audit-coverage/1";

/// Covered cells by site, and tallies by measure.
#[derive(Debug, Deserialize)]
pub(crate) struct Base {
    schema: String,
    covered: BTreeMap<String, BTreeSet<String>>,
    tallies: BTreeMap<String, (u64, u64)>,
}

impl Base {
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub(crate) fn read(file: &Path) -> io::Result<Base> {
        let named = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", file.display()));
        let text = fs::read_to_string(file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        let base: Base = serde_json::from_str(&text).map_err(|error| named(error.to_string()))?;
        if base.schema != SCHEMA {
            return Err(named(format!("its schema is `{}`, and this program reads `{SCHEMA}`", base.schema)));
        }
        Ok(base)
    }

    /// What it holds of these rows, a site a line so that a change is a line of a diff.
    pub(crate) fn text(rows: &[&Row], tallies: &[(Measure, Tally)]) -> String {
        let covered = |row: &Row| {
            let cells = Column::ALL.into_iter().filter(|column| matches!(row.cell(*column), Cell::Seen(_)));
            Json::List(cells.map(|column| column.name().into()).collect())
        };
        let sites: Vec<String> = rows
            .iter()
            .filter(|row| row.is_site())
            .map(|row| format!("    {}: {}", Json::from(row.site.as_str()), covered(row)))
            .collect();
        let tallies: Vec<String> = tallies
            .iter()
            .map(|(measure, Tally { covered, of })| format!("    {}: [{covered},{of}]", Json::from(measure.name())))
            .collect();
        format!(
            "{{\n  \"schema\": \"{SCHEMA}\",\n  \"tallies\": {{\n{}\n  }},\n  \"covered\": {{\n{}\n  }}\n}}\n",
            tallies.join(",\n"),
            sites.join(",\n")
        )
    }

    /// Whether the site was there.
    pub(crate) fn knows(&self, row: &Row) -> bool {
        self.covered.contains_key(&row.site)
    }

    /// Whether this cell was covered.
    pub(crate) fn had(&self, row: &Row, column: Column) -> bool {
        self.covered.get(&row.site).is_some_and(|cells| cells.contains(column.name()))
    }

    pub(crate) fn tally(&self, measure: Measure) -> Option<Tally> {
        self.tallies.get(measure.name()).map(|(covered, of)| Tally { covered: *covered, of: *of })
    }
}
