#[automatically_derived]
impl<T: ::audit_runtime::__private::AuditDigest> ::audit_runtime::__private::AuditDigest
for Person<T> {
    fn audit_digest(
        &self,
        out: &mut ::audit_runtime::__private::CanonicalWriter<'_>,
    ) -> ::audit_runtime::__private::Result<
        (),
        ::audit_runtime::__private::CanonicalError,
    > {
        #[allow(unused_imports)]
        use ::audit_runtime::__private::{
            ViaAuditDigest as _, ViaNothing as _, ViaSerde as _,
        };
        let Person { name: field0, password: field1, ssn: field2, age: field3 } = self;
        let _ = field1;
        out.object(|object| {
            object
                .field(
                    "age",
                    &(&&&::audit_runtime::__private::Probe(field3)).audit_value(),
                )?;
            object
                .field(
                    "name",
                    &(&&&::audit_runtime::__private::Probe(field0)).audit_value(),
                )?;
            object.redacted_field("password")?;
            object
                .keyed_field(
                    "ssn",
                    &(&&&::audit_runtime::__private::Probe(field2)).audit_value(),
                )?;
            ::audit_runtime::__private::Ok(())
        })
    }
}
