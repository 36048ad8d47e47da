//! Whose method a function is, where the attribute stands on the method itself. A macro is shown the method and nothing
//! around it, so the block that holds it is looked up in the source. Where there is no source to read, because a macro
//! made the method or an editor holds the file, the method keeps its own name without a type.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use proc_macro2::Span;

use crate::expand::owner_name;

thread_local! {
    /// What was read of each file, once for all of its functions.
    static READ: RefCell<HashMap<PathBuf, Vec<Change>>> = RefCell::new(HashMap::new());
}

/// The type or trait in whose block this name stands.
pub fn of(name: Span) -> Option<String> {
    if !proc_macro::is_available() {
        return None;
    }
    let name = name.unwrap();
    let file = name.local_file()?;
    let place = Place { line: name.line(), column: name.column() };
    READ.with_borrow_mut(|read| {
        let changes = read.entry(file).or_insert_with_key(|file| {
            std::fs::read_to_string(file).map_or_else(|_| Vec::new(), |text| changes(&text))
        });
        owner_at(changes, place)
    })
}

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: usize,
    column: usize,
}

/// From here on the code stands directly in the block of this type, or in none.
#[derive(Debug)]
struct Change {
    at: Place,
    owner: Option<String>,
}

fn owner_at(changes: &[Change], place: Place) -> Option<String> {
    let behind = changes.partition_point(|change| change.at <= place);
    changes[..behind].last()?.owner.clone()
}

/// A brace that is open, and what is known inside it.
struct Block {
    owner: Option<String>,
    /// Where the item that is being read begins.
    item: usize,
    /// Parentheses and brackets that are open: a `;` in them ends no item.
    nested: usize,
}

/// Every place where the innermost block changes.
fn changes(text: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut outer = Vec::new();
    let mut block = Block { owner: None, item: 0, nested: 0 };
    let mut source = Source { text, at: 0, place: Place { line: 1, column: 1 } };
    while let Some(c) = source.next_code() {
        match c {
            '{' => {
                let owner = named_by(&text[block.item..source.at - 1]);
                let inner = Block { owner, item: source.at, nested: 0 };
                outer.push(std::mem::replace(&mut block, inner));
                changes.push(Change { at: source.place, owner: block.owner.clone() });
            }
            '}' => {
                let Some(back) = outer.pop() else { return changes };
                block = Block { item: source.at, ..back };
                changes.push(Change { at: source.place, owner: block.owner.clone() });
            }
            '(' | '[' => block.nested += 1,
            ')' | ']' => {
                block.nested = block.nested.saturating_sub(1);
                // An inner attribute belongs to what is around the item.
                if block.nested == 0 && text[block.item..].trim_start().starts_with("#!") {
                    block.item = source.at;
                }
            }
            ';' if block.nested == 0 => block.item = source.at,
            _ => {}
        }
    }
    changes
}

/// The type or trait whose block has this head.
fn named_by(head: &str) -> Option<String> {
    let has = |word: &str| head.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word);
    let block = format!("{head} {{}}");
    if has("impl")
        && let Ok(item) = syn::parse_str::<syn::ItemImpl>(&block)
    {
        return Some(owner_name(&item.self_ty));
    }
    if has("trait")
        && let Ok(item) = syn::parse_str::<syn::ItemTrait>(&block)
    {
        return Some(item.ident.to_string());
    }
    None
}

/// The characters of a source, without what stands in comments and literals.
struct Source<'a> {
    text: &'a str,
    at: usize,
    place: Place,
}

impl Source<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        self.place = match c {
            '\n' => Place { line: self.place.line + 1, column: 1 },
            _ => Place { column: self.place.column + 1, ..self.place },
        };
        Some(c)
    }

    /// Goes behind the next `end`.
    fn skip_past(&mut self, end: &str) {
        while !self.rest().is_empty() && !self.rest().starts_with(end) {
            self.bump();
        }
        for _ in end.chars() {
            self.bump();
        }
    }

    /// The next character that is code; a word is one of its characters.
    fn next_code(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            if rest.starts_with("//") {
                self.skip_past("\n");
            } else if rest.starts_with("/*") {
                self.skip_comment();
            } else if let Some(hashes) = raw_string(rest) {
                self.skip_past("\"");
                self.skip_past(&format!("\"{}", "#".repeat(hashes)));
            } else if rest.starts_with('"') {
                self.bump();
                self.skip_text('"');
            } else if rest.starts_with('\'') {
                self.bump();
                if self.is_character() {
                    self.skip_text('\'');
                }
            } else if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                while self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                    self.bump();
                }
                // The prefix of a byte or C string ends where its quote begins, like any word.
                return Some('w');
            } else {
                return self.bump();
            }
        }
    }

    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest().is_empty() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.bump();
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.bump();
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    /// Behind an opening quote: whether a character follows, and no lifetime.
    fn is_character(&self) -> bool {
        let mut chars = self.rest().chars();
        match chars.next() {
            Some('\\') => true,
            Some(_) => chars.next() == Some('\''),
            None => false,
        }
    }

    /// Goes behind the closing quote.
    fn skip_text(&mut self, quote: char) {
        while let Some(c) = self.bump() {
            match c {
                '\\' => {
                    self.bump();
                }
                c if c == quote => return,
                _ => {}
            }
        }
    }
}

/// How many hashes stand around a raw string that begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let rest = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r##"#![allow(dead_code)]
impl<T> Store<T> where T: Fn() -> [u8; 3] {
    // } { impl Comment {
    fn first(&self) -> char { '{' }
    fn second<'a>(&'a self) { let _ = ("}}", r#"" { "#, b'{', '\'', "\"{"); }
    const X: [u8; 2] = { [0; 2] };
    fn third() { fn inner() {} struct Local; impl Local { fn local() {} } }
}
fn free() {}
/* { /* nested { */ } */ mod deep { pub(crate) trait Tells: Sized { fn told(&self) {} }
    unsafe impl<'a> super::Tells for &'a mut Vec<u8> { fn told(&self) {} } fn beside() {} }
#[cfg(all())] impl std::fmt::Display for crate::deep::Name<{ 1 + 1 }> { fn odd() {} }
impl Last { fn r#type() {} }
"##;

    fn owner_of(name: &str, occurrence: usize) -> Option<String> {
        let (at, _) = SOURCE.match_indices(&format!("fn {name}")).nth(occurrence).expect("it stands there");
        let before = &SOURCE[..at + 3];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().expect("a line").chars().count() + 1;
        owner_at(&changes(SOURCE), Place { line, column })
    }

    #[test]
    fn a_method_is_found_in_its_block_and_nowhere_else() {
        let cases = [
            ("first", 0, Some("Store")),
            ("second", 0, Some("Store")),
            ("third", 0, Some("Store")),
            ("inner", 0, None),
            ("local", 0, Some("Local")),
            ("free", 0, None),
            ("told", 0, Some("Tells")),
            ("told", 1, Some("&'amutVec<u8>")),
            ("beside", 0, None),
            ("odd", 0, None),
            ("r#type", 0, Some("Last")),
        ];
        for (name, occurrence, owner) in cases {
            assert_eq!(owner_of(name, occurrence).as_deref(), owner, "{name}");
        }
    }

    #[test]
    fn a_source_that_is_cut_off_anywhere_is_read_as_far_as_it_goes() {
        for (at, _) in SOURCE.char_indices() {
            assert!(changes(&SOURCE[..at]).len() <= changes(SOURCE).len());
        }
    }
}
