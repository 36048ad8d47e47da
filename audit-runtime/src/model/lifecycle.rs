//! Every legal arrow, in one place. Live writing and recovery both go through [`step`]; the index's sweep reads the same
//! table.
//!
//! ```text
//! node state   new ─open_state→ OPEN ─defer→ DEFERRED ─┐
//!                 │              ├─close→ COMPLETED / FAILED ←─close─┤
//!                 │              └─recovery→ ABANDONED ←──recovery───┘
//!                 └─(source row, one record)→ COMPLETED
//! operation    as node state, without the one-record form
//! call         new → OPEN → SUCCESS / ERROR / ABANDONED
//! batch        new → DRAFT → EXECUTING → COMPLETED / FAILED;  DRAFT → COMPLETED / FAILED;  EXECUTING → ABANDONED
//! token        new ─add→ BUFFERED (any number) → ENDED;  new → ENDED
//! held         new ─arrive→ HELD → MERGED / FAILED;  ABANDONED (its process died) → HELD under a new node state
//! sink write   new → RESERVED → PREPARED → IN_FLIGHT → FINALIZED;  PREPARED / IN_FLIGHT → FAILED once the sink said so
//! attempt      new → INTENT → RETURNED / ERROR / RESPONSE_LOST;  RESPONSE_LOST ─read back→ RETURNED / ERROR
//! run          new ─begin_run→ RUNNING ─finish→ COMPLETED / COMPLETED_WITH_FAILURES / EMPTY / FAILED / INTERRUPTED
//!              RUNNING ─recovery→ ABANDONED;  FAILED / INTERRUPTED / ABANDONED ─resume→ RUNNING
//! decision     new → ALLOW / DENY
//! action       new → BLOCKED;  new → PENDING → SUCCESS / FAILED;  PENDING ─recovery→ ABANDONED
//! ```

use super::kind::Kind;
use super::status::Status;

/// What has a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// One execution of a program or pipeline.
    Run,
    /// One attempt of one token at one node.
    NodeState,
    /// Run-level source or sink work.
    Operation,
    /// One exchange with the outside.
    Call,
    /// Tokens gathered and released together.
    Batch,
    /// A gate's answer.
    Decision,
    /// One attempt of an action that a gate has allowed.
    Action,
    /// A travelling instance of a row.
    Token,
    /// A token that waits at a merge.
    Held,
    /// What a sink makes durable at once.
    SinkWrite,
    /// One attempt of a sink write.
    SinkAttempt,
}

/// Which entity an opening record begins, and the kind that closes it.
const OPENINGS: &[(Kind, Kind, Entity)] = &[
    (Kind::StateOpened, Kind::StateClosed, Entity::NodeState),
    (Kind::RunStarted, Kind::RunEnded, Entity::Run),
    (Kind::ActionPending, Kind::ActionClosed, Entity::Action),
    (Kind::CallOpened, Kind::CallClosed, Entity::Call),
    (Kind::OperationOpened, Kind::OperationClosed, Entity::Operation),
    (Kind::BatchDrafted, Kind::BatchClosed, Entity::Batch),
];

/// What a record of this kind opens: its kind, the kind that closes it, and the entity.
#[must_use]
pub fn opening(kind: Kind) -> Option<&'static (Kind, Kind, Entity)> {
    OPENINGS.iter().find(|(open, ..)| *open == kind)
}

/// Whether a record of this kind closes what another has opened.
#[must_use]
pub fn closes(kind: Kind) -> bool {
    OPENINGS.iter().any(|(_, close, _)| *close == kind)
}

/// Who asks for the arrow. ABANDONED belongs to recovery alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The code that does the work.
    Owner,
    /// The process that found the owner gone.
    Recovery,
}

/// A refused arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// What should have moved.
    pub entity: Entity,
    /// Where it stands; `None` for a new one.
    pub from: Option<Status>,
    /// Where it should have gone.
    pub to: Status,
}

/// The status after the arrow, or why there is none. `from` is `None` for an entity that does not exist yet.
///
/// # Errors
/// [`Illegal`] for every arrow that the diagram above does not show.
pub fn step(entity: Entity, from: Option<Status>, to: Status, by: By) -> Result<Status, Illegal> {
    use Status as S;
    let owner = match entity {
        Entity::Run => matches!(
            (from, to),
            (None | Some(S::Failed | S::Interrupted | S::Abandoned), S::Running)
                | (Some(S::Running), S::Completed | S::CompletedWithFailures | S::Empty | S::Failed | S::Interrupted)
        ),
        Entity::NodeState => matches!(
            (from, to),
            (None, S::Open | S::Completed)
                | (Some(S::Open), S::Deferred | S::Completed | S::Failed)
                | (Some(S::Deferred), S::Completed | S::Failed)
        ),
        Entity::Operation => matches!(
            (from, to),
            (None, S::Open)
                | (Some(S::Open), S::Deferred | S::Completed | S::Failed)
                | (Some(S::Deferred), S::Completed | S::Failed)
        ),
        Entity::Call => matches!((from, to), (None, S::Open) | (Some(S::Open), S::Success | S::Error)),
        Entity::Batch => matches!(
            (from, to),
            (None, S::Draft)
                | (Some(S::Draft), S::Executing | S::Completed | S::Failed)
                | (Some(S::Executing), S::Completed | S::Failed)
        ),
        Entity::Decision => matches!((from, to), (None, S::Allow | S::Deny)),
        Entity::Action => {
            matches!((from, to), (None, S::Blocked | S::Pending) | (Some(S::Pending), S::Success | S::Failed))
        }
        Entity::Token => matches!((from, to), (None | Some(S::Buffered), S::Buffered | S::Ended)),
        Entity::Held => {
            matches!((from, to), (None | Some(S::Abandoned), S::Held) | (Some(S::Held), S::Merged | S::Failed))
        }
        Entity::SinkWrite => matches!(
            (from, to),
            (None, S::Reserved)
                | (Some(S::Reserved), S::Prepared)
                | (Some(S::Prepared), S::InFlight | S::Failed)
                | (Some(S::InFlight), S::Finalized | S::Failed)
        ),
        Entity::SinkAttempt => matches!(
            (from, to),
            (None, S::Intent)
                | (Some(S::Intent), S::Returned | S::Error | S::ResponseLost)
                | (Some(S::ResponseLost), S::Returned | S::Error)
        ),
    };
    let recovery = to == S::Abandoned
        && matches!(
            (entity, from),
            (Entity::Run, Some(S::Running))
                | (Entity::NodeState | Entity::Operation, Some(S::Open | S::Deferred))
                | (Entity::Call, Some(S::Open))
                | (Entity::Batch, Some(S::Executing))
                | (Entity::Action, Some(S::Pending))
                | (Entity::Held, Some(S::Held))
        );
    let legal = match by {
        By::Owner => owner,
        // A spooled terminal that its owner could not place is placed by recovery, so the owner's arrows are its too.
        By::Recovery => recovery || (owner && from.is_some()),
    };
    if legal { Ok(to) } else { Err(Illegal { entity, from, to }) }
}

/// Whether nothing may follow but a resume (runs).
#[must_use]
pub fn is_terminal(entity: Entity, status: Status) -> bool {
    !Status::ALL.iter().any(|to| step(entity, Some(status), *to, By::Owner).is_ok() && *to != Status::Running)
        && !matches!(status, Status::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arrows of the specification, written out a second time by hand.
    const NODE_STATE: &[(Option<Status>, &[Status])] = &[
        (None, &[Status::Open, Status::Completed]),
        (Some(Status::Open), &[Status::Deferred, Status::Completed, Status::Failed]),
        (Some(Status::Deferred), &[Status::Completed, Status::Failed]),
    ];

    #[test]
    fn g23_node_states_have_exactly_the_arrows_of_the_table() {
        let froms = std::iter::once(None).chain(Status::ALL.iter().copied().map(Some));
        for from in froms {
            for to in Status::ALL.iter().copied() {
                let legal = NODE_STATE.iter().any(|(f, tos)| *f == from && tos.contains(&to));
                assert_eq!(step(Entity::NodeState, from, to, By::Owner).is_ok(), legal, "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn g11_a_terminal_is_final() {
        for terminal in [Status::Completed, Status::Failed, Status::Abandoned] {
            for to in Status::ALL.iter().copied() {
                assert!(step(Entity::NodeState, Some(terminal), to, By::Owner).is_err());
                assert!(step(Entity::NodeState, Some(terminal), to, By::Recovery).is_err());
            }
            assert!(is_terminal(Entity::NodeState, terminal));
        }
    }

    #[test]
    fn only_recovery_abandons() {
        for entity in [Entity::Run, Entity::NodeState, Entity::Operation, Entity::Call, Entity::Batch] {
            for from in Status::ALL.iter().copied() {
                assert!(step(entity, Some(from), Status::Abandoned, By::Owner).is_err());
            }
        }
        assert!(step(Entity::Run, Some(Status::Running), Status::Abandoned, By::Recovery).is_ok());
        assert!(step(Entity::Batch, Some(Status::Draft), Status::Abandoned, By::Recovery).is_err());
    }

    /// The specification's arrows of the landscape, written out a second time by hand.
    #[test]
    fn the_landscape_has_exactly_the_arrows_of_the_table() {
        use Status as S;
        let table: &[(Entity, Option<S>, &[S])] = &[
            (Entity::Call, None, &[S::Open]),
            (Entity::Call, Some(S::Open), &[S::Success, S::Error]),
            (Entity::Operation, None, &[S::Open]),
            (Entity::Operation, Some(S::Open), &[S::Deferred, S::Completed, S::Failed]),
            (Entity::Operation, Some(S::Deferred), &[S::Completed, S::Failed]),
            (Entity::Batch, None, &[S::Draft]),
            (Entity::Batch, Some(S::Draft), &[S::Executing, S::Completed, S::Failed]),
            (Entity::Batch, Some(S::Executing), &[S::Completed, S::Failed]),
            (Entity::Token, None, &[S::Buffered, S::Ended]),
            (Entity::Token, Some(S::Buffered), &[S::Buffered, S::Ended]),
            (Entity::Held, None, &[S::Held]),
            (Entity::Held, Some(S::Held), &[S::Merged, S::Failed]),
            (Entity::Held, Some(S::Abandoned), &[S::Held]),
            (Entity::SinkWrite, None, &[S::Reserved]),
            (Entity::SinkWrite, Some(S::Reserved), &[S::Prepared]),
            (Entity::SinkWrite, Some(S::Prepared), &[S::InFlight, S::Failed]),
            (Entity::SinkWrite, Some(S::InFlight), &[S::Finalized, S::Failed]),
            (Entity::SinkAttempt, None, &[S::Intent]),
            (Entity::SinkAttempt, Some(S::Intent), &[S::Returned, S::Error, S::ResponseLost]),
            (Entity::SinkAttempt, Some(S::ResponseLost), &[S::Returned, S::Error]),
        ];
        for (entity, ..) in table {
            for from in std::iter::once(None).chain(Status::ALL.iter().copied().map(Some)) {
                for to in Status::ALL.iter().copied() {
                    let legal = table.iter().any(|(e, f, tos)| e == entity && *f == from && tos.contains(&to));
                    assert_eq!(step(*entity, from, to, By::Owner).is_ok(), legal, "{entity:?}: {from:?} -> {to:?}");
                }
            }
        }
        let abandoned = |entity, from| step(entity, Some(from), S::Abandoned, By::Recovery).is_ok();
        assert!(
            abandoned(Entity::Call, S::Open)
                && abandoned(Entity::Held, S::Held)
                && abandoned(Entity::Batch, S::Executing)
        );
        assert!(!abandoned(Entity::Batch, S::Draft) && !abandoned(Entity::Token, S::Buffered));
        assert!(!abandoned(Entity::SinkWrite, S::InFlight), "an effect in doubt is read back, never abandoned");
    }

    #[test]
    fn actions_and_decisions_have_exactly_the_arrows_of_the_table() {
        use Status as S;
        let table: &[(Entity, Option<S>, &[S])] = &[
            (Entity::Decision, None, &[S::Allow, S::Deny]),
            (Entity::Action, None, &[S::Blocked, S::Pending]),
            (Entity::Action, Some(S::Pending), &[S::Success, S::Failed]),
        ];
        for entity in [Entity::Decision, Entity::Action] {
            for from in std::iter::once(None).chain(Status::ALL.iter().copied().map(Some)) {
                for to in Status::ALL.iter().copied() {
                    let legal = table.iter().any(|(e, f, tos)| *e == entity && *f == from && tos.contains(&to));
                    assert_eq!(step(entity, from, to, By::Owner).is_ok(), legal, "{entity:?}: {from:?} -> {to:?}");
                }
            }
        }
        assert!(step(Entity::Action, Some(S::Pending), S::Abandoned, By::Recovery).is_ok());
    }

    #[test]
    fn a_success_is_never_resumed() {
        for from in [Status::Completed, Status::CompletedWithFailures, Status::Empty] {
            assert!(step(Entity::Run, Some(from), Status::Running, By::Owner).is_err());
        }
    }
}
