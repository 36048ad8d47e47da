//! A site: the place in the code that declares a node. One static a site; everything in it is data. Sites register at
//! link time, so the catalogue knows them before any of them ran.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::contract::Term;
use crate::model::Durability;

/// What an annotation asks for, as data.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The options as written, for the catalogue and the SITE record.
    pub text: &'static str,
    /// The node's name, when the annotation gives one.
    pub node: Option<&'static str>,
    /// What sort of node, when the annotation says so.
    pub kind: Option<&'static str>,
    /// The least durability of its records; `None` is the recorder's default.
    pub durable: Option<Durability>,
    /// What happens when the audit itself fails.
    pub on_failure: OnFailure,
    /// The body has effects outside the process: its opening is on disk before it runs.
    pub external: bool,
    /// Actions that a call declares.
    pub expects: &'static [Expects],
    /// Actions that a call acknowledges.
    pub acknowledges: &'static [Term],
    /// Moments inside the body, as far as the annotation could see; empty in builds without the testkit.
    pub inside: Inside,
}

/// The moments inside an audited body: source lines, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// Of each `.await`.
    pub awaits: &'static [u32],
    /// Of each `?`.
    pub questions: &'static [u32],
    /// Macros that hold an `.await` or a `?` and could not be seen into: line and name.
    pub blind: &'static [(u32, &'static str)],
}

impl Inside {
    /// Nothing is known.
    pub const NONE: Inside = Inside { awaits: &[], questions: &[], blind: &[] };
}

impl Options {
    /// What an annotation without options asks for.
    pub const NONE: Options = Options {
        text: "",
        node: None,
        kind: None,
        durable: None,
        on_failure: OnFailure::Refuse,
        external: false,
        expects: &[],
        acknowledges: &[],
        inside: Inside::NONE,
    };
}

/// A declared action with its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expects {
    /// The action.
    pub term: Term,
    /// From the entry to the deadline, ns.
    pub within_ns: u64,
}

/// What the caller gets when the audit itself fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// An `Err` made from the audit error where the function returns a `Result`, else a panic.
    Refuse,
    /// A panic whose payload is the audit error.
    Panic,
    /// The body runs; a counted gap record tells of it.
    Degrade,
}

/// How the function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// An ordinary function.
    Sync,
    /// A future.
    Async,
}

/// A place in the code, known at link time.
#[derive(Debug)]
pub struct Site {
    /// The function's name, with its type where the annotation knows it.
    pub function: &'static str,
    /// The module's path.
    pub module: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The node's name, when the annotation gives one.
    pub node: Option<&'static str>,
    /// What sort of node, when the annotation says so.
    pub kind: Option<&'static str>,
    /// Sync or async.
    pub form: Form,
    /// What the annotation asks for.
    pub options: Options,
    /// `recorder number << 32 | site number`: the number that the last recorder gave this site.
    pub(crate) cache: AtomicU64,
    /// It was entered while no recorder was there.
    pub(crate) missed: AtomicBool,
    /// What entering it takes.
    gate: AtomicU8,
}

/// Nobody knows yet whether the catalogue holds the site.
const NEW: u8 = 0;
/// The catalogue holds it, so that whoever needs it finds it.
const LISTED: u8 = 1;
/// It was entered and counted, and there never was a recorder: entering it again needs no questions.
const PASSING: u8 = 2;
/// There is, or was, a recorder: every entry asks for it.
const ASKING: u8 = 3;

impl Site {
    /// A site as expansions declare it.
    #[must_use]
    pub const fn new(
        function: &'static str,
        module: &'static str,
        place: (&'static str, u32, u32),
        form: Form,
        options: Options,
    ) -> Site {
        let (file, line, column) = place;
        let (node, kind) = (options.node, options.kind);
        let (cache, missed, gate) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU8::new(NEW));
        Site { function, module, file, line, column, node, kind, form, options, cache, missed, gate }
    }

    /// Whether an entry may pass without asking any further: there never was a recorder, and an entry was told of before.
    /// It is read at every entry, so it is one load of what lies beside the code that enters.
    #[inline]
    pub(crate) fn is_passing(&self) -> bool {
        self.gate.load(Ordering::Relaxed) == PASSING
    }

    /// From now on entries pass. Only a site that the catalogue holds can: [`ask_everywhere`] must find it again.
    pub(crate) fn let_pass(&self) {
        static LIST: Once = Once::new();
        LIST.call_once(|| {
            for site in sites() {
                let _known = site.gate.compare_exchange(NEW, LISTED, Ordering::SeqCst, Ordering::SeqCst);
            }
        });
        // Behind `ask_everywhere` this fails, before it this is overwritten.
        let _asking = self.gate.compare_exchange(LISTED, PASSING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The node's name: the given one, else `module::function`.
    #[must_use]
    pub fn node_name(&self) -> String {
        match self.node {
            Some(node) => node.to_owned(),
            None => format!("{}::{}", self.module, self.function),
        }
    }

    /// The number that `recorder` gave this site, if it was the last to give one.
    pub(crate) fn cached(&self, recorder: u32) -> Option<u32> {
        let packed = self.cache.load(Ordering::Relaxed);
        ((packed >> 32) as u32 == recorder).then_some(packed as u32).filter(|n| *n != 0)
    }

    pub(crate) fn remember(&self, recorder: u32, number: u32) {
        self.cache.store(u64::from(recorder) << 32 | u64::from(number), Ordering::Relaxed);
    }
}

/// What expansions register: a site, or a function that is left out.
#[doc(hidden)]
pub enum Registered {
    /// An audited function.
    Site(&'static Site),
    /// A function that is not audited, on purpose or by nature.
    LeftOut(LeftOut),
    /// A contract that is declared in code.
    Contract(&'static ContractSite),
    /// A place that acknowledges an action by hand.
    ByHand(ByHand),
}

inventory::collect!(Registered);

fn sites() -> impl Iterator<Item = &'static Site> {
    inventory::iter::<Registered>.into_iter().filter_map(|registered| match registered {
        Registered::Site(site) => Some(*site),
        Registered::LeftOut(_) | Registered::Contract(_) | Registered::ByHand(_) => None,
    })
}

/// A recorder is there: no entry passes any more without asking.
pub(crate) fn ask_everywhere() {
    sites().for_each(|site| site.gate.store(ASKING, Ordering::SeqCst));
}

/// Sites that were entered without a recorder since the last call.
pub(crate) fn take_missed() -> impl Iterator<Item = &'static Site> {
    sites().filter(|site| site.missed.swap(false, Ordering::Relaxed))
}

/// A contract that is declared in code.
#[derive(Debug)]
pub struct ContractSite {
    /// Its name.
    pub name: &'static str,
    /// The path of the module that declares it.
    pub module: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Its actions, in order of declaration; one of them ends the run.
    pub terms: &'static [Term],
}

/// A place in the code that acknowledges an action by hand.
#[derive(Clone, Copy, Debug)]
pub struct ByHand {
    /// The action.
    pub term: Term,
    /// Source file.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
}

/// A function that is not audited, and why.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    /// The function's name, with its type where the annotation knows it.
    pub function: &'static str,
    /// The module's path.
    pub module: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Why: `skip`, `const fn`, `no body`, or the reason that stands with `#[not_audited]`.
    pub reason: &'static str,
}

/// Everything that this program declares, known before any of it ran.
#[derive(Debug)]
pub struct Catalogue {
    /// Audited functions, in order of file, line and column.
    pub sites: Vec<&'static Site>,
    /// Functions that are not audited although an annotation covers them, in the same order.
    pub left_out: Vec<LeftOut>,
    /// Contracts, in the same order.
    pub contracts: Vec<&'static ContractSite>,
    /// Places that acknowledge by hand, in the same order.
    pub by_hand: Vec<ByHand>,
}

impl Catalogue {
    /// Each declared action with the site that declares it.
    pub fn expectations(&self) -> impl Iterator<Item = (&'static Site, Expects)> + '_ {
        self.sites.iter().flat_map(|site| site.options.expects.iter().map(move |expects| (*site, *expects)))
    }

    /// Each acknowledged action with the site that acknowledges it.
    pub fn acknowledgements(&self) -> impl Iterator<Item = (&'static Site, Term)> + '_ {
        self.sites.iter().flat_map(|site| site.options.acknowledges.iter().map(move |term| (*site, *term)))
    }
}

/// Everything that is linked into this program and declared by an annotation.
#[must_use]
pub fn catalogue() -> Catalogue {
    let mut all = Catalogue { sites: Vec::new(), left_out: Vec::new(), contracts: Vec::new(), by_hand: Vec::new() };
    for registered in inventory::iter::<Registered> {
        match registered {
            Registered::Site(site) => all.sites.push(site),
            Registered::LeftOut(left_out) => all.left_out.push(*left_out),
            Registered::Contract(contract) => all.contracts.push(contract),
            Registered::ByHand(by_hand) => all.by_hand.push(*by_hand),
        }
    }
    all.sites.sort_by_key(|site| (site.file, site.line, site.column));
    all.contracts.sort_by_key(|contract| (contract.file, contract.line));
    all.by_hand.sort_by_key(|by_hand| (by_hand.file, by_hand.line));
    all.left_out.sort_by_key(|left_out| (left_out.file, left_out.line, left_out.column));
    all
}
