//! Contracts by annotation: who asks for an action, and who does it, are both in the catalogue before anything runs.
//!
//! `cargo run --example settlement -- [--trail DIR]`

use audit_runtime::{Error, audited, catalogue, contract};
use std::fmt::Display;
use std::io::Write;

contract! {
    /// What every order promises to the one who placed it.
    pub settlement {
        domain bank {
            payment_sent within 5s;
        }
        domain post {
            letter_posted within 1h;
            finally order_closed within 2h;
        }
    }
}

/// Asks for the payment and the letter.
#[audited(expects(settlement::PAYMENT_SENT within 5s, settlement::LETTER_POSTED within 1h), digest(order))]
pub(crate) fn accept(order: u32) -> Result<(), Error> {
    pay(order)?;
    post(order)
}

/// Sends the payment.
#[audited(effect = external, acknowledges(settlement::PAYMENT_SENT))]
fn pay(order: u32) -> Result<(), Error> {
    say(format_args!("order {order}: paid"));
    Ok(())
}

/// Posts the letter.
#[audited(effect = external, acknowledges(settlement::LETTER_POSTED))]
fn post(order: u32) -> Result<(), Error> {
    say(format_args!("order {order}: posted"));
    Ok(())
}

/// Tells whoever still reads: a closed stdout is no reason to leave an order half done.
fn say(words: impl Display) {
    drop(writeln!(std::io::stdout(), "{words}"));
}

/// Settles three orders in a run of their own.
///
/// # Errors
/// What the audit refuses.
pub fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--trail").skip(1);
    let trail = arguments.next().unwrap_or_else(|| "target/trails/settlement".to_owned());
    let recorder = audit_runtime::open(&trail)?;
    let installed = recorder.install()?;
    let run = recorder.begin_run("settlement")?;
    (1..=3).try_for_each(accept)?;
    let catalogue = catalogue();
    for (site, expects) in catalogue.expectations() {
        say(format_args!("{}:{}: {} expects {}", site.file, site.line, site.function, expects.term));
    }
    for (site, term) in catalogue.acknowledgements() {
        say(format_args!("{}:{}: {} acknowledges {term}", site.file, site.line, site.function));
    }
    say(run.finish()?);
    say(format_args!("look further: audited --trail {trail} runs"));
    installed.close()
}
