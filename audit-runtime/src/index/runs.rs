//! The rows of a run: what it is, each of its resumes, each of its ends.

use rusqlite::{Row, params};

use crate::model::Id;

use super::batch::{Names, id_at, place_at, status, whole};
use super::fold::{Resumed, RunEnd, RunRow, RunStart};
use super::store::{Failure, Sql};

const STORE_RUN: &str =
    "INSERT OR REPLACE INTO runs(key, run_id, name, status, started_stream, started_seq, started_at,
  ended_stream, ended_seq, ended_at, duration_ns, actor, tenant, session, request, trace_id, fields, input_slot,
  canonical_version, reason, counts, findings, abandon_reason, observer, error, attempt, running_timeout_ms) VALUES
  (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
  ?26, ?27)";

const LOAD_RUN: &str =
    "SELECT name, started_stream, started_seq, started_at, actor, tenant, session, request, trace_id,
  fields, input_slot, canonical_version, running_timeout_ms FROM runs WHERE key = ?1";

const STORE_RESUME: &str = "INSERT OR REPLACE INTO resumes(key, run_id, attempt, prior_status, checkpoint, actor,
  redriven, at, stream, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const LOAD_RESUMES: &str = "SELECT attempt, prior_status, checkpoint, actor, redriven, at, stream, seq FROM resumes
  WHERE key = ?1";

const STORE_END: &str = "INSERT OR REPLACE INTO run_ends(key, run_id, attempt, status, at, duration_ns, reason, counts,
  findings, abandon_reason, observer, error, stream, seq)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const LOAD_ENDS: &str = "SELECT attempt, status, at, duration_ns, reason, counts, findings, abandon_reason, observer,
  error, stream, seq FROM run_ends WHERE key = ?1";

/// Writes the row of a run, and one row for each of its resumes and ends.
pub(super) fn store(sql: &Sql<'_>, names: &Names, key: i64, id: Id, row: &RunRow) -> Result<(), Failure> {
    store_run(sql, names, key, id, row)?;
    let run = names.id(id);
    for (attempt, resumed) in &row.resumes {
        sql.run(
            STORE_RESUME,
            params![
                key,
                run,
                attempt,
                resumed.prior_status,
                resumed.checkpoint.map(|checkpoint| names.id(checkpoint)),
                resumed.actor,
                resumed.redriven.map(whole),
                resumed.at,
                &*names.stream(resumed.place.0),
                whole(resumed.place.1),
            ],
        )?;
    }
    for (attempt, end) in &row.ends {
        sql.run(
            STORE_END,
            params![
                key,
                run,
                attempt,
                end.status.name(),
                end.at,
                end.duration.map(whole),
                end.reason,
                end.counts,
                end.findings,
                end.abandon_reason,
                end.observer,
                end.error,
                &*names.stream(end.place.0),
                whole(end.place.1),
            ],
        )?;
    }
    Ok(())
}

/// The row of a run, as it stands so far.
pub(super) fn load(sql: &Sql<'_>, key: i64) -> Result<RunRow, Failure> {
    let start = sql.one(LOAD_RUN, [key], read_start)?.flatten();
    let resumes = sql.all(LOAD_RESUMES, [key], read_resume)?.into_iter().flatten().collect();
    let ends = sql.all(LOAD_ENDS, [key], read_end)?.into_iter().flatten().collect();
    Ok(RunRow { start, resumes, ends })
}

fn store_run(sql: &Sql<'_>, names: &Names, key: i64, id: Id, row: &RunRow) -> Result<(), Failure> {
    let (start, end) = (row.start.as_ref(), row.end());
    let begun = |get: fn(&RunStart) -> Option<&String>| start.and_then(get).map(String::as_str);
    let ended = |get: fn(&RunEnd) -> Option<&String>| end.and_then(get).map(String::as_str);
    sql.run(
        STORE_RUN,
        params![
            key,
            names.id(id),
            begun(|s| s.name.as_ref()),
            row.status().name(),
            start.map(|s| names.stream(s.place.0)).as_deref(),
            start.map(|s| whole(s.place.1)),
            start.map(|s| s.at),
            end.map(|e| names.stream(e.place.0)).as_deref(),
            end.map(|e| whole(e.place.1)),
            end.map(|e| e.at),
            end.and_then(|e| e.duration).map(whole),
            begun(|s| s.actor.as_ref()),
            begun(|s| s.tenant.as_ref()),
            begun(|s| s.session.as_ref()),
            begun(|s| s.request.as_ref()),
            begun(|s| s.trace.as_ref()),
            begun(|s| s.fields.as_ref()),
            begun(|s| s.input.as_ref()),
            start.and_then(|s| s.canonical).map(whole),
            ended(|e| e.reason.as_ref()),
            ended(|e| e.counts.as_ref()),
            ended(|e| e.findings.as_ref()),
            ended(|e| e.abandon_reason.as_ref()),
            ended(|e| e.observer.as_ref()),
            ended(|e| e.error.as_ref()),
            row.attempt(),
            start.and_then(|s| s.running_timeout).map(whole),
        ],
    )?;
    Ok(())
}

fn read_start(row: &Row<'_>) -> rusqlite::Result<Option<RunStart>> {
    let Some(place) = place_at(row, 1)? else { return Ok(None) };
    Ok(Some(RunStart {
        place,
        at: row.get(3)?,
        name: row.get(0)?,
        actor: row.get(4)?,
        tenant: row.get(5)?,
        session: row.get(6)?,
        request: row.get(7)?,
        trace: row.get(8)?,
        fields: row.get(9)?,
        input: row.get(10)?,
        canonical: row.get::<_, Option<i64>>(11)?.map(i64::unsigned_abs),
        running_timeout: row.get::<_, Option<i64>>(12)?.map(i64::unsigned_abs),
    }))
}

fn read_resume(row: &Row<'_>) -> rusqlite::Result<Option<(u32, Resumed)>> {
    let Some(place) = place_at(row, 6)? else { return Ok(None) };
    let resumed = Resumed {
        place,
        at: row.get(5)?,
        prior_status: row.get(1)?,
        checkpoint: id_at(row, 2)?,
        actor: row.get(3)?,
        redriven: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
    };
    Ok(Some((row.get(0)?, resumed)))
}

fn read_end(row: &Row<'_>) -> rusqlite::Result<Option<(u32, RunEnd)>> {
    let Some(place) = place_at(row, 10)? else { return Ok(None) };
    let end = RunEnd {
        place,
        at: row.get(2)?,
        status: status(&row.get::<_, String>(1)?),
        duration: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
        reason: row.get(4)?,
        counts: row.get(5)?,
        findings: row.get(6)?,
        abandon_reason: row.get(7)?,
        observer: row.get(8)?,
        error: row.get(9)?,
    };
    Ok(Some((row.get(0)?, end)))
}
