//! All mistakes of one attribute, shown together.

use proc_macro2::{Span, TokenStream};

/// Mistakes, in the order in which they were found.
#[derive(Default)]
pub struct Report(Vec<syn::Error>);

impl Report {
    /// Adds a mistake.
    pub fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Adds a mistake at a place.
    pub fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new(span, message));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One `compile_error!` a mistake.
    pub fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// The candidate that differs least from what was written, if it is near enough to be meant.
pub fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| (distance(written, candidate), *candidate))
        .filter(|(steps, _)| *steps <= limit)
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut rows: Vec<usize> = (0..width).collect();
    for i in 1..=a.len() {
        rows.push(i);
        for j in 1..=b.len() {
            let at = |i: usize, j: usize| rows[i * width + j];
            let replace = at(i - 1, j - 1) + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(at(i - 1, j) + 1).min(at(i, j - 1) + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(at(i - 2, j - 2) + 1);
            }
            rows.push(best);
        }
    }
    rows.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("nod", &["node", "kind"]), Some("node"));
        assert_eq!(nearest("dgiest", &["digest", "durable"]), Some("digest"));
        assert_eq!(nearest("banana", &["digest", "durable"]), None);
    }
}
