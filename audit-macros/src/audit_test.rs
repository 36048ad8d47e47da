//! `#[audit_test]`: an ordinary function that takes a lab becomes a test, run once or once for each fault.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Ident, ItemFn, LitInt, LitStr, Path, Token};

/// What stands in the brackets.
#[derive(Default)]
struct Asked {
    runners: Vec<Ident>,
    depth: Option<LitInt>,
    budget: Option<LitStr>,
    deadline: Option<LitStr>,
    threads: Option<LitInt>,
    check: Option<Path>,
}

const RUNNERS: &[&str] = &["matrix", "crash", "store", "images"];
const WHAT: &str = "one of `matrix`, `crash`, `store`, `images`, `depth = 2`, `threads = 2`, `budget = \"5s\"`, \
                    `deadline = \"60s\"`, `check = function` belongs here";

impl Parse for Asked {
    fn parse(input: ParseStream<'_>) -> syn::Result<Asked> {
        let mut asked = Asked::default();
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            match word.to_string().as_str() {
                "depth" => {
                    input.parse::<Token![=]>()?;
                    let depth: LitInt = input.parse()?;
                    if !(1..=3).contains(&depth.base10_parse::<u32>()?) {
                        let help = "recovery is killed at depth 2, and twice at depth 3; 1 is the default";
                        return Err(syn::Error::new(depth.span(), help));
                    }
                    asked.depth = Some(depth);
                }
                "threads" => {
                    input.parse::<Token![=]>()?;
                    asked.threads = Some(input.parse()?);
                }
                "check" => {
                    input.parse::<Token![=]>()?;
                    asked.check = Some(input.parse()?);
                }
                "budget" | "deadline" => {
                    input.parse::<Token![=]>()?;
                    let time: LitStr = input.parse()?;
                    seconds(&time)?;
                    let place = if word == "budget" { &mut asked.budget } else { &mut asked.deadline };
                    *place = Some(time);
                }
                name if RUNNERS.contains(&name) => asked.runners.push(word),
                _ => return Err(syn::Error::new(word.span(), WHAT)),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(asked)
    }
}

/// `"5s"` or `"500ms"`, in milliseconds.
fn seconds(text: &LitStr) -> syn::Result<u64> {
    let value = text.value();
    let (number, unit) = match value.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (value.strip_suffix('s').unwrap_or(""), 1000),
    };
    let time = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    time.ok_or_else(|| syn::Error::new(text.span(), "write \"5s\" or \"500ms\""))
}

/// The test and the scenario inside it.
pub fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = syn::parse2::<Asked>(options).and_then(|asked| Ok((asked, syn::parse2::<ItemFn>(item.clone())?)));
    let (asked, function) =
        match parsed.and_then(|(asked, function)| check(&asked, &function).map(|()| (asked, function))) {
            Ok(parsed) => parsed,
            Err(error) => {
                let mut tokens = error.into_compile_error();
                tokens.extend(item);
                return tokens;
            }
        };
    let here = Span::mixed_site();
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let (name, text) = (&sig.ident, sig.ident.to_string());
    let (inputs, output, asyncness) = (&sig.inputs, &sig.output, &sig.asyncness);
    let (runners, is_async) = (&asked.runners, asyncness.is_some());
    let depth = asked.depth.as_ref().map(|depth| quote_spanned!(here=> .depth(#depth)));
    let threads = asked.threads.as_ref().map(|threads| quote_spanned!(here=> .threads(#threads)));
    let time = |text: &Option<LitStr>, option: &str| {
        let (ms, option) = (seconds(text.as_ref()?).ok()?, Ident::new(option, here));
        Some(quote_spanned!(here=> .#option(::std::time::Duration::from_millis(#ms))))
    };
    let (budget, deadline) = (time(&asked.budget, "budget"), time(&asked.deadline, "deadline"));
    let checked = asked.check.as_ref().map(|check| quote_spanned!(check.span()=> .check(#check)));
    let make = if is_async { quote!(new) } else { quote!(of_sync) };
    let inner = quote_spanned!(sig.span()=> #asyncness fn scenario(#inputs) #output #block);
    quote_spanned! {here=>
        #[test]
        #(#attrs)*
        #vis fn #name() {
            #inner
            ::audit_testkit::Matrix::#make(scenario)
                .named(::core::concat!(::core::module_path!(), "::", #text))
                #(.#runners())* #depth #threads #budget #deadline #checked
                .run();
        }
    }
}

fn check(asked: &Asked, function: &ItemFn) -> syn::Result<()> {
    if let (Some(check), true) = (&asked.check, asked.runners.is_empty()) {
        let help = "a check is asked behind every fault: say of which runner, for example `crash`";
        return Err(syn::Error::new(check.span(), help));
    }
    let kills = asked.runners.iter().any(|runner| runner == "crash");
    if let (Some(depth), false) = (&asked.depth, kills) {
        return Err(syn::Error::new(depth.span(), "recovery is killed behind a kill: say `crash` too"));
    }
    if let (Some(budget), true) = (&asked.budget, asked.runners.is_empty()) {
        let help = "a budget leaves faults out: say of which runner, for example `matrix`";
        return Err(syn::Error::new(budget.span(), help));
    }
    if function.sig.inputs.len() != 1 {
        return Err(syn::Error::new(function.sig.span(), "a test in a lab takes the lab: `fn name(lab: Lab)`"));
    }
    if !function.sig.generics.params.is_empty() {
        return Err(syn::Error::new(function.sig.generics.span(), "a test has no generics"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::expand;
    use quote::quote;

    fn told(options: &str, item: proc_macro2::TokenStream) -> String {
        let options = options.parse().expect("tokens");
        expand(options, item).to_string()
    }

    #[test]
    fn each_mistake_is_told_and_the_function_stays() {
        let one = quote!(
            fn scenario(lab: Lab) {}
        );
        let none = quote!(
            fn scenario() {}
        );
        let generic = quote!(
            fn scenario<T>(lab: T) {}
        );
        for (options, item, cure) in [
            ("matrx", &one, "one of `matrix`, `crash`, `store`, `images`"),
            ("crash, depth = 4", &one, "1 is the default"),
            ("check = files_are_whole", &one, "say of which runner"),
            ("matrix, budget = \"soon\"", &one, "write \\\"5s\\\" or \\\"500ms\\\""),
            ("crash, deadline = \"99999999999999999s\"", &one, "write \\\"5s\\\" or \\\"500ms\\\""),
            ("matrix, depth = 2", &one, "say `crash` too"),
            ("budget = \"5s\"", &one, "say of which runner, for example `matrix`"),
            ("matrix", &none, "a test in a lab takes the lab"),
            ("matrix", &generic, "a test has no generics"),
        ] {
            let said = told(options, item.clone());
            assert!(said.contains("compile_error") && said.contains(cure), "{options}: {said}");
            assert!(said.contains("fn scenario"), "{options}: {said}");
        }
    }

    #[test]
    fn what_is_asked_for_is_what_runs() {
        let item = quote!(
            async fn scenario(lab: Lab) {}
        );
        let said = told("matrix, crash, depth = 2, threads = 3, budget = \"500ms\", deadline = \"60s\"", item);
        for part in [
            ". matrix ()",
            ". crash ()",
            ". depth (2)",
            ". threads (3)",
            ". budget (:: std :: time :: Duration :: from_millis (500u64))",
            ". deadline (:: std :: time :: Duration :: from_millis (60000u64))",
            "Matrix :: new",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("compile_error") && !said.contains(". store ()"), "{said}");
    }

    #[test]
    fn a_check_stands_behind_a_runner() {
        let item = quote!(
            fn scenario(lab: Lab) {}
        );
        let said = told("crash, depth = 3, check = self::files_are_whole", item);
        assert!(said.contains(". depth (3) . check (self :: files_are_whole)"), "{said}");
    }
}
