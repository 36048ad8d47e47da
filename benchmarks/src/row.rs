//! One line of the result.

use serde_json::{Value, json};

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// Of times: smaller is better.
    AtMost(f64),
    /// Of rates: larger is better.
    AtLeast(f64),
    /// A measurement without a mark.
    None,
}

/// Ours against one peer.
#[derive(Clone, Debug)]
pub struct Row {
    /// The bench.
    pub bench: String,
    /// What it is compared with.
    pub peer: String,
    /// Median of ours.
    pub ours: f64,
    /// Median of the peer.
    pub peers: f64,
    /// Unit of both.
    pub unit: &'static str,
    /// Median of the pairs' ratios, ours to peer.
    pub ratio: f64,
    /// Smallest and largest ratio of a pair.
    pub spread: (f64, f64),
    /// Pairs that count.
    pub pairs: usize,
    /// Not enough quiet pairs were found: pairs beside which other programs ran are among them.
    pub noisy: bool,
    /// What the ratio should be.
    pub mark: Mark,
}

impl Row {
    /// A figure that has no peer: its ratio is to a fixed `mark` in the same unit.
    pub fn figure(bench: &str, peer: &str, unit: &'static str, ours: f64, peers: f64, mark: Mark) -> Row {
        let ratio = if peers == 0.0 { ours } else { ours / peers };
        let (bench, peer) = (bench.to_owned(), peer.to_owned());
        Row { bench, peer, ours, peers, unit, ratio, spread: (ratio, ratio), pairs: 1, noisy: false, mark }
    }

    /// The line for programs.
    pub fn json(&self) -> String {
        let (mark, met) = match self.mark {
            Mark::AtMost(most) => (json!({ "at_most": most }), json!(self.ratio <= most)),
            Mark::AtLeast(least) => (json!({ "at_least": least }), json!(self.ratio >= least)),
            Mark::None => (Value::Null, Value::Null),
        };
        json!({
            "bench": self.bench,
            "peer": self.peer,
            "ours": rounded(self.ours),
            "peers": rounded(self.peers),
            "unit": self.unit,
            "ratio": rounded(self.ratio),
            "spread": [rounded(self.spread.0), rounded(self.spread.1)],
            "pairs": self.pairs,
            "noisy": self.noisy,
            "mark": mark,
            "met": met,
        })
        .to_string()
    }

    /// Names of the columns.
    pub fn heading() -> String {
        let names = ("bench", "ours", "peer's", "unit", "ratio", "spread", "mark", "peer");
        format!(
            "{:<13} {:>12} {:>12} {:<11} {:>8} {:>17} {:>9}       {}",
            names.0, names.1, names.2, names.3, names.4, names.5, names.6, names.7
        )
    }

    /// The line for people, from the line for programs.
    pub fn table_line(row: &Value) -> String {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let number = |value: &Value| value.as_f64().map(shown).unwrap_or_default();
        let mark = match (&row["mark"]["at_most"], &row["mark"]["at_least"]) {
            (Value::Number(most), _) => format!("<= {most}"),
            (_, Value::Number(least)) => format!(">= {least}"),
            _ => String::new(),
        };
        let verdict = match (row["met"].as_bool(), row["noisy"].as_bool()) {
            (_, Some(true)) => "noisy",
            (Some(true), _) => "ok",
            (Some(false), _) => "MISS",
            (None, _) => "",
        };
        let spread = format!("{} … {}", number(&row["spread"][0]), number(&row["spread"][1]));
        format!(
            "{:<13} {:>12} {:>12} {:<11} {:>8} {:>17} {:>9} {:<6}{}",
            text("bench"),
            number(&row["ours"]),
            number(&row["peers"]),
            text("unit"),
            number(&row["ratio"]),
            spread,
            mark,
            verdict,
            text("peer")
        )
    }
}

/// Four significant digits: more would claim what was not measured.
fn rounded(n: f64) -> f64 {
    if n == 0.0 || !n.is_finite() {
        return n;
    }
    let scale = 10f64.powi(3 - n.abs().log10().floor() as i32);
    (n * scale).round() / scale
}

fn shown(n: f64) -> String {
    match n.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1000.0 => format!("{n:.0}"),
        size if size >= 10.0 => format!("{n:.1}"),
        size if size >= 1.0 => format!("{n:.2}"),
        _ => format!("{n:.3}"),
    }
}
