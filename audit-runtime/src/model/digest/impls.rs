//! `AuditDigest` for the types of the standard library, each in the form that serde gives it.
//!
//! Sets without an order (`HashSet`) are missing on purpose: their arrays would come in another order every time.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::error::{CanonicalError, DigestErrorCode};
use super::writer::{ArrayWriter, AuditDigest, CanonicalWriter};

type Done = Result<(), CanonicalError>;

macro_rules! scalar {
    ($($type:ty => |$out:ident, $value:ident| $write:expr;)*) => {$(
        impl AuditDigest for $type {
            #[inline]
            fn audit_digest(&self, $out: &mut CanonicalWriter<'_>) -> Done {
                let $value = self;
                $write
            }
        }
    )*};
}

scalar! {
    bool => |out, v| out.bool(*v);
    u8 => |out, v| out.u64(u64::from(*v));
    u16 => |out, v| out.u64(u64::from(*v));
    u32 => |out, v| out.u64(u64::from(*v));
    u64 => |out, v| out.u64(*v);
    usize => |out, v| out.u64(*v as u64);
    u128 => |out, v| out.u128(*v);
    i8 => |out, v| out.i64(i64::from(*v));
    i16 => |out, v| out.i64(i64::from(*v));
    i32 => |out, v| out.i64(i64::from(*v));
    i64 => |out, v| out.i64(*v);
    isize => |out, v| out.i64(*v as i64);
    i128 => |out, v| out.i128(*v);
    f32 => |out, v| out.f32(*v);
    f64 => |out, v| out.f64(*v);
    NonZeroU8 => |out, v| v.get().audit_digest(out);
    NonZeroU16 => |out, v| v.get().audit_digest(out);
    NonZeroU32 => |out, v| v.get().audit_digest(out);
    NonZeroU64 => |out, v| v.get().audit_digest(out);
    NonZeroUsize => |out, v| v.get().audit_digest(out);
    NonZeroI8 => |out, v| v.get().audit_digest(out);
    NonZeroI16 => |out, v| v.get().audit_digest(out);
    NonZeroI32 => |out, v| v.get().audit_digest(out);
    NonZeroI64 => |out, v| v.get().audit_digest(out);
    AtomicBool => |out, v| out.bool(v.load(Ordering::Relaxed));
    AtomicU32 => |out, v| v.load(Ordering::Relaxed).audit_digest(out);
    AtomicU64 => |out, v| v.load(Ordering::Relaxed).audit_digest(out);
    AtomicUsize => |out, v| v.load(Ordering::Relaxed).audit_digest(out);
    AtomicI32 => |out, v| v.load(Ordering::Relaxed).audit_digest(out);
    AtomicI64 => |out, v| v.load(Ordering::Relaxed).audit_digest(out);
    char => |out, v| out.char(*v);
    str => |out, v| out.str(v);
    String => |out, v| out.str(v);
    () => |out, _v| out.null();
    IpAddr => |out, v| out.display(v);
    Ipv4Addr => |out, v| out.display(v);
    Ipv6Addr => |out, v| out.display(v);
    SocketAddr => |out, v| out.display(v);
    PathBuf => |out, v| v.as_path().audit_digest(out);
    Path => |out, v| match v.to_str() {
        Some(text) => out.str(text),
        None => Err(CanonicalError::new(DigestErrorCode::NotUtf8)),
    };
    Duration => |out, v| out.object(|object| {
        object.field("nanos", &v.subsec_nanos())?;
        object.field("secs", &v.as_secs())
    });
}

macro_rules! pointer {
    ($($type:ty)*) => {$(
        impl<T: AuditDigest + ?Sized> AuditDigest for $type {
            #[inline]
            fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
                (**self).audit_digest(out)
            }
        }
    )*};
}

pointer! { &T &mut T Box<T> Rc<T> Arc<T> }

impl<T: AuditDigest + ToOwned + ?Sized> AuditDigest for Cow<'_, T> {
    #[inline]
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        (**self).audit_digest(out)
    }
}

impl<T: AuditDigest> AuditDigest for Option<T> {
    #[inline]
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        match self {
            Some(value) => value.audit_digest(out),
            None => out.null(),
        }
    }
}

impl<T: AuditDigest, E: AuditDigest> AuditDigest for Result<T, E> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        match self {
            Ok(value) => out.variant("Ok", |content| value.audit_digest(content)),
            Err(error) => out.variant("Err", |content| error.audit_digest(content)),
        }
    }
}

impl<T: ?Sized> AuditDigest for PhantomData<T> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        out.null()
    }
}

impl<T: AuditDigest + Copy> AuditDigest for Cell<T> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        self.get().audit_digest(out)
    }
}

impl<T: AuditDigest + ?Sized> AuditDigest for RefCell<T> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        match self.try_borrow() {
            Ok(value) => value.audit_digest(out),
            Err(_) => Err(CanonicalError::new(DigestErrorCode::Unreadable)),
        }
    }
}

#[inline]
fn items<'v, T: AuditDigest + 'v>(out: &mut CanonicalWriter<'_>, values: impl IntoIterator<Item = &'v T>) -> Done {
    out.array(|array: &mut ArrayWriter<'_>| values.into_iter().try_for_each(|value| array.item(value)))
}

macro_rules! list {
    ($($type:ty)*) => {$(
        impl<T: AuditDigest> AuditDigest for $type {
            #[inline]
            fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
                items(out, self)
            }
        }
    )*};
}

list! { [T] Vec<T> VecDeque<T> BTreeSet<T> }

impl<T: AuditDigest, const N: usize> AuditDigest for [T; N] {
    #[inline]
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        items(out, self)
    }
}

impl<K: AsRef<str>, V: AuditDigest> AuditDigest for BTreeMap<K, V> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        out.object(|object| self.iter().try_for_each(|(key, value)| object.entry(key.as_ref(), value)))
    }
}

impl<K: AsRef<str>, V: AuditDigest, S> AuditDigest for HashMap<K, V, S> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
        out.object(|object| self.iter().try_for_each(|(key, value)| object.entry(key.as_ref(), value)))
    }
}

macro_rules! tuple {
    ($($name:ident . $index:tt),*) => {
        impl<$($name: AuditDigest),*> AuditDigest for ($($name,)*) {
            #[inline]
            fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Done {
                out.array(|array| {
                    $(array.item(&self.$index)?;)*
                    Ok(())
                })
            }
        }
    };
}

tuple!(A.0);
tuple!(A.0, B.1);
tuple!(A.0, B.1, C.2);
tuple!(A.0, B.1, C.2, D.3);
tuple!(A.0, B.1, C.2, D.3, E.4);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11);
