//! The audited functions that are linked into this test, by the names that people give them.

use audit_runtime::catalogue;
use audit_runtime::site::Site;

/// `module::function`, the name of a site in addresses.
pub(crate) fn site_name(site: &Site) -> String {
    format!("{}::{}", site.module, site.function)
}

/// How many names are told where none is near.
const SOME: usize = 8;

/// The full names of the sites that a person named: by their path, the end of it, or their node.
///
/// # Errors
/// Where nothing is called so: the names that could be meant.
pub(crate) fn called(name: &str) -> Result<Vec<String>, String> {
    let sites = catalogue().sites;
    let ends = format!("::{name}");
    let is_called = |site: &&Site| {
        let path = site_name(site);
        path == name || path.ends_with(&ends) || site.node == Some(name)
    };
    let mut found: Vec<String> = sites.iter().copied().filter(is_called).map(site_name).collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Err(nobody(name, &sites.iter().map(|site| site_name(site)).collect::<Vec<_>>()));
    }
    Ok(found)
}

/// The full name of the one site that a person named.
///
/// # Errors
/// Where none or several are called so.
pub(crate) fn resolve(name: &str) -> Result<String, String> {
    match called(name)?.as_slice() {
        [one] => Ok(one.clone()),
        many => Err(format!("`{name}` is the name of {}: give more of its path", many.join(" and "))),
    }
}

/// What is said of a name that no site has.
fn nobody(name: &str, known: &[String]) -> String {
    let near = near(name, known.iter().map(String::as_str));
    let told = match (near.as_slice(), known) {
        (_, []) => "no audited function is linked into this test: is it `#[audited]`, and does the test use its crate?"
            .to_owned(),
        ([], known) => {
            let more = known.len().saturating_sub(SOME);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("linked in are {}{more}", known[..known.len().min(SOME)].join(", "))
        }
        (near, _) => format!("near names: {}", near.join(", ")),
    };
    format!("no audited site is called `{name}`; {told}")
}

/// The names that are nearest to a mistyped one, at most three.
#[must_use]
pub(crate) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_owned();
    let mut ranked: Vec<(usize, &str)> =
        known.map(|known| (distance(&last(name), &last(known)).min(distance(name, known)), known)).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().filter(|(far, _)| *far <= name.len().max(4) / 2).take(3).map(|(_, known)| known).collect()
}

/// Levenshtein.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let here = row[j + 1];
            row[j + 1] = (before + usize::from(ca != *cb)).min(row[j] + 1).min(here + 1);
            before = here;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{near, nobody};

    #[test]
    fn near_names_are_told_and_far_ones_are_not() {
        let known = ["billing::charge", "billing::refund", "mail::send"];
        assert_eq!(near("chrage", known.into_iter()), ["billing::charge"]);
        assert!(near("zzzzzzzzzzzz", known.into_iter()).is_empty());
    }

    #[test]
    fn where_no_name_is_near_some_are_told_and_where_there_is_none_that_is_told() {
        let known: Vec<String> = (0..10).map(|n| format!("billing::charge_{n}")).collect();
        let said = nobody("zzzzzzzzzzzzzzzz", &known[..2]);
        assert_eq!(
            said,
            "no audited site is called `zzzzzzzzzzzzzzzz`; linked in are billing::charge_0, billing::charge_1"
        );
        let said = nobody("zzzzzzzzzzzzzzzz", &known);
        assert!(said.ends_with("billing::charge_7 and 2 more"), "{said}");
        assert!(nobody("charge", &[]).contains("no audited function is linked into this test"));
    }
}
