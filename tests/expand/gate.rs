#[gate(profile = PAYMENTS, expires = 1m)]
fn may_send(#[policy] policy: &Policy, transfer: &Transfer) -> Decision {
    judge(policy, transfer)
}
