//! The audited surface, and how it differs from a lock file.

use std::io;
use std::path::Path;

use audit_runtime::trail::{Finding, Json, Weight};

use crate::answer::Answer;
use crate::out::{Page, Tone};
use crate::surface::{Function, Stand, Surface, of};

/// The surface as text and JSON; with a lock file, only the differences as text.
///
/// # Errors
/// The lock file cannot be read.
pub(crate) fn surface(surface: &Surface, lock: Option<&Path>) -> io::Result<Answer> {
    let mut page = Page::default();
    let mut findings: Vec<Finding> = surface
        .unread
        .iter()
        .map(|(file, why)| finding("UNREAD", Weight::Problem, file, why.clone(), file.clone()))
        .collect();
    match lock {
        None => list(surface, &mut page),
        Some(lock) => {
            let locked = std::fs::read_to_string(lock).map_err(of(lock))?;
            findings.extend(compare(surface, &locked));
            findings.extend(loose_ends(surface));
            if findings.is_empty() {
                page.plain(format!("{} functions, as locked", surface.functions.len()));
            }
        }
    }
    super::findings(&mut page, &findings);
    Ok(Answer { items: surface.functions.iter().map(item).collect(), findings, page })
}

fn list(surface: &Surface, page: &mut Page) {
    for function in &surface.functions {
        let tone = if matches!(function.stand, Stand::Audited(_)) { Tone::Plain } else { Tone::Dim };
        page.line(tone, function.locked());
    }
    let audited = surface.functions.iter().filter(|function| matches!(function.stand, Stand::Audited(_))).count();
    page.line(Tone::Dim, format!("# {} functions, {audited} audited", surface.functions.len()));
    for blind in &surface.blind {
        page.line(Tone::Dim, format!("# not seen into: {}! at {}:{}", blind.name, blind.file, blind.line));
    }
}

fn finding(rule: &'static str, weight: Weight, id: &str, message: String, place: String) -> Finding {
    Finding { rule, weight, id: id.to_owned(), message, place: Some(place) }
}

/// What was locked and is so no longer, at the place where it stands now.
fn compare(surface: &Surface, locked: &str) -> Vec<Finding> {
    let (mut gone, new) = surface.differences(locked);
    let mut findings = Vec::new();
    for function in new {
        let place = format!("{}:{}", function.file, function.line);
        let head = format!("{} {} ", function.file, function.name);
        let now = function.locked();
        let now = now.strip_prefix(&head).unwrap_or(&now);
        let before = gone.iter().position(|line| line.starts_with(&head)).map(|at| gone.remove(at));
        let message = match before {
            Some(before) => format!("was locked as `{}` and is `{now}`", before.strip_prefix(&head).unwrap_or(before)),
            None => format!("is new and is `{now}`"),
        };
        findings.push(finding("SURFACE", Weight::Problem, &function.name, message, place));
    }
    for line in gone {
        let (file, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, stand) = rest.split_once(' ').unwrap_or((rest, ""));
        let message = format!("was locked as `{stand}` and is gone");
        findings.push(finding("SURFACE", Weight::Problem, name, message, file.to_owned()));
    }
    findings
}

/// Actions that are expected and that nothing does, at the place of the promise.
fn loose_ends(surface: &Surface) -> impl Iterator<Item = Finding> + '_ {
    surface.loose_ends().into_iter().map(|(function, action)| {
        let message = format!("expects {action}, and nothing in these sources acknowledges it");
        let place = format!("{}:{}", function.file, function.line);
        finding("CONTRACT", Weight::Problem, &function.name, message, place)
    })
}

fn item(function: &Function) -> Json {
    let (stand, text) = match &function.stand {
        Stand::Audited(options) => ("audited", Some(options.clone())),
        Stand::LeftOut(reason) => ("left_out", Some(reason.clone())),
        Stand::Plain => ("plain", None),
    };
    Json::object([
        ("function", function.name.as_str().into()),
        ("file", function.file.as_str().into()),
        ("line", (function.line as u64).into()),
        ("column", (function.column as u64).into()),
        ("method", function.is_method.into()),
        ("stand", stand.into()),
        ("options", text.into()),
        ("hindrance", function.hindrance.into()),
        ("cfg", Json::List(function.conditions.iter().map(|condition| condition.as_str().into()).collect())),
    ])
}
