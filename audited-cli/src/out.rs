//! Stdout: data only. Colour on a terminal unless `NO_COLOR` is set; what a trail holds never reaches the terminal as
//! control characters; a reader that goes away ends us quietly.

use std::io::{self, IsTerminal, Write};

/// How a piece of a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Unknown,
}

/// Text, line by line, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Page {
    lines: Vec<Vec<(Tone, String)>>,
}

impl Page {
    /// A line of one tone.
    pub(crate) fn line(&mut self, tone: Tone, text: impl Into<String>) {
        self.lines.push(vec![(tone, text.into())]);
    }

    /// A plain line.
    pub(crate) fn plain(&mut self, text: impl Into<String>) {
        self.line(Tone::Plain, text);
    }

    /// A line of several pieces.
    pub(crate) fn pieces<const N: usize>(&mut self, pieces: [(Tone, String); N]) {
        self.lines.push(pieces.into());
    }

    /// A line of any number of pieces.
    pub(crate) fn spans(&mut self, pieces: Vec<(Tone, String)>) {
        self.lines.push(pieces);
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.lines.push(Vec::new());
    }

    /// Words, wrapped at the page's width; lines after the first are indented.
    pub(crate) fn wrapped(&mut self, text: &str, first: &str, rest: &str) {
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.plain(std::mem::replace(&mut line, rest.to_owned()));
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.plain(line);
    }
}

/// Columns of a page.
pub(crate) const WIDTH: usize = 80;

/// The tone of a status.
pub(crate) fn tone_of(status: &str) -> Tone {
    match status {
        "COMPLETED" | "closed" | "settled" => Tone::Good,
        "FAILED" | "COMPLETED_WITH_FAILURES" => Tone::Bad,
        "ABANDONED" | "OPEN" | "DEFERRED" | "INTERRUPTED" | "end not attested" => Tone::Unknown,
        _ => Tone::Plain,
    }
}

/// At most `width` characters; a cut shows.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// At most `width` characters, the end of the text kept: paths differ in their last parts.
pub(crate) fn fit_end(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(count + 1 - width).collect();
    format!("…{kept}")
}

/// The text with everything that a terminal would act on made visible.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Out {
    colour: bool,
}

impl Out {
    pub(crate) fn stdout() -> Out {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Out { colour: wanted && io::stdout().is_terminal() }
    }

    /// Writes a page.
    pub(crate) fn page(&self, page: &Page) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for line in &page.lines {
            for (tone, text) in line {
                let text = clean(text);
                match code(*tone).filter(|_| self.colour) {
                    Some(code) => write!(out, "\x1b[{code}m{text}\x1b[0m")?,
                    None => out.write_all(text.as_bytes())?,
                }
            }
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Writes one line as it is.
    pub(crate) fn raw(&self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Bold => Some("1"),
        Tone::Dim => Some("2"),
        Tone::Good => Some("32"),
        Tone::Bad => Some("31"),
        Tone::Unknown => Some("33"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_becomes_visible() {
        assert_eq!(clean("a\x1b[31mb\u{202e}"), "a\\u{1b}[31mb\\u{202e}");
    }

    #[test]
    fn wrapped_text_keeps_to_the_width() {
        let mut page = Page::default();
        page.wrapped(&"word ".repeat(60), "- ", "  ");
        assert!(page.lines.len() > 3);
        assert!(page.lines.iter().all(|line| line[0].1.chars().count() <= WIDTH));
    }
}
