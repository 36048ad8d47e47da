//! An async orchestrator that executes code on behalf of a model: it discovers tools, asks a gate, executes, and answers.
//! Everything it says of itself is a durable record before its caller goes on, and each early exit has an end of its own:
//! no tool found and approval needed are denials, a cache hit is a success that names its producer.
//!
//! `cargo run --release --example orchestrator -- [--trail DIR] [--executions N]`

use audit_runtime::governance::{
    ActionError, Authorization, Correlation, Decision, Denial, Executor, Profile, Reason, Relation, Rules, Ruling,
    current_attempt, link,
};
use audit_runtime::model::Kind;
use audit_runtime::trail::Trail;
use audit_runtime::{Id, Recorder, Severity, action, audit_context, audited, gate};
use audited_examples::say;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is to be executed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Task {
    language: String,
    code: String,
    network: bool,
}

pub(crate) fn task(language: &str, code: &str) -> Task {
    Task { language: language.to_owned(), code: code.to_owned(), network: false }
}

#[derive(Serialize)]
struct Policy {
    longest: usize,
    network: bool,
}

audit_runtime::reason_codes! {
    /// Why a task is not executed.
    pub enum Refusal {
        /// Nothing here can execute this language.
        NoToolsFound = "NO_TOOLS_FOUND";
        /// A person has to agree first.
        ApprovalNeeded = "APPROVAL_NEEDED";
        /// More code than the policy allows.
        TooLong = "CODE_TOO_LONG";
    }
}

/// Why code brought no result.
#[derive(Debug, audit_runtime::Evidence)]
enum Fault {
    /// The code itself failed.
    #[evidence(code = "CODE_FAILED")]
    Code(String),
    /// What the audit said.
    #[evidence(code = "AUDIT")]
    Audit(audit_runtime::Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Code(why) => write!(f, "the code failed: {why}"),
            Fault::Audit(error) => error.fmt(f),
        }
    }
}

impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault::Audit(error)
    }
}

/// Tools, policy, and what was executed before.
#[derive(Clone)]
pub(crate) struct Orchestrator {
    recorder: Recorder,
    profile: Arc<Profile<Policy>>,
    sandbox: Arc<Executor>,
    tools: Arc<BTreeMap<&'static str, &'static str>>,
    cache: Arc<Mutex<BTreeMap<Task, (String, Id)>>>,
}

/// What was asked for, with its correlation.
pub(crate) struct Request {
    task: Task,
    correlation: Correlation,
}

impl Request {
    pub(crate) fn new(name: &str, task: Task) -> Request {
        Request { task, correlation: Correlation::fresh().tenant("acme").session("s-1").request("execute", name) }
    }
}

impl Orchestrator {
    pub(crate) fn new(recorder: &Recorder) -> Result<Orchestrator, Failure> {
        let policy = Policy { longest: 200, network: false };
        Ok(Orchestrator {
            recorder: recorder.clone(),
            profile: Arc::new(Profile::new("sandbox", policy, ["execute_code"])?),
            sandbox: Arc::new(Executor::new("sandbox", "1.4.0").provides("python").provides("rust")),
            tools: Arc::new(BTreeMap::from([("python", "cpython 3.13"), ("rust", "rustc 1.94")])),
            cache: Arc::default(),
        })
    }

    /// Which tool can execute a task; what was found is a record.
    #[audited(node = "discover")]
    fn discover(&self, task: &Task) -> Result<Option<&'static str>, Failure> {
        let found = self.tools.get(task.language.as_str()).copied();
        let severity = if found.is_some() { Severity::Info } else { Severity::Warning };
        let fields = [("language", task.language.as_str()), ("tool", found.unwrap_or("none"))];
        self.recorder.note("discovery", severity, &fields)?;
        Ok(found)
    }

    /// Whether a task may be executed. The decision is on the device before anybody learns of it.
    #[gate(profile = self.profile, correlation = correlation, expires = 1m)]
    async fn may_execute(
        &self,
        #[policy] policy: &Policy,
        #[payload] task: &Task,
        tool: Option<&'static str>,
        correlation: Correlation,
    ) -> Decision {
        let mut rules = Rules::new();
        if rules.ran("no_tool", tool.is_none()) {
            let reason = Reason::new(Refusal::NoToolsFound, "no tool executes this language");
            return Decision::deny(reason.evidence("language", &task.language), rules);
        }
        if rules.ran("too_long", task.code.len() > policy.longest) {
            return Decision::deny(Reason::new(Refusal::TooLong, "more code than the policy allows"), rules);
        }
        if rules.ran("needs_approval", task.network && !policy.network) {
            let reason = Reason::new(Refusal::ApprovalNeeded, "the network needs a person's approval");
            return Decision::deny(reason.fields(["network"]), rules);
        }
        Decision::allow(rules)
    }

    /// Executes a task, or answers it from the cache.
    #[action(
        version = "1.2.0",
        executor = self.sandbox,
        needs("python"),
        limits(bytes = 4096, depth = 4),
        within = 1s
    )]
    async fn execute_code(&self, authorization: Authorization, task: &Task) -> Result<String, Fault> {
        let cached = self.cache().get(task).cloned();
        if let Some((answer, producer)) = cached {
            link(Relation::CachedFrom, producer)?;
            return Ok(answer);
        }
        let answer = evaluate(&task.code).await?;
        if let Some(attempt) = current_attempt() {
            self.cache().entry(task.clone()).or_insert_with(|| (answer.clone(), attempt));
        }
        Ok(answer)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, BTreeMap<Task, (String, Id)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request from its discovery to its answer.
    pub(crate) async fn handle(&self, request: Request) -> Result<String, Failure> {
        let tool = self.discover(&request.task)?;
        let authorization = match self.may_execute(&request.task, tool, request.correlation).await? {
            Ruling::Allowed(authorization) => authorization,
            Ruling::Denied(denial) => return Ok(self.denied(&denial)?),
        };
        match self.execute_code(authorization, &request.task).await {
            Ok(answer) => Ok(answer),
            Err(ActionError::Audit(error)) => Err(error.into()),
            Err(error) => {
                let said = error.to_string();
                self.recorder.note("error", Severity::Error, &[("what", said.as_str())])?;
                Ok(said)
            }
        }
    }

    fn denied(&self, denial: &Denial) -> Result<String, audit_runtime::Error> {
        let codes: Vec<&str> = denial.reasons.iter().map(Reason::code).collect();
        let (codes, decision) = (codes.join(", "), format!("{:#}", denial.id));
        let fields = [("codes", codes.as_str()), ("decision", decision.as_str())];
        self.recorder.note("security", Severity::Warning, &fields)?;
        Ok(format!("denied: {codes}"))
    }
}

/// A sandbox in one line: sums are added up, `sleep` never ends, anything else fails.
#[audited(node = "evaluate")]
async fn evaluate(code: &str) -> Result<String, Fault> {
    tokio::task::yield_now().await;
    if code == "sleep" {
        std::future::pending::<()>().await;
    }
    let terms: Result<Vec<u64>, _> = code.split('+').map(|term| term.trim().parse()).collect();
    let terms = terms.map_err(|error| Fault::Code(error.to_string()))?;
    Ok(terms.iter().sum::<u64>().to_string())
}

fn requests(executions: u64) -> Vec<(String, Vec<Request>)> {
    let mut steps: Vec<(String, Vec<Request>)> = Vec::new();
    let mut one = |name: &str, task: Task| steps.push((name.to_owned(), vec![Request::new(name, task)]));
    one("a sum", task("python", "1 + 2"));
    one("the same again", task("python", "1 + 2"));
    one("no tool", task("cobol", "DISPLAY 1"));
    one("approval", Task { network: true, ..task("python", "3 + 4") });
    one("a mistake", task("python", "1 + x"));
    one("no end", task("rust", "sleep"));
    let many =
        (0..executions).map(|n| Request::new(&format!("sum {n}"), task("rust", &format!("{n} + {n}")))).collect();
    steps.push((format!("{executions} at one time"), many));
    steps
}

async fn run(recorder: &Recorder, executions: u64) -> Result<(), Failure> {
    let orchestrator = Orchestrator::new(recorder)?;
    for (name, requests) in requests(executions) {
        let handled = requests.into_iter().map(|request| {
            let orchestrator = orchestrator.clone();
            let work = async move { orchestrator.handle(request).await };
            tokio::spawn(audit_context().wrap_future(work))
        });
        let mut answers = Vec::new();
        for task in handled.collect::<Vec<_>>() {
            answers.push(task.await??);
        }
        say!("{name:<16} {}", answers.first().map_or("", String::as_str));
    }
    Ok(())
}

fn arguments() -> Result<(PathBuf, u64), Failure> {
    let (mut trail, mut executions) = (PathBuf::from("target/trails/orchestrator"), 10);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--trail", Some(dir)) => trail = dir.into(),
            ("--executions", Some(n)) => executions = n.parse()?,
            _ => return Err("the options are --trail DIR and --executions N".into()),
        }
    }
    Ok((trail, executions))
}

fn main() -> Result<(), Failure> {
    let (path, executions) = arguments()?;
    let recorder = audit_runtime::open(&path)?;
    let run_of = recorder.begin_run("orchestrator")?;
    let id = run_of.id();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(run_of.scope_async(run(&recorder, executions)))?;
    let summary = run_of.finish().map_err(audit_runtime::Error::from)?;
    recorder.close()?;
    say!("\nthe run is {}", summary.status);
    report(&path, id.0)
}

/// Asks the trail, not what this process remembers.
fn report(path: &Path, run: Id) -> Result<(), Failure> {
    let trail = Trail::open(path)?;
    let told = trail.governance(Some(run))?;
    say!("decisions: {} allowed, denied {:?}", told.allowed, told.denied);
    say!("notes: {:?}", told.notes);
    for action in &told.actions {
        say!(
            "{}: {} begun, {} succeeded ({} from the cache), failed {:?}, open {}",
            action.action,
            action.attempts,
            action.succeeded,
            action.cached,
            action.failed,
            action.open
        );
    }
    say!("the last notes:");
    for note in trail.recent(3, Some(Kind::Note))? {
        say!("  {} {}", note.id, note.event_type);
    }
    let decisions = trail.recent(1, Some(Kind::Decision))?;
    let dir = path.display();
    say!("\nlook further:");
    say!("  cargo run --release -p audited-cli -- --trail {dir} stats {run}");
    say!("  cargo run --release -p audited-cli -- --trail {dir} tail --kind NOTE");
    for decision in decisions {
        say!("  cargo run --release -p audited-cli -- --trail {dir} explain {}", decision.id);
    }
    say!("  cargo run --release -p audited-cli -- --trail {dir} verify");
    Ok(())
}
