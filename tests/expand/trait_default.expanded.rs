trait Imports {
    fn name(&self) -> String;
    fn import(&self) -> Result<(), Failure> {
        ::audit_runtime::__private::site!(
            __AUDITED Sync "Imports::import" 0u32 0u32 { text : "" }
        );
        let mut __audit = ::audit_runtime::__private::Audit::<
            Result<(), Failure>,
        >::at(
            &__AUDITED,
            {
                use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
                let __of = &&::audit_runtime::__private::Of::<Result<(), Failure>>::HERE;
                __of.refusal()
            },
        );
        match __audit.open(::audit_runtime::__private::NONE) {
            ::audit_runtime::__private::Ok(()) => {
                let __out = __audit
                    .body(move || {
                        let _ = (&self,);
                        Err(Failure::Named(self.name()))
                    });
                __audit
                    .leave(
                        __out,
                        ::audit_runtime::__private::judge!(Result < (), Failure >),
                    )
            }
            ::audit_runtime::__private::Err(__refused) => __refused,
        }
    }
}
const _: () = {
    ::audit_runtime::__private::left_out!("Imports::name" 0u32 0u32 "no body");
};
