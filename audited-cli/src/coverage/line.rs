//! One line, as a test process wrote it.

use serde::Deserialize;

use super::column::{End, Fault, Grade};

/// The version that is read here.
const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Versioned {
    v: u64,
}

/// What a line says; the testkit's module `coverage` describes each.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "line", rename_all = "lowercase")]
pub(crate) enum Line {
    Build { program: String, built: u64, began: u64 },
    Site(Site),
    Fallible { site: String },
    Moment { site: String, phase: String, can_fail: bool },
    Case { test: String, case: String, site: String, phase: String, kind: Fault, fired: bool },
    Exit { site: String, exit: End, grade: Grade, kind: Fault },
    Asserted { site: String, exit: End, kind: Fault },
    Failed(Failed),
}

/// A site of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Site {
    pub(crate) site: String,
    pub(crate) node: String,
    pub(crate) file: String,
    pub(crate) at: u32,
    pub(crate) form: Form,
    pub(crate) awaits: Vec<u32>,
    pub(crate) questions: Vec<u32>,
    /// `LINE name` of each macro that could not be seen into.
    pub(crate) blind: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    Sync,
    Async,
}

/// A case that broke a promise, or that never fired.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Failed {
    pub(crate) test: String,
    pub(crate) case: String,
    pub(crate) site: String,
    pub(crate) kind: Fault,
    pub(crate) broke: Vec<String>,
    pub(crate) replay: String,
}

impl Line {
    /// Reads a line; what is wrong with it, as a sentence.
    pub(crate) fn parse(text: &str) -> Result<Line, String> {
        let Versioned { v } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if v != VERSION {
            return Err(format!("it is of version {v}, and this program reads version {VERSION}"));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_read_says_why() {
        let said = |text: &str| Line::parse(text).expect_err(text);
        assert!(said("{\"v\":1,\"line\":\"exit\",\"site\":\"a\"").contains("EOF"));
        assert!(said("{\"v\":2,\"line\":\"fallible\",\"site\":\"a\"}").contains("version 2"));
        assert!(said("{\"v\":1,\"line\":\"fallible\"}").contains("missing field `site`"));
        assert!(said("{\"v\":1,\"line\":\"farewell\",\"site\":\"a\"}").contains("unknown variant `farewell`"));
        assert!(Line::parse("{\"v\":1,\"line\":\"fallible\",\"site\":\"a\",\"later\":0}").is_ok());
    }
}
