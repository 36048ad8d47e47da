trait Imports {
    fn name(&self) -> String;
    fn import(&self) -> Result<(), Failure> {
        ::audit_runtime::__private::site!(
            __AUDITED Sync "Imports::import" 0u32 0u32 { text : "" }
        );
        ::audit_runtime::__private::call::<
            Result<(), Failure>,
            _,
        >(
            &__AUDITED,
            ::audit_runtime::__private::NONE,
            move || {
                let _ = (&self,);
                Err(Failure::Named(self.name()))
            },
            |__out, __end| {
                ::audit_runtime::__private::judge!(__out __end);
            },
            |__error| {
                use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
                let __refusal = &&::audit_runtime::__private::Refusal::<
                    Result<(), Failure>,
                >::HERE;
                __refusal.refuse(__error)
            },
        )
    }
}
const _: () = {
    ::audit_runtime::__private::left_out!("Imports::name" 0u32 0u32 "no body");
};
