//! What a test asks for, and the order of the runs.

use super::report::Report;
use super::runner::Runner;
use super::scenario::{Came, Scenario, Told};
use super::{attempt, images, kill, mortal, record, store};
use crate::case::{Case, Kinds, MOMENTS, phase_of, phase_text};
use crate::lab::{Lab, Setup, hushed};
use crate::sites::resolve;
use crate::story::Story;
use audit_runtime::Durability;
use audit_runtime::fault::Phase;
use std::future::Future;
use std::time::{Duration, Instant};

/// A scenario and the faults that it must survive. The scenario is run many times, so it must do the same each time and
/// tolerate that what it calls fails.
///
/// ```no_run
/// use audit_testkit::{Kinds, Matrix};
/// # async fn refund(_: u32) {}
/// Matrix::new(|_lab| async { refund(7).await }).kinds(Kinds::PANIC | Kinds::CANCEL).run();
/// ```
#[must_use = "a matrix does nothing until `run()`"]
pub struct Matrix {
    pub(super) scenario: Scenario,
    pub(super) name: Option<String>,
    pub(super) kinds: Kinds,
    pub(super) sites: Vec<String>,
    pub(super) phases: Option<Vec<Phase>>,
    pub(super) threads: usize,
    pub(super) depth: u32,
    pub(super) budget: Option<Duration>,
    pub(super) deadline: Duration,
    pub(super) durability: Option<Durability>,
    pub(super) check: Option<Box<Check>>,
    /// Which of its test's matrices it is, from 1.
    pub(super) nth: u32,
}

/// A check of a test's own.
pub(super) type Check = dyn Fn(&Case, &Story) + Send + Sync;

impl Matrix {
    fn of(scenario: Scenario) -> Matrix {
        Matrix {
            scenario,
            name: None,
            kinds: Kinds::NONE,
            sites: Vec::new(),
            phases: None,
            threads: 0,
            depth: 1,
            budget: None,
            deadline: Duration::from_secs(30),
            durability: None,
            check: None,
            nth: 1,
        }
    }

    /// A scenario that is a future.
    pub fn new<F, W>(scenario: F) -> Matrix
    where
        F: Fn(Lab) -> W + 'static,
        W: Future,
        W::Output: Told,
    {
        Matrix::of(Scenario::of_async(scenario))
    }

    /// A scenario without futures.
    pub fn of_sync<F, T>(scenario: F) -> Matrix
    where
        F: Fn(Lab) -> T + 'static,
        T: Told,
    {
        Matrix::of(Scenario::of_sync(scenario))
    }

    /// The test's path, `concat!(module_path!(), "::name")`: children are started by it. Default: the thread's name.
    pub fn named(mut self, name: &str) -> Matrix {
        self.name = Some(name.split_once("::").map_or(name, |(_, inside)| inside).to_owned());
        self
    }

    /// In this process: panic, error, cancel, delay, refused opening, failed close.
    pub fn matrix(self) -> Matrix {
        self.kinds(Kinds::IN_PROCESS)
    }

    /// SIGKILL at every moment and at every operation of the store, in a child.
    pub fn crash(self) -> Matrix {
        self.kinds(Kinds::KILL)
    }

    /// A storage whose Nth operation fails, for N = 1, 2, … until nothing fails any more.
    pub fn store(self) -> Matrix {
        self.kinds(Kinds::STORE)
    }

    /// What a power cut leaves at every moment, and the last segment cut everywhere.
    pub fn images(self) -> Matrix {
        self.kinds(Kinds::IMAGES)
    }

    /// Adds kinds of faults.
    pub fn kinds(mut self, kinds: Kinds) -> Matrix {
        self.kinds = self.kinds | kinds;
        self
    }

    /// Only at these sites: paths, ends of paths, nodes, or `prefix::**`. Several calls add up.
    pub fn sites(mut self, pattern: &str) -> Matrix {
        self.sites.push(pattern.to_owned());
        self
    }

    /// Only at these moments.
    pub fn phases(mut self, phases: &[Phase]) -> Matrix {
        self.phases = Some(phases.to_vec());
        self
    }

    /// Worker threads of the scenario's runtime. The default is one thread under a clock that stands still, because only
    /// there every run suspends at the same places.
    pub fn threads(mut self, threads: usize) -> Matrix {
        self.threads = threads;
        self
    }

    /// 2: recovery is killed before every operation as well. 3: before and inside every operation, and the recovery behind
    /// it one operation further on.
    pub fn depth(mut self, depth: u32) -> Matrix {
        self.depth = depth;
        self
    }

    /// Behind this time the rest of the cases is left out; how many is printed. Without one every case is run.
    pub fn budget(mut self, budget: Duration) -> Matrix {
        self.budget = Some(budget);
        self
    }

    /// The longest that a child may live, and that a runtime waits for blocking work at its end; default 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Matrix {
        self.deadline = deadline;
        self
    }

    /// The least durability of the scenario's records.
    pub fn durability(mut self, durability: Durability) -> Matrix {
        self.durability = Some(durability);
        self
    }

    /// A check of the test's own behind every case of every runner; it panics where something is wrong. By then the trail
    /// is recovered and nobody writes it, and [`Story::path`] says where it stands. Children are killed side by side, so
    /// it is asked from several threads.
    pub fn check(mut self, check: impl Fn(&Case, &Story) + Send + Sync + 'static) -> Matrix {
        self.check = Some(Box::new(check));
        self
    }

    /// Runs everything.
    ///
    /// # Panics
    /// When a case broke a promise or did not fire, when the scenario does not repeat or reaches no site, when a name is
    /// not known. The text says which, and how to replay it.
    #[track_caller]
    pub fn run(self) {
        if let Some(report) = self.reported(true) {
            assert!(report.is_sound(), "{report}");
            println!("{report}");
        }
    }

    /// As [`run`](Matrix::run), with the report in hand; `None` in a child, which has no report, and where a case of
    /// another matrix of this test is replayed.
    ///
    /// # Panics
    /// When there is nothing to report on: the scenario fails by itself, does not repeat or reaches no site.
    #[must_use]
    #[track_caller]
    pub fn try_run(self) -> Option<Report> {
        self.reported(false)
    }

    #[track_caller]
    fn reported(mut self, is_kept: bool) -> Option<Report> {
        self.nth = mortal::number(self.test().as_deref());
        let case = std::env::var_os(mortal::CASE);
        if case.is_some() && self.nth != mortal::asked() {
            // The case is another one's of this test.
            return None;
        }
        if mortal::is_child() {
            mortal::live(&self);
            return None;
        }
        self.check_names();
        let started = Instant::now();
        let recorded = match record::twice(&self) {
            Ok(recorded) => recorded,
            Err(why) => panic!("{}: {why}", self.title()),
        };
        self.check_sites(&recorded);
        let mut report = Report { is_kept, nth: self.nth, ..Report::new(self.title(), &recorded) };
        if let Some(case) = replayed() {
            eprintln!("{}: replaying {case}", self.title());
            self.one(&case, &recorded, &mut report);
        } else {
            let until = self.budget.map(|budget| started + budget);
            report.timed(Runner::InProcess, |report| attempt::all(&self, &recorded, until, report));
            report.timed(Runner::Killed, |report| kill::all(&self, &recorded, until, report));
            report.timed(Runner::SickStore, |report| store::all(&self, &recorded, until, report));
            report.timed(Runner::PowerCut, |report| images::all(&self, until, report));
            let ran = report.fired + report.inert;
            assert!(
                ran > 0 || self.kinds == Kinds::NONE,
                "{}: no fault was put anywhere ({} planned): kinds, sites, phases and budget leave nothing to test",
                self.title(),
                report.planned
            );
        }
        report.last_clean = record::once_more(&self, &recorded);
        report.took = started.elapsed();
        Some(report)
    }

    /// One case, whichever runner it belongs to.
    fn one(&self, case: &Case, recorded: &record::Recorded, report: &mut Report) {
        match Runner::of(case.kind) {
            Runner::Killed => kill::one(self, case, report),
            Runner::SickStore => store::one(self, case, recorded, report),
            Runner::PowerCut => images::again(self, case, report),
            Runner::InProcess => attempt::one(self, case, recorded, report),
        }
    }

    /// The scenario behind a fault. Only a replay shows the panics of its own again.
    pub(super) fn play(&self, lab: &Lab) -> Came {
        if std::env::var_os(mortal::CASE).is_some() {
            self.scenario.play(lab)
        } else {
            hushed(|| self.scenario.play(lab))
        }
    }

    /// The test's name, for people.
    pub(super) fn title(&self) -> String {
        self.test().unwrap_or_else(|| "a matrix".to_owned())
    }

    /// The test's path as the test harness knows it.
    pub(super) fn test(&self) -> Option<String> {
        let thread = std::thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        self.name.clone().or(thread)
    }

    pub(super) fn setup(&self) -> Setup {
        Setup { threads: self.threads, durability: self.durability, patience: Some(self.deadline), ..Setup::default() }
    }

    #[track_caller]
    fn check_names(&self) {
        assert!(
            self.check.is_none() || self.kinds != Kinds::NONE,
            "{}: a check, and no kind of fault behind which it could be asked",
            self.title()
        );
        for pattern in self.sites.iter().filter(|pattern| !pattern.ends_with("**")) {
            if let Err(why) = resolve(pattern) {
                panic!("{}: {why}", self.title());
            }
        }
    }

    /// A pattern, or a moment, that fits nothing that the scenario reaches would be a test of nothing.
    #[track_caller]
    fn check_sites(&self, recorded: &record::Recorded) {
        let reached = recorded.names();
        for pattern in &self.sites {
            let fits = reached.iter().any(|site| Matrix::fits(pattern, site));
            assert!(
                fits,
                "{}: the scenario reaches no site that fits `{pattern}`; it reaches {}",
                self.title(),
                reached.join(", ")
            );
        }
        let never = |phase: &&Phase| !recorded.reaches(**phase, |site| self.wants(site));
        if let Some(phase) = self.phases.iter().flatten().find(never) {
            panic!(
                "{}: the scenario never comes to `{}` at the sites that are asked for: nothing would be tested there",
                self.title(),
                phase_text(*phase)
            );
        }
    }

    fn fits(pattern: &str, site: &str) -> bool {
        match pattern.strip_suffix("**") {
            Some(prefix) => site.starts_with(prefix) || site.contains(&format!("::{prefix}")),
            None => resolve(pattern).is_ok_and(|name| name == site),
        }
    }

    /// Whether faults are asked for at this site.
    pub(super) fn wants(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|pattern| Matrix::fits(pattern, site))
    }

    pub(super) fn wants_phase(&self, phase: Phase) -> bool {
        phase != Phase::Entered && self.phases.as_ref().is_none_or(|phases| phases.contains(&phase))
    }
}

/// The one case that a person asks for by `AUDIT_CASE`.
fn replayed() -> Option<Case> {
    let text = std::env::var("AUDIT_CASE").ok()?;
    let case = Case::parse(&text).unwrap_or_else(|why| panic!("AUDIT_CASE: {why}"));
    if case.place.contains("::") {
        resolve(&case.place).unwrap_or_else(|why| panic!("AUDIT_CASE: {why}"));
        // A power cut's moment says besides what was left.
        let moment = case.phase.split(' ').next().unwrap_or_default();
        assert!(phase_of(moment).is_some(), "AUDIT_CASE: `{moment}` is no moment; moments are {MOMENTS}");
    }
    Some(case)
}
