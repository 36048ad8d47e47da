audit_runtime::reason_codes! {
    /// Why a transfer is denied.
    pub enum Refusal {
        /// More than the profile allows.
        OverLimit = "DENIED";
        /// The account is closed.
        Closed = "DENIED";
    }
}

fn main() {}
