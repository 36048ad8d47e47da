impl Import {
    pub fn run(&self) -> u32 {
        ::audit_runtime::__private::site!(
            __AUDITED Sync "Import::run" 0u32 0u32 { text : "kind = transform", kind :
            ::audit_runtime::__private::Some("transform") }
        );
        let __refuse = ::audit_runtime::__private::refuse_by_panic;
        let __asks = ::audit_runtime::__private::asks(&__AUDITED);
        let mut __audit = ::audit_runtime::__private::Audit::<u32>::new();
        match if __asks {
            __audit.open(&__AUDITED, ::audit_runtime::__private::NONE, __refuse)
        } else {
            ::audit_runtime::__private::Ok(())
        } {
            ::audit_runtime::__private::Ok(()) => {
                let __out = __audit
                    .body(move || {
                        let _ = (&self,);
                        self.rows
                    });
                let __out = __audit
                    .leave(
                        __asks,
                        &__AUDITED,
                        __out,
                        ::audit_runtime::__private::returned,
                        __refuse,
                    );
                ::audit_runtime::__private::forget(__audit);
                __out
            }
            ::audit_runtime::__private::Err(__refused) => __refused,
        }
    }
    pub const fn new() -> Import {
        Import { rows: 0 }
    }
    fn rows(&self) -> u32 {
        self.rows
    }
}
const _: () = {
    ::audit_runtime::__private::left_out!("Import::new" 0u32 0u32 "const fn");
    ::audit_runtime::__private::left_out!("Import::rows" 0u32 0u32 "trivial");
};
