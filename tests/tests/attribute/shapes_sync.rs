//! One function a shape, each told by its argument how to end.

use crate::trail::{Fault, How, Told, act};
use audit_runtime::audited;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

#[audited]
pub fn free(how: How) -> Told {
    act(how)
}

#[derive(Clone, Copy)]
pub struct Teller(pub How);

impl Teller {
    #[audited]
    pub fn by_ref(&self) -> Told {
        act(self.0)
    }

    #[audited]
    pub fn by_mut(&mut self) -> Told {
        let how = self.0;
        self.0 = How::Ok;
        act(how)
    }

    #[audited]
    pub fn by_value(self) -> Told {
        act(self.0)
    }

    #[audited]
    pub fn by_mut_value(mut self) -> Told {
        let how = std::mem::replace(&mut self.0, How::Ok);
        act(how)
    }

    #[audited]
    pub fn boxed(self: Box<Self>) -> Told {
        act(self.0)
    }

    #[audited]
    pub fn counted(self: Rc<Self>) -> Told {
        act(self.0)
    }

    #[audited]
    pub fn shared(self: Arc<Self>) -> Told {
        act(self.0)
    }

    #[audited]
    pub fn pinned(self: Pin<&mut Self>) -> Told {
        act(self.0)
    }

    #[audited]
    pub fn associated(how: How) -> Told {
        Self(how).plain_twin()
    }

    fn plain_twin(&self) -> Told {
        act(self.0)
    }
}

#[audited]
pub fn generic<T: Into<Teller>>(value: T) -> Told {
    act(value.into().0)
}

#[audited]
pub fn const_generic<const N: usize>(how: [How; N]) -> Told {
    act(how[0])
}

#[audited]
pub fn lifetimes<'a, 'b: 'a>(how: &'a How, _other: &'b str) -> Told {
    act(*how)
}

#[audited]
pub fn bounded<F>(tell: F) -> Told
where
    F: FnOnce() -> How,
{
    act(tell())
}

#[audited]
pub fn impl_argument(mut tell: impl Iterator<Item = How>) -> Told {
    act(tell.next().unwrap_or(How::Ok))
}

#[audited]
pub fn impl_return(how: How) -> Result<impl Fn() -> u32, Fault> {
    let value = act(how)?;
    Ok(move || value)
}

pub trait Tells {
    fn told(&self) -> How;

    #[audited]
    fn by_default(&self) -> Told {
        act(self.told())
    }

    fn by_impl(&self) -> Told;
}

impl Tells for Teller {
    fn told(&self) -> How {
        self.0
    }

    #[audited]
    fn by_impl(&self) -> Told {
        act(self.0)
    }
}

impl From<How> for Teller {
    fn from(how: How) -> Teller {
        Teller(how)
    }
}

#[audited]
#[allow(unsafe_code)]
pub unsafe fn unsafe_fn(how: How) -> Told {
    act(how)
}

#[audited(on_audit_failure = degrade)]
#[allow(unsafe_code)]
#[allow(improper_ctypes_definitions)]
pub extern "C-unwind" fn foreign(how: How) -> Told {
    act(how)
}

#[audited]
pub fn recursive(depth: u32, how: How) -> Told {
    if depth == 0 { act(how) } else { recursive(depth - 1, how) }
}

#[audited]
pub fn question_mark(how: How) -> Told {
    let _first = act(How::Ok)?;
    let second = act(how)?;
    act(How::Ok)?;
    Ok(second)
}

#[audited]
pub fn early_return(how: How) -> Told {
    if how != How::Ok {
        return act(how);
    }
    Ok(7)
}

#[audited]
pub fn labelled(how: How) -> Told {
    let value = 'found: {
        for _ in 0..3 {
            if how == How::Ok {
                break 'found 7;
            }
            act(how)?;
        }
        0
    };
    Ok(value)
}

#[audited]
pub fn let_else(how: How) -> Told {
    let Ok(value) = act(how) else {
        return Err(Fault::Told);
    };
    Ok(value)
}

#[audited]
pub fn inner_closure(how: How) -> Told {
    let inner = |how| -> Told {
        if how == How::Err {
            return act(how);
        }
        Ok(0)
    };
    drop(inner(How::Err));
    act(how)
}

#[audited]
pub fn patterns((how, _): (How, u8), [first, ..]: [u8; 2], Teller(_): Teller) -> Told {
    act(how).map(|value| value + u32::from(first))
}

#[audited]
pub fn mutable(mut how: How, mut times: u32) -> Told {
    while times > 0 {
        times -= 1;
    }
    if times == 0 {
        how = std::mem::replace(&mut how, How::Ok);
    }
    act(how)
}

#[audited]
pub fn never(how: How) -> ! {
    drop(act(how));
    panic!("told to panic")
}

#[audited]
pub fn moved(how: Box<How>, text: String, slice: &[u8]) -> Told {
    drop((text, slice));
    act(*how)
}

#[audited]
pub fn option_of_result(how: How) -> Option<Told> {
    Some(act(how))
}

pub type Alias<T = u32> = std::result::Result<T, Fault>;

#[audited]
pub fn alias(how: How) -> Alias {
    act(how)
}

#[audited]
#[track_caller]
pub fn tracks(how: How) -> Told {
    act(how)
}

#[must_use = "it tells"]
#[audited]
#[inline]
#[doc = "A documented function."]
pub fn decorated(#[allow(unused_variables)] extra: u8, how: How) -> Told {
    act(how)
}

#[audited]
pub fn conditional(#[cfg(not(unix))] missing: u8, #[cfg(unix)] how: How) -> Told {
    act(how)
}

pub struct Block(pub How);

#[audited(kind = transform)]
impl Block {
    pub fn on_impl(&self) -> Told {
        act(self.0)
    }

    #[audited(skip)]
    pub fn skipped(&self) -> Told {
        act(self.0)
    }

    #[not_audited(reason = "nothing happens here")]
    pub fn excused(&self) -> u32 {
        0
    }

    pub const fn constant() -> u32 {
        0
    }
}

#[audited]
pub mod module {
    use crate::trail::{How, Told, act};

    pub fn in_module(how: How) -> Told {
        act(how)
    }

    pub struct Inside;

    impl Inside {
        pub fn in_module_impl(&self, how: How) -> Told {
            act(how)
        }
    }
}

macro_rules! make {
    ($name:ident, $how:ident) => {
        #[audited]
        pub fn $name($how: How) -> Told {
            let how = $how;
            act(how)
        }
    };
}
make!(by_macro, told);

#[audited]
pub fn r#type(r#fn: How) -> Told {
    act(r#fn)
}

#[audited]
pub fn inner_attributes(how: How) -> Told {
    #![allow(unused_variables)]
    const SEVEN: u32 = 7;
    fn helper(value: u32) -> u32 {
        value
    }
    let unused = SEVEN;
    act(how).map(helper)
}

#[audited]
pub fn reborrowed<'a>(slot: &'a mut Vec<u32>, how: How) -> Result<&'a mut u32, Fault> {
    slot.push(act(how)?);
    slot.last_mut().ok_or(Fault::Told)
}

#[audited]
pub fn tail_temporary(lock: std::sync::Mutex<How>) -> Told {
    act(*lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

#[audited]
pub fn boxed_error(how: How) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(act(how)?)
}

pub struct Carrier<T>(pub How, pub PhantomData<T>);

impl<T: Default> Carrier<T> {
    #[audited]
    pub fn in_generic_impl(&self) -> Told
    where
        T: Clone,
    {
        drop(T::default());
        act(self.0)
    }
}

#[tracing::instrument]
#[audited]
pub fn under_instrument(how: How) -> Told {
    act(how)
}

#[audited]
#[tracing::instrument]
pub fn over_instrument(how: How) -> Told {
    act(how)
}

#[audited]
pub fn plain(how: How) -> u32 {
    act(how).unwrap_or(0)
}

#[audited]
pub fn nothing(how: How) {
    drop(act(how));
}

#[audited(on_audit_failure = degrade)]
pub extern "C" fn foreign_c(how: How) -> u32 {
    act(how).unwrap_or(0)
}

pub struct Dropped(pub How);

impl Drop for Dropped {
    #[audited(on_audit_failure = degrade)]
    fn drop(&mut self) {
        drop(act(self.0));
    }
}
