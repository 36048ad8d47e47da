impl Import {
    pub fn run(&self) -> u32 {
        ::audit_runtime::__private::site!(
            __AUDITED Sync "Import::run" 0u32 0u32 { text : "kind = transform", kind :
            ::audit_runtime::__private::Some("transform") }
        );
        let mut __audit = ::audit_runtime::__private::Audit::<
            u32,
        >::at(&__AUDITED, ::audit_runtime::__private::refuse_by_panic);
        match __audit.open(::audit_runtime::__private::NONE) {
            ::audit_runtime::__private::Ok(()) => {
                let __out = __audit
                    .body(move || {
                        let _ = (&self,);
                        self.rows
                    });
                __audit.leave(__out, ::audit_runtime::__private::returned)
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
