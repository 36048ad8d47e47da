//! The table of node states as SQL.

use super::{Need, STATE_ROWS};
use crate::model::{Exit, Key, Status};

/// The column of the index that shows a field of the table of states.
fn column(key: Key) -> Option<&'static str> {
    Some(match key {
        Key::Input => "input_slot",
        Key::Output => "output_slot",
        Key::ContextAfter => "context_after",
        Key::Error => "error",
        Key::SuccessReason => "success_reason",
        Key::AbandonReason => "abandon_reason",
        _ => return None,
    })
}

/// Whether a row of `node_states` in the index does not fit its status, as an SQL condition that is never NULL. Rule S16 and
/// the strict schema's CHECK are made of it.
#[must_use]
pub fn wrong_state_sql() -> String {
    let lines: Vec<String> = STATE_ROWS
        .iter()
        .map(|row| {
            let mut wrong: Vec<String> = vec!["coalesce(input_slot, '') = ''".into()];
            for (key, need) in row.fields.iter().filter(|(key, _)| *key != Key::Input) {
                match (column(*key), need) {
                    (Some(column), Need::Required) => wrong.push(format!("coalesce({column}, '') = ''")),
                    (Some(column), Need::Absent) => wrong.push(format!("{column} IS NOT NULL")),
                    _ => {}
                }
            }
            let exits: Vec<String> =
                row.exits.iter().filter(|exit| **exit != Exit::None).map(|exit| format!("'{exit}'")).collect();
            wrong.push(match exits.is_empty() {
                true => "exit_kind IS NOT NULL".into(),
                false => format!("exit_kind IS NULL OR exit_kind NOT IN ({})", exits.join(", ")),
            });
            let need = |column, needed| format!("{column} IS {}NULL", if needed { "" } else { "NOT " });
            wrong.push(need("ended_at", row.status != Status::Open));
            wrong.push(need("duration_ns", !matches!(row.status, Status::Open | Status::Abandoned)));
            let status = row.status;
            format!("(status = '{status}' AND ({}))", wrong.join(" OR "))
        })
        .collect();
    let known: Vec<String> = STATE_ROWS.iter().map(|row| format!("'{}'", row.status)).collect();
    format!("{} OR status NOT IN ({})", lines.join(" OR "), known.join(", "))
}
