//! What is read from the sources and what is linked into the program tell the same.

use crate::surface::{Stand, Surface};
use audit_runtime::catalogue;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files of this test program: only what is compiled here is in its catalogue.
fn sources() -> Vec<PathBuf> {
    vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attribute")]
}

/// `file:line:column` from the name of the file on.
fn place(file: &str, line: usize, column: usize) -> String {
    let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{name}:{line}:{column}")
}

fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn the_surface_equals_the_catalogue() {
    let surface = Surface::read(&sources()).expect("readable sources");
    assert!(surface.unread.is_empty(), "{:?}", surface.unread);
    let read: BTreeSet<(String, String)> = surface
        .functions
        .iter()
        .filter(|function| function.conditions.is_empty())
        .filter_map(|function| match &function.stand {
            Stand::Audited(options) => Some((place(&function.file, function.line, function.column), dense(options))),
            Stand::LeftOut(_) | Stand::Plain => None,
        })
        .collect();
    // What a macro makes stands at the line of its call, which the surface names as not seen into.
    let line = |file: &str, line: usize| place(file, line, 0);
    let blind: BTreeSet<String> = surface.blind.iter().map(|blind| line(&blind.file, blind.line)).collect();
    let linked: BTreeSet<(String, String)> = catalogue()
        .sites
        .iter()
        .filter(|site| site.module.starts_with("attribute") && !blind.contains(&line(site.file, site.line as usize)))
        .map(|site| (place(site.file, site.line as usize, site.column as usize), dense(site.options.text)))
        .collect();
    assert_eq!(read, linked);
    println!(
        "{} audited functions read, {} linked, {} macro calls not seen into",
        read.len(),
        linked.len(),
        surface.blind.len()
    );
    assert!(read.len() > 100);
}

/// A method carries its type, whether its block is annotated or the method itself.
#[test]
fn functions_have_one_name_in_the_sources_and_in_the_catalogue() {
    let surface = Surface::read(&sources()).expect("readable sources");
    let mut methods = 0;
    for site in catalogue().sites.iter().filter(|site| site.module.starts_with("attribute")) {
        let at = place(site.file, site.line as usize, site.column as usize);
        let read = surface.functions.iter().find(|f| place(&f.file, f.line, f.column) == at);
        let Some(read) = read else { continue };
        let modules_and_name = format!("::{}", read.name);
        assert!(
            modules_and_name.ends_with(&format!("::{}", site.function)),
            "{} is {at}: {}",
            site.function,
            read.name
        );
        if read.is_method {
            assert!(site.function.contains("::"), "{} at {at} has no type", site.function);
            methods += 1;
        }
    }
    assert!(methods > 20, "{methods} methods");
}

#[test]
fn what_is_left_out_is_told_by_both() {
    let surface = Surface::read(&sources()).expect("readable sources");
    let read: BTreeSet<(String, String)> = surface
        .functions
        .iter()
        .filter_map(|function| match &function.stand {
            Stand::LeftOut(reason) => Some((place(&function.file, function.line, function.column), reason.clone())),
            Stand::Audited(_) | Stand::Plain => None,
        })
        .collect();
    let linked: BTreeSet<(String, String)> = catalogue()
        .left_out
        .iter()
        .filter(|left| left.module.starts_with("attribute"))
        .map(|left| (place(left.file, left.line as usize, left.column as usize), left.reason.to_owned()))
        .collect();
    assert_eq!(read, linked);
}
