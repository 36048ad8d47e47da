//! Shape x ending: every function shape ends in every way that it can, and the trail tells each ending apart.

use crate::shapes_async::{self as later, Dyn as _, InTrait as _, Later, Outside};
use crate::shapes_sync::{self as sync, Block, Carrier, Teller, Tells as _, module::Inside};
use crate::trail::{Fault, How, Told, Trail, block_on, caught, poll_once};
use audit_runtime::model::{Exit, Key, Kind, Status};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

type Later1 = Pin<Box<dyn Future<Output = Told>>>;

enum Run {
    Sync(fn(How) -> Told),
    Async(fn(How) -> Later1),
}

struct Shape {
    /// What is special about it.
    what: &'static str,
    /// The name that the site must carry.
    function: &'static str,
    run: Run,
    /// Endings that this shape can have.
    can: &'static [How],
}

const SYNC: &[How] = &[How::Ok, How::Err, How::Panic];
const ALL: &[How] = &[How::Ok, How::Err, How::Panic, How::Hang];

fn boxed<'a>(future: impl Future<Output = Told> + 'a) -> Pin<Box<dyn Future<Output = Told> + 'a>> {
    Box::pin(future)
}

impl From<Wish> for How {
    fn from(wish: Wish) -> How {
        wish.0
    }
}

struct Wish(How);

#[allow(unsafe_code)]
fn shapes() -> Vec<Shape> {
    let s = |what, function, run| Shape { what, function, run: Run::Sync(run), can: SYNC };
    let a = |what, function, run| Shape { what, function, run: Run::Async(run), can: ALL };
    vec![
        s("free function", "free", sync::free),
        s("&self", "Teller::by_ref", |how| Teller(how).by_ref()),
        s("&mut self", "Teller::by_mut", |how| Teller(how).by_mut()),
        s("self", "Teller::by_value", |how| Teller(how).by_value()),
        s("mut self", "Teller::by_mut_value", |how| Teller(how).by_mut_value()),
        s("Box<Self>", "Teller::boxed", |how| Box::new(Teller(how)).boxed()),
        s("Rc<Self>", "Teller::counted", |how| Rc::new(Teller(how)).counted()),
        s("Arc<Self>", "Teller::shared", |how| Arc::new(Teller(how)).shared()),
        s("Pin<&mut Self>", "Teller::pinned", |how| Pin::new(&mut Teller(how)).pinned()),
        s("associated function", "Teller::associated", Teller::associated),
        s("generic", "generic", |how| sync::generic(Teller(how))),
        s("const generic", "const_generic", |how| sync::const_generic([how, how])),
        s("lifetimes", "lifetimes", |how| sync::lifetimes(&how, "")),
        s("where clause", "bounded", |how| sync::bounded(move || how)),
        s("impl Trait argument", "impl_argument", |how| sync::impl_argument([how].into_iter())),
        s("impl Trait return", "impl_return", |how| sync::impl_return(how).map(|f| f())),
        s("trait default method", "Tells::by_default", |how| Teller(how).by_default()),
        s("trait impl method", "Teller::by_impl", |how| Teller(how).by_impl()),
        s("unsafe fn", "unsafe_fn", |how| unsafe { sync::unsafe_fn(how) }),
        s("extern \"C-unwind\"", "foreign", |how| sync::foreign(how)),
        Shape {
            what: "plain value",
            function: "plain",
            run: Run::Sync(|how| Ok(sync::plain(how))),
            can: &[How::Ok, How::Panic],
        },
        Shape {
            what: "nothing returned",
            function: "nothing",
            run: Run::Sync(|how| {
                sync::nothing(how);
                Ok(7)
            }),
            can: &[How::Ok, How::Panic],
        },
        Shape {
            what: "extern \"C\"",
            function: "foreign_c",
            run: Run::Sync(|how| Ok(sync::foreign_c(how))),
            can: &[How::Ok],
        },
        Shape {
            what: "Drop::drop",
            function: "Dropped::drop",
            run: Run::Sync(|how| {
                drop(sync::Dropped(how));
                Ok(7)
            }),
            can: &[How::Ok, How::Panic],
        },
        s("question mark", "question_mark", sync::question_mark),
        s("early return", "early_return", sync::early_return),
        s("labelled break", "labelled", sync::labelled),
        s("let else", "let_else", sync::let_else),
        s("inner closure with return", "inner_closure", sync::inner_closure),
        s("patterns in arguments", "patterns", |how| sync::patterns((how, 0), [0, 1], Teller(how))),
        s("mut arguments", "mutable", |how| sync::mutable(how, 3)),
        Shape { what: "-> !", function: "never", run: Run::Sync(|how| sync::never(how)), can: &[How::Panic] },
        s("moved and borrowed arguments", "moved", |how| sync::moved(Box::new(how), String::new(), &[])),
        s("Option<Result>", "option_of_result", |how| sync::option_of_result(how).unwrap_or(Ok(0))),
        s("alias of Result", "alias", sync::alias),
        s("#[track_caller]", "tracks", sync::tracks),
        s("#[must_use] #[inline] docs", "decorated", |how| sync::decorated(0, how)),
        s("#[cfg] on arguments", "conditional", sync::conditional),
        s("on an impl block", "Block::on_impl", |how| Block(how).on_impl()),
        s("on a module", "in_module", sync::module::in_module),
        s("impl in a module", "Inside::in_module_impl", |how| Inside.in_module_impl(how)),
        s("made by a macro", "by_macro", sync::by_macro),
        s("raw identifiers", "type", sync::r#type),
        s("inner attributes and items", "inner_attributes", sync::inner_attributes),
        s("reborrowed return", "reborrowed", |how| sync::reborrowed(&mut Vec::new(), how).map(|value| *value)),
        s("temporary in the tail", "tail_temporary", |how| sync::tail_temporary(std::sync::Mutex::new(how))),
        s("boxed error", "boxed_error", |how| sync::boxed_error(how).map_err(|_| Fault::Told)),
        s("method of a generic impl", "Carrier::in_generic_impl", |how| {
            Carrier(how, PhantomData::<u8>).in_generic_impl()
        }),
        s("under #[instrument]", "under_instrument", sync::under_instrument),
        s("over #[instrument]", "over_instrument", sync::over_instrument),
        a("async fn", "async_free", |how| boxed(later::async_free(how))),
        a("async &self", "Later::async_by_ref", |how| boxed(async move { Later(how).async_by_ref().await })),
        a("async &mut self", "Later::async_by_mut", |how| boxed(async move { Later(how).async_by_mut().await })),
        a("async self", "Later::async_by_value", |how| boxed(Later(how).async_by_value())),
        a("async generic", "async_generic", |how| boxed(later::async_generic(Wish(how)))),
        a("async with lifetimes", "async_lifetimes", |how| {
            boxed(async move { later::async_lifetimes(&how, (0, 0)).await })
        }),
        a("async question mark", "async_question_mark", |how| boxed(later::async_question_mark(how))),
        Shape {
            what: "async -> !",
            function: "async_never",
            run: Run::Async(|how| boxed(async move { later::async_never(how).await })),
            can: &[How::Panic, How::Hang],
        },
        a("async unsafe", "async_unsafe", |how| boxed(unsafe { later::async_unsafe(how) })),
        a("impl Future, one block", "impl_future", |how| boxed(later::impl_future(how))),
        a("impl Future behind statements", "impl_future_behind", |how| boxed(later::impl_future_behind(how))),
        a("boxed future, one block", "boxed_future", |how| later::boxed_future(how)),
        a("boxed future behind statements", "boxed_future_behind", |how| later::boxed_future_behind(how)),
        a("BoxFuture", "box_future", |how| boxed(async move { later::box_future(&how).await })),
        a("impl Future in a trait", "Later::in_trait", |how| boxed(async move { Later(how).in_trait().await })),
        a("async fn in a trait", "Later::in_trait_async", |how| {
            boxed(async move { Later(how).in_trait_async().await })
        }),
        a("async trait default", "InTrait::async_default", |how| {
            boxed(async move { Later(how).async_default(how).await })
        }),
        a("#[async_trait] impl", "Later::dyn_impl", |how| boxed(async move { Later(how).dyn_impl().await })),
        a("#[async_trait] default", "Dyn::dyn_default", |how| boxed(async move { Later(how).dyn_default(how).await })),
        a("above #[async_trait]", "Outside::dyn_impl", |how| boxed(async move { Outside(how).dyn_impl().await })),
        a("async in a module", "async_in_module", |how| boxed(later::async_module::async_in_module(how))),
        a("async under #[instrument]", "async_under_instrument", |how| boxed(later::async_under_instrument(how))),
        a("async over #[instrument]", "async_over_instrument", |how| boxed(later::async_over_instrument(how))),
        a("output that is not Send", "local", |how| {
            boxed(async move {
                let out = later::is_send(later::local(how)).await;
                out.map(|value| *value).map_err(|_| Fault::Told)
            })
        }),
        a("sync body in async", "async_sync_inside", |how| boxed(later::async_sync_inside(how))),
    ]
}

fn expected(how: How) -> (Status, Exit) {
    match how {
        How::Ok => (Status::Completed, Exit::Returned),
        How::Err => (Status::Failed, Exit::Errored),
        How::Panic => (Status::Failed, Exit::Panicked),
        How::Hang => (Status::Failed, Exit::Cancelled),
    }
}

/// Runs one case and checks what the caller sees.
fn ends(run: &Run, how: How) -> Result<(), String> {
    let seen = match run {
        Run::Sync(run) => caught(|| run(how)),
        Run::Async(run) if how == How::Hang => {
            let mut future = run(how);
            let polled = poll_once(future.as_mut());
            return if polled.is_pending() { Ok(()) } else { Err("the future did not wait".into()) };
        }
        Run::Async(run) => caught(|| block_on(run(how))),
    };
    match (how, seen) {
        (How::Ok, Ok(Ok(7))) | (How::Err, Ok(Err(Fault::Told))) => Ok(()),
        (How::Panic, Err(text)) if text == "told to panic" => Ok(()),
        (_, seen) => Err(format!("the caller saw {seen:?}")),
    }
}

/// What the trail says of one case.
fn recorded(trail: &Trail, shape: &Shape, how: How) -> Result<(), String> {
    let states = trail.states();
    let [state] = states.as_slice() else { return Err(format!("{} node states", states.len())) };
    let (status, exit) = expected(how);
    let panics = trail.of_kind(Kind::PanicObserved).len();
    let checks = [
        ("function", state.function == shape.function),
        ("terminals", state.terminals.len() == 1),
        ("status", state.status() == status),
        ("exit", state.exit() == exit),
        ("output slot", state.terminals[0].body.get(Key::Output).is_some() == (how == How::Ok)),
        ("error", state.text(Key::Error).is_some() == (how != How::Ok)),
        ("panic text", how != How::Panic || state.text(Key::Error) == Some("told to panic")),
        ("panic place", how != How::Panic || state.text(Key::Location).is_some_and(|place| place.contains(".rs:"))),
        ("observed panics", panics == usize::from(how == How::Panic)),
        ("error text", how != How::Err || state.text(Key::Error) == Some("told to fail")),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(format!("{what}: {:?} {:?}", state.function, state.terminals)),
        None => Ok(()),
    }
}

#[test]
fn g1_g2_g3_g6_g15_every_shape_ends_in_every_way_it_can() {
    let endings = ALL;
    let mut holes = Vec::new();
    let shapes = shapes();
    println!("{:32} {:>9} {:>9} {:>9} {:>9}", "shape", "Ok", "Err", "panic", "cancel");
    for shape in &shapes {
        let mut row = format!("{:32}", shape.what);
        for how in endings {
            let cell = if shape.can.contains(how) {
                let trail = Trail::new();
                let outcome =
                    trail.recorder.scope(|| ends(&shape.run, *how)).and_then(|()| recorded(&trail, shape, *how));
                match outcome {
                    Ok(()) => expected(*how).1.name(),
                    Err(why) => {
                        holes.push(format!("{} / {how:?}: {why}", shape.what));
                        "HOLE"
                    }
                }
            } else {
                "-"
            };
            row.push_str(&format!(" {cell:>9}"));
        }
        println!("{row}");
    }
    let cases: usize = shapes.iter().map(|shape| shape.can.len()).sum();
    println!("{} shapes, {cases} cases, {} holes", shapes.len(), holes.len());
    assert!(holes.is_empty(), "{}", holes.join("\n"));
    assert!(shapes.len() >= 30);
}

/// The table's own negative control: a case that ended otherwise than it was told must be reported as a hole.
#[test]
fn the_table_notices_an_ending_that_is_not_the_expected_one() {
    let shape = &shapes()[0];
    let trail = Trail::new();
    trail.recorder.scope(|| ends(&shape.run, How::Ok)).expect("an Ok ends as one");
    assert!(recorded(&trail, shape, How::Err).is_err());
    assert!(ends(&shape.run, How::Ok).is_ok() && recorded(&trail, &shapes()[1], How::Ok).is_err());
}
