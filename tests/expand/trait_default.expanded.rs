trait Imports {
    fn name(&self) -> String;
    fn import(&self) -> Result<(), Failure> {
        ::audit_runtime::__private::site!(
            __AUDITED Sync "Imports::import" 0u32 0u32 { text : "" }
        );
        let __refuse = {
            use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
            let __of = &&::audit_runtime::__private::Of::<Result<(), Failure>>::HERE;
            __of.refusal()
        };
        let __asks = ::audit_runtime::__private::asks(&__AUDITED);
        let mut __audit = ::audit_runtime::__private::Audit::<
            Result<(), Failure>,
        >::new();
        match if __asks {
            __audit.open(&__AUDITED, ::audit_runtime::__private::NONE, __refuse)
        } else {
            ::audit_runtime::__private::Ok(())
        } {
            ::audit_runtime::__private::Ok(()) => {
                let __out = __audit
                    .body(move || {
                        let _ = (&self,);
                        Err(Failure::Named(self.name()))
                    });
                let __out = __audit
                    .leave(
                        __asks,
                        &__AUDITED,
                        __out,
                        ::audit_runtime::__private::judge!(Result < (), Failure >),
                        __refuse,
                    );
                ::audit_runtime::__private::forget(__audit);
                __out
            }
            ::audit_runtime::__private::Err(__refused) => __refused,
        }
    }
}
const _: () = {
    ::audit_runtime::__private::left_out!("Imports::name" 0u32 0u32 "no body");
};
