//! A service whose every request is decided, executed and answered under one trace id: gate, action, response. What is
//! denied, blocked, broken, too late or malformed is recorded as well, before its response goes out.
//!
//! ```text
//! POST /transfers    gate ─→ DECISION ─→ send, within its patience ─→ response
//! POST /settlements  gate ─→ DECISION ─→ settle: reserve, book, confirm ─→ response
//! ```
//!
//! ```text
//! cargo run --release --example governed_service                # asks itself a few questions and shows the trail
//! cargo run --release --example governed_service -- --serve     # listens until its standard input is closed
//! ```

#![forbid(unsafe_code)]

use audit_runtime::governance::{
    Action, ActionError, Authorization, Catalog, Correlation, Decision, Executor, GateReason, Order, Profile, Reason,
    Rules, Ruling, Steps,
};
use audit_runtime::{Builder, Recorder, RunHandle, Severity, audited};
use audited_examples::http::Client;
use audited_examples::say;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The longest that a transfer may take, unless `--patience MS` says otherwise.
const PATIENCE: Duration = Duration::from_secs(1);

audit_runtime::reason_codes! {
    /// Why a transfer is denied.
    pub enum Refusal {
        /// More than the profile allows.
        OverLimit = "OVER_LIMIT";
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transfer {
    amount: u64,
    to: String,
}

#[derive(Serialize)]
struct Policy {
    limit: u64,
}

fn judge(policy: &Policy, transfer: &Transfer) -> Decision {
    let mut rules = Rules::new();
    rules.ran("has_recipient", !transfer.to.is_empty());
    if rules.ran("over_limit", transfer.amount > policy.limit) {
        return Decision::deny(Reason::new(Refusal::OverLimit, "above the limit of the profile"), rules);
    }
    Decision::allow(rules)
}

/// What a bank says instead of a booking.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<audit_runtime::Error> for Refused {
    fn from(error: audit_runtime::Error) -> Refused {
        Refused(error.to_string())
    }
}

/// Stands for a bank, one of which takes longer than anybody waits.
#[audited(node = "bank", effect = external)]
fn bank(transfer: &Transfer, patience: Duration) -> Result<String, Refused> {
    match transfer.to.as_str() {
        "broken-bank" => Err(Refused("the bank is closed".to_owned())),
        "slow-bank" => {
            std::thread::sleep(2 * patience);
            Ok("too late".to_owned())
        }
        _ => Ok(format!("booking of {}", transfer.amount)),
    }
}

/// What a handler works with.
pub(crate) struct Service {
    recorder: Recorder,
    run: RunHandle,
    profile: Profile<Policy>,
    catalog: Catalog,
    patience: Duration,
}

fn order(action: &'static str) -> Order<'static> {
    Order { action, version: "1.0.0", executor: "bank", executor_version: "2.1.0" }
}

/// A status and a body; what an answer says besides comes from its correlation.
pub(crate) type Answer = (StatusCode, Value);

impl Service {
    pub(crate) fn new(recorder: &Recorder, run: RunHandle, patience: Duration) -> Result<Service, Failure> {
        let profile = Profile::new("payments", Policy { limit: 1_000 }, ["send", "settle"])?;
        let catalog = Catalog::new()
            .action(Action::new("send", "1.0.0").needs("ledger"))
            .action(Action::new("settle", "1.0.0").needs("ledger"))
            .executor(Executor::new("bank", "2.1.0").provides("ledger"));
        Ok(Service { recorder: recorder.clone(), run, profile, catalog, patience })
    }

    /// Gate, action, response: each is on the device before the next begins.
    pub(crate) fn handle(
        &self,
        correlation: &Correlation,
        body: &[u8],
        act: impl FnOnce(&Service, Authorization, Transfer) -> Result<String, ActionError<Refused>>,
    ) -> Answer {
        let (status, mut told) = match self.decide(correlation, body) {
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": error.code().text() })),
            Ok((Ruling::Denied(denial), _)) => {
                let codes: Vec<&str> = denial.reasons.iter().map(Reason::code).collect();
                (StatusCode::FORBIDDEN, json!({ "decision": "DENY", "reason_codes": codes }))
            }
            Ok((Ruling::Allowed(authorization), Some(transfer))) => executed(act(self, authorization, transfer)),
            Ok((Ruling::Allowed(_), None)) => (StatusCode::BAD_REQUEST, json!({ "error": "NON_JSON_PAYLOAD" })),
        };
        told["trace_id"] = json!(correlation.trace().map(|trace| trace.to_string()));
        match correlation.responded(&self.recorder, status.as_str()) {
            Ok(_) => (status, told),
            // What cannot be recorded is not told.
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": error.code().text() })),
        }
    }

    /// A body that is no transfer is denied by the same gate, so that it leaves a decision like any other.
    fn decide(
        &self,
        correlation: &Correlation,
        body: &[u8],
    ) -> Result<(Ruling, Option<Transfer>), audit_runtime::Error> {
        let gate = self.recorder.gate(&self.profile).correlation(correlation.clone());
        match serde_json::from_slice::<Transfer>(body) {
            Ok(transfer) => Ok((gate.decide(&transfer, judge)?, Some(transfer))),
            Err(error) => {
                let place = format!("line {}, column {}", error.line(), error.column());
                let reason = Reason::new(GateReason::NonJsonPayload, "the body is no transfer").evidence("at", &place);
                let deny = |_: &Policy, _: &usize| Decision::deny(reason, Rules::new());
                Ok((gate.decide(&body.len(), deny)?, None))
            }
        }
    }

    pub(crate) fn send(
        &self,
        authorization: Authorization,
        transfer: Transfer,
    ) -> Result<String, ActionError<Refused>> {
        let patience = self.patience;
        let body = move |transfer: Transfer| bank(&transfer, patience);
        authorization.execute_within(patience, &self.catalog, &order("send"), transfer, body)
    }

    pub(crate) fn settle(
        &self,
        authorization: Authorization,
        transfer: Transfer,
    ) -> Result<String, ActionError<Refused>> {
        let steps = |transfer: &Transfer, steps: &mut Steps| {
            steps.step("reserve", &transfer.amount, |_| Ok::<_, Refused>("reserved"))?;
            let booked = steps.step("book", transfer, |transfer| bank(transfer, self.patience))?;
            steps.step("confirm", &booked, |booked| Ok::<_, Refused>(booked.clone()))
        };
        let settled = authorization.execute_steps(&self.catalog, &order("settle"), &transfer, steps);
        settled.map_err(|error| match error {
            ActionError::Failed { attempt, error } => {
                ActionError::Failed { attempt, error: Refused(error.to_string()) }
            }
            ActionError::Blocked(blocked) => ActionError::Blocked(blocked),
            ActionError::TimedOut { attempt, after } => ActionError::TimedOut { attempt, after },
            ActionError::Audit(error) => ActionError::Audit(error),
        })
    }
}

fn executed(result: Result<String, ActionError<Refused>>) -> Answer {
    match result {
        Ok(booking) => (StatusCode::OK, json!({ "decision": "ALLOW", "status": "SUCCESS", "booking": booking })),
        Err(ActionError::Blocked(blocked)) => (
            StatusCode::CONFLICT,
            json!({ "decision": "ALLOW", "status": "BLOCKED", "error": blocked.code.to_string() }),
        ),
        Err(ActionError::Failed { .. }) => {
            (StatusCode::BAD_GATEWAY, json!({ "decision": "ALLOW", "status": "FAILED", "error": "EXECUTOR_EXCEPTION" }))
        }
        Err(ActionError::TimedOut { .. }) => (
            StatusCode::GATEWAY_TIMEOUT,
            json!({ "decision": "ALLOW", "status": "FAILED", "error": "EXECUTOR_TIMEOUT" }),
        ),
        Err(ActionError::Audit(error)) => (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": error.code().text() })),
    }
}

/// What came with the request, as far as it can be trusted: a malformed trace id is replaced, and the gate records that.
fn correlation(headers: &HeaderMap, kind: &str) -> Correlation {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let parent = headers.get("traceparent").map(|value| value.to_str().unwrap_or("(no text)"));
    let mut correlation = Correlation::inbound(parent).request(kind, text("x-request-id").unwrap_or("-"));
    if let Some(tenant) = text("x-tenant") {
        correlation = correlation.tenant(tenant);
    }
    if let Some(session) = text("x-session") {
        correlation = correlation.session(session);
    }
    correlation
}

/// The audit waits for the device: a thread that may block does that, never one of the runtime's.
async fn answered(
    service: Arc<Service>,
    correlation: Correlation,
    work: impl FnOnce(&Service, &Correlation) -> Answer + Send + 'static,
) -> Response {
    let parent = correlation.outbound().map(|parent| parent.to_string());
    let span = tracing::info_span!("request", trace_id = correlation.trace().map(tracing::field::display));
    let run = service.run.clone();
    let done = tokio::task::spawn_blocking(move || span.in_scope(|| run.scope(|| work(&service, &correlation)))).await;
    let (status, body) = done.unwrap_or_else(|_| (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": "PANIC" })));
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    if let Some(value) = parent.and_then(|parent| parent.parse().ok()) {
        headers.insert("traceparent", value);
    }
    response
}

async fn transfers(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let correlation = correlation(&headers, "transfer");
    answered(service, correlation, move |service, of| service.handle(of, &body, Service::send)).await
}

async fn settlements(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let correlation = correlation(&headers, "settlement");
    answered(service, correlation, move |service, of| service.handle(of, &body, Service::settle)).await
}

/// The side path keeps the same policy: what nobody routes leaves a note before its response.
async fn nowhere(State(service): State<Arc<Service>>, headers: HeaderMap, uri: Uri) -> Response {
    let correlation = correlation(&headers, "unknown");
    answered(service, correlation, move |service, of| {
        let path = uri.path().to_owned();
        let noted = service.recorder.note("security", Severity::Warning, &[("what", "unknown route"), ("path", &path)]);
        let responded = noted.and_then(|_| of.responded(&service.recorder, "404"));
        match responded {
            Ok(_) => (StatusCode::NOT_FOUND, json!({ "trace_id": of.trace().map(|trace| trace.to_string()) })),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": error.code().text() })),
        }
    })
    .await
}

struct Options {
    trail: PathBuf,
    serve: bool,
    patience: Duration,
}

fn options() -> Result<Options, Failure> {
    let mut options = Options { trail: "target/trails/governed_service".into(), serve: false, patience: PATIENCE };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--serve" => options.serve = true,
            "--trail" => options.trail = words.next().ok_or("--trail needs a directory")?.into(),
            "--patience" => {
                let millis = words.next().and_then(|millis| millis.parse().ok());
                options.patience = Duration::from_millis(millis.ok_or("--patience needs milliseconds")?);
            }
            other => {
                return Err(format!("unknown option {other}; there are --trail DIR, --serve and --patience MS").into());
            }
        }
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = options()?;
    let recorder = Builder::new(&options.trail).actor("governed service").open()?;
    let installed = recorder.install()?;
    let run = recorder.begin_run("service")?;
    let service = Arc::new(Service::new(&recorder, run.handle(), options.patience)?);
    let routes = Router::new()
        .route("/transfers", post(transfers))
        .route("/settlements", post(settlements))
        .fallback(nowhere)
        .with_state(service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    say!("listening on {address}");
    let serve = options.serve;
    let over = tokio::task::spawn_blocking(move || if serve { until_closed() } else { demonstrate(&address) });
    tokio::select! {
        served = axum::serve(listener, routes) => served?,
        asked = over => asked??,
    }
    say!("{}", run.finish()?);
    installed.close()?;
    look_further(&options.trail);
    Ok(())
}

/// Until standard input is closed.
fn until_closed() -> Result<(), Failure> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Asks as a caller would: healthy, denied, malformed, broken, too late, composite.
fn demonstrate(address: &str) -> Result<(), Failure> {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let cases = [
        ("too late", "/transfers", parent, r#"{"amount":50,"to":"slow-bank"}"#),
        ("healthy", "/transfers", parent, r#"{"amount":50,"to":"acc-7"}"#),
        ("over the limit", "/transfers", parent, r#"{"amount":5000,"to":"acc-7"}"#),
        ("no transfer", "/transfers", parent, r#"{"amount":"#),
        ("odd trace id", "/transfers", "00-zz", r#"{"amount":50,"to":"acc-7"}"#),
        ("broken", "/transfers", parent, r#"{"amount":50,"to":"broken-bank"}"#),
        ("three steps", "/settlements", parent, r#"{"amount":50,"to":"acc-7"}"#),
        ("second fails", "/settlements", parent, r#"{"amount":50,"to":"broken-bank"}"#),
        ("no such route", "/nowhere", parent, "{}"),
    ];
    let mut client = Client::connect(address)?;
    for (name, path, parent, body) in cases {
        let headers = [("traceparent", parent), ("x-tenant", "acme"), ("x-session", "demo"), ("x-request-id", name)];
        let reply = client.post(path, &headers, body)?;
        say!("{name:<16} {} {}", reply.status, reply.body);
    }
    // The worker that was too late ends by now; its record is linked to the attempt.
    std::thread::sleep(2 * PATIENCE);
    Ok(())
}

fn look_further(trail: &Path) {
    let trail = trail.display();
    say!("look further:");
    for command in ["explain session:demo", "explain 4bf92f3577b34da6a3ce929d0e0e4736", "metrics", "sweep", "verify"] {
        say!("  cargo run --release -p audited-cli -- --trail {trail} {command}");
    }
}
