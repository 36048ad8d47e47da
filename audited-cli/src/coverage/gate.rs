//! What a file asks for: floors, excuses, a base that may not be fallen below. Every mistake in it is told at once, with its
//! line and what belongs there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::book::Book;
use super::column::Measure;
use crate::near::names_near;

/// The file, understood.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// The sites that it looks at; all when there is none.
    pub(crate) sites: Vec<String>,
    /// Percent of what is applicable.
    pub(crate) floors: BTreeMap<Measure, f64>,
    pub(crate) excuses: Vec<Excuse>,
    /// Beside the gate file, unless it is absolute.
    pub(crate) base: Option<PathBuf>,
}

/// A cell that need not be covered for a while.
#[derive(Clone, Debug)]
pub(crate) struct Excuse {
    pub(crate) site: String,
    pub(crate) kind: Measure,
    pub(crate) reason: String,
    /// The last day on which it stands, `YYYY-MM-DD`.
    pub(crate) expires: String,
    /// `FILE:LINE`.
    pub(crate) place: String,
}

const KEYS: &[&str] = &["sites", "floors", "excuse", "base"];
const EXCUSE: &[&str] = &["site", "kind", "reason", "expires"];

/// Whether a name is meant: the path, the end of it, or `prefix::**`.
pub(crate) fn fits(pattern: &str, site: &str) -> bool {
    match pattern.strip_suffix("**") {
        Some(prefix) => site.starts_with(prefix) || site.contains(&format!("::{prefix}")),
        None => site == pattern || site.ends_with(&format!("::{pattern}")),
    }
}

impl Gate {
    /// Reads a gate file.
    ///
    /// # Errors
    /// Each mistake as `FILE:LINE: sentence`.
    pub(crate) fn parse(file: &Path, text: &str, book: &Book) -> Result<Gate, Vec<String>> {
        let mut reader = Reader { file: file.display().to_string(), text, book, wrong: Vec::new() };
        let gate = match DeTable::parse(text) {
            Ok(table) => reader.gate(table.get_ref(), file),
            Err(error) => {
                reader.say(error.span().map_or(0, |span| span.start), error.message().to_owned());
                Gate::default()
            }
        };
        if reader.wrong.is_empty() { Ok(gate) } else { Err(reader.wrong) }
    }

    /// Whether it looks at this site.
    pub(crate) fn wants(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|pattern| fits(pattern, site))
    }
}

struct Reader<'a> {
    file: String,
    text: &'a str,
    book: &'a Book,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn place(&self, at: usize) -> String {
        let lines = self.text.get(..at).map_or(0, |before| before.matches('\n').count());
        format!("{}:{}", self.file, lines + 1)
    }

    fn say(&mut self, at: usize, what: String) {
        let place = self.place(at);
        self.wrong.push(format!("{place}: {what}"));
    }

    fn unknown(&mut self, at: usize, what: &str, name: &str, known: &[&str]) {
        let cure = match names_near(name, known.iter().copied()).as_slice() {
            [] => format!("there are {}", known.join(", ")),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        self.say(at, format!("no {what} is called `{name}`; {cure}"));
    }

    fn gate(&mut self, table: &DeTable<'_>, file: &Path) -> Gate {
        let mut gate = Gate::default();
        for (key, value) in table.iter() {
            let at = key.span().start;
            match &**key.get_ref() {
                "sites" => gate.sites = self.sites(value),
                "floors" => gate.floors = self.floors(value),
                "excuse" => gate.excuses = self.excuses(value),
                "base" => {
                    let base = self.text(value, "base");
                    gate.base = base.map(|base| file.parent().unwrap_or(Path::new("")).join(base));
                }
                other => self.unknown(at, "key", other, KEYS),
            }
        }
        gate
    }

    fn text(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<String> {
        let text = value.get_ref().as_str().map(str::trim).filter(|text| !text.is_empty());
        if text.is_none() {
            self.say(value.span().start, format!("`{what}` is a text with something in it"));
        }
        text.map(str::to_owned)
    }

    fn site(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<String> {
        let pattern = self.text(value, what)?;
        let names: Vec<&str> = self.book.rows.iter().filter(|row| row.is_site()).map(|row| row.site.as_str()).collect();
        if !names.iter().any(|name| fits(&pattern, name)) {
            let near = names_near(pattern.trim_end_matches("::**"), names.iter().copied());
            let near = if near.is_empty() { String::new() } else { format!("; near names: {}", near.join(", ")) };
            self.say(value.span().start, format!("no audited site of these runs is called `{pattern}`{near}"));
        }
        Some(pattern)
    }

    fn sites(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
            self.say(value.span().start, "`sites` is a list of names: [\"billing::**\"]".to_owned());
            return Vec::new();
        };
        list.iter().filter_map(|name| self.site(name, "sites")).collect()
    }

    fn floors(&mut self, value: &Spanned<DeValue<'_>>) -> BTreeMap<Measure, f64> {
        let mut floors = BTreeMap::new();
        let Some(table) = value.get_ref().as_table() else {
            self.say(value.span().start, "`floors` is a table: [floors]".to_owned());
            return floors;
        };
        for (key, value) in table.iter() {
            let measure = self.measure(key.get_ref(), key.span().start);
            let number = match value.get_ref() {
                DeValue::Integer(whole) => whole.as_str().parse().ok(),
                DeValue::Float(number) => number.as_str().parse().ok(),
                _ => None,
            };
            match (measure, number.filter(|percent: &f64| (0.0..=100.0).contains(percent))) {
                (Some(measure), Some(percent)) => {
                    floors.insert(measure, percent);
                }
                (_, None) => self.say(value.span().start, "a floor is a number of percent, 0 to 100".to_owned()),
                (None, _) => {}
            }
        }
        floors
    }

    fn measure(&mut self, name: &str, at: usize) -> Option<Measure> {
        let known = Measure::named(name);
        if known.is_none() {
            self.unknown(at, "kind", name, &Measure::ALL.map(Measure::name));
        }
        known
    }

    fn excuses(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Excuse> {
        let Some(list) = value.get_ref().as_array() else {
            self.say(value.span().start, "excuses are tables in a list: [[excuse]]".to_owned());
            return Vec::new();
        };
        list.iter().filter_map(|excuse| self.excuse(excuse)).collect()
    }

    fn excuse(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Excuse> {
        let at = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            self.say(at, "an excuse is a table: [[excuse]]".to_owned());
            return None;
        };
        let (mut site, mut kind, mut reason, mut expires) = (None, None, None, None);
        for (key, value) in table.iter() {
            match &**key.get_ref() {
                "site" => site = self.site(value, "site"),
                "kind" => {
                    let name = self.text(value, "kind");
                    kind = name.and_then(|name| self.measure(&name, value.span().start));
                }
                "reason" => reason = self.text(value, "reason"),
                "expires" => expires = self.day(value),
                other => self.unknown(key.span().start, "key of an excuse", other, EXCUSE),
            }
        }
        for name in EXCUSE.iter().filter(|name| !table.keys().any(|key| key.get_ref() == *name)) {
            self.say(at, format!("this excuse lacks `{name}`"));
        }
        if kind == Some(Measure::Total) {
            self.say(at, "an excuse names one kind: `total` is none".to_owned());
        }
        Some(Excuse { site: site?, kind: kind?, reason: reason?, expires: expires?, place: self.place(at) })
    }

    fn day(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let day = match value.get_ref() {
            DeValue::Datetime(moment) if moment.time.is_none() => Some(moment.to_string()),
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        };
        let day = day.filter(|day| is_day(day));
        if day.is_none() {
            self.say(value.span().start, "`expires` is a day: 2027-06-30".to_owned());
        }
        day
    }
}

/// Whether this is a day of the calendar, as `YYYY-MM-DD`: such texts sort as the days do.
pub(crate) fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, width: usize| -> Option<u32> {
        let digits = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| digits)
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for day in ["2026-01-31", "2028-02-29", "2000-02-29", "2026-12-01"] {
            assert!(is_day(day), "{day}");
        }
        for none in ["2026-02-29", "2100-02-29", "2026-13-01", "2026-1-1", "2026-04-31", "tomorrow", "2026-00-10", ""] {
            assert!(!is_day(none), "{none}");
        }
    }

    #[test]
    fn a_name_is_meant_by_its_path_its_end_or_a_prefix() {
        assert!(fits("billing::charge", "billing::charge") && fits("charge", "billing::charge"));
        assert!(fits("billing::**", "billing::card::charge") && fits("card::**", "billing::card::charge"));
        assert!(!fits("arge", "billing::charge") && !fits("mail::**", "billing::charge"));
    }
}
